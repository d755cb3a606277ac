"""What the config of a release may say: every value that a reader acts on is checked once, when the release is read."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from speech2img.errors import CheckpointError
from speech2img.renamed import renamed

Check = Callable[[Any], bool]
ENCODER_KEYS = (
    *("mel_preset", "encoder", "pad_value", "pad_to_frames", "image_head", "features", "shared_weights"),
    "confidence",
)
"""What a whole model's config takes over from its speech encoder's."""
ENCODER_PARTS = ("encoder.", "target.", "image_head.", "confidence.")
"""Beginnings of the names of the tensors that it takes over."""
LONGEST_TEXT = 1000
"""Characters of any text in a config that is acted on."""


def check_config(config: Any, *, name: str) -> dict[str, Any]:
    """Return a release's config if all values that this package acts on are of their kind and within their range.

    Old names of keys are replaced by the new ones.

    Parameters
    ----------
    config : Any
        What the config file holds. Keys that nobody acts on may have any value, and any key may be missing.
    name : str
        What the release is called, for the message.

    Raises
    ------
    CheckpointError
        If it is no mapping, or a value is of another kind; the message names the first.
    """
    if not isinstance(config, dict):
        raise CheckpointError.about(name, "its config holds no settings by name", "export or import it again")
    modern = renamed("release", config)
    for key, (wanted, fits) in _KEYS.items():
        if key in modern and not fits(modern[key]):
            reason = f"its config says {key} = {modern[key]!r:.80}, where {wanted} belongs"
            raise CheckpointError.about(name, reason, "export or import it again")
    return modern


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _number(low: float, high: float) -> Check:
    return lambda value: type(value) in (int, float) and math.isfinite(value) and low <= value <= high


def _one_of(*choices: str) -> tuple[str, Check]:
    return " or ".join(choices), lambda value: isinstance(value, str) and value in choices


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _mapping(check: Check = lambda value: True) -> Check:
    return lambda value: isinstance(value, Mapping) and all(map(check, value.values()))


def _names(least: int) -> Check:
    """A list of so many different texts, or more."""
    return lambda value: (
        isinstance(value, list) and len(value) >= least and all(map(_text, value)) and len(set(value)) == len(value)
    )


def _shared(value: Any) -> bool:
    """What a release says of weights that it shares with others."""
    return (
        isinstance(value, Mapping)
        and value.keys() - {"prefix"} == {"sha256", "name"}
        and all(map(_text, value.values()))
    )


_SETTINGS = ("a table of settings", _mapping())
_COUNT = ("a whole number, 0 or more", _whole(0, 2**62))
_TEXT = ("a text", _text)
_KEYS: Mapping[str, tuple[str, Check]] = {
    **dict.fromkeys(("encoder", "generator", "prior", "reranker", "image_head", "tacotron2", "hifigan"), _SETTINGS),
    **dict.fromkeys(("front_end", "confidence", "codec", "efficientnet", "text_encoder", "damsm"), _SETTINGS),
    "lpips": _SETTINGS,
    "clip_image": _SETTINGS,
    "shared_weights": ("a table of hashes and names", _mapping(_shared)),
    "inception": ("a table of settings", _or_none(_mapping())),
    **dict.fromkeys(
        ("with_generator", "kind", "mel_preset", "cleaner", "role", "name", "network", "backbone", "features"), _TEXT
    ),
    **dict.fromkeys(("corpus", "crop", "tuned", "source", "source_file", "source_sha256", "network_sha256"), _TEXT),
    "variant": _one_of("bvlc", "torchvision"),
    "conditioning": _one_of("mean", "sampled"),
    "heads": ("a table of lists of two names or more", _mapping(_names(2))),
    "classes": ("a list of different names", _names(1)),
    "ema": ("true or false", lambda value: isinstance(value, bool)),
    "hidden": ("a whole number, 0 to 65536", _whole(0, 1 << 16)),
    "width": ("a whole number, 1 to 65536", _whole(1, 1 << 16)),
    "feature_dim": ("a whole number, 1 to 65536", _whole(1, 1 << 16)),
    "image_size": ("a whole number, 8 to 2048", _whole(8, 2048)),
    "pad_value": ("a number or nothing", _or_none(_number(-1e6, 1e6))),
    "pad_to_frames": ("a whole number, 1 to 100000, or nothing", _or_none(_whole(1, 100_000))),
    "accuracy": ("a table of shares, 0 to 1", _mapping(_number(0.0, 1.0))),
    "trained_with": ("a table of texts", _mapping(_text)),
    "prior_steps": ("a whole number, 1 to 1000", _whole(1, 1000)),
    **dict.fromkeys(("num_candidates", "num_feature_draws"), ("a whole number, 1 to 128", _whole(1, 128))),
    **dict.fromkeys(("mean_scale", "guidance_scale", "temperature"), ("a number, 0 to 1000", _number(0.0, 1000.0))),
    **dict.fromkeys(("step", "images_seen", "utterances_seen", "clips_seen"), _COUNT),
}
