"""A whole model from two parts: a speech encoder, and a generator with all that belongs to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from speech2img.errors import CheckpointError
from speech2img.storage.releases.config import ENCODER_KEYS, ENCODER_PARTS
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.provenance import TRAINED_WITH, inherited, trained_with
from speech2img.storage.releases.release import load_hashed_release
from speech2img.storage.releases.shared_weights import SHARED
from speech2img.storage.releases.writing import save_release

GENERATOR_SHARED = ("generator.codec.",)
"""Beginnings of the names of tensors of a generator that its release may share with others."""
IMITATED = "imitated encoder"
"""Role of the encoder whose embeddings another one learned to give, among the networks it was trained with."""


def compose_release(encoder: str | Path, generator: str | Path, out: str | Path) -> bool:
    """Write a release of kind ``speech-to-image``; neither of the two is changed.

    Parameters
    ----------
    encoder : str or path
        Run, release or shipped weights with a speech encoder.
    generator : str or path
        The same with a generator; its own encoder, if it has one, is left behind.
    out : str or path
        Folder to write.

    Returns
    -------
    bool
        Whether the encoder learned to give what the generator was trained on: it is the generator's own, or imitates
        it. Otherwise the generator does not understand it.

    Raises
    ------
    CheckpointError
        If a release is missing or damaged, or has no encoder or no generator.
    ConfigError
        If ``out`` holds anything but an older release.
    """
    # What both releases hold.
    heard, painted = find_release(encoder), find_release(generator)
    encoder_tensors, encoder_config, sha256 = load_hashed_release(heard)
    generator_tensors, generator_config, other = load_hashed_release(painted)
    if "encoder" not in encoder_config:
        raise CheckpointError.about(heard, "has no speech encoder", "give the run of an encoder, or a whole model")
    if "generator" not in generator_config:
        raise CheckpointError.about(painted, "has no generator", "give the run of a generator or a prior")

    # Whether they know each other.
    ours, theirs = trained_with(encoder_config) or {}, trained_with(generator_config) or {}
    own = {sha256, ours.get(IMITATED, sha256)}
    fits = bool(own & {other, *theirs.values()})

    # The encoder's part of one, everything else of the other.
    tensors = {name: value for name, value in generator_tensors.items() if not name.startswith(ENCODER_PARTS)}
    tensors |= {name: value for name, value in encoder_tensors.items() if name.startswith(ENCODER_PARTS)}
    config = {key: value for key, value in generator_config.items() if key not in ENCODER_KEYS}
    config |= {key: value for key, value in encoder_config.items() if key in ENCODER_KEYS}
    kept = {prefix: part for prefix, part in generator_config.get(SHARED, {}).items() if prefix in GENERATOR_SHARED}
    config[SHARED] = {**config.get(SHARED, {}), **kept}
    config["kind"] = "speech-to-image"
    config[TRAINED_WITH] = {
        **{f"encoder's {role}": value for role, value in inherited(encoder_config, "own").items()},
        "speech encoder": sha256,
        **inherited(generator_config, "generator"),
        "generator": other,
    }
    card = (
        f"# Speech to image\n\nSpeech encoder {sha256[:16]}, generator {other[:16]}: two releases put together by"
        f" `speech2img compose`.\n\n{_card(heard, 'Encoder')}\n{_card(painted, 'Generator')}"
    )
    save_release(out, tensors, config, card)
    return fits


def save_generator(
    folder: Path,
    weights: Mapping[str, Tensor],
    card: str,
    *,
    generator_config: Mapping[str, Any],
    encoder: tuple[Mapping[str, Tensor], Mapping[str, Any]],
    trained_with: Mapping[str, str],
    image_size: int,
    step: int,
    images_seen: int,
    shared: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write a release of kind ``speech-to-image``, or ``image-generator`` where no encoder made the embeddings.

    Parameters
    ----------
    folder : Path
        Where it goes.
    weights : Mapping of str to Tensor
        State of the generator.
    card : str
        As for `save_release`.
    generator_config : Mapping of str to Any
        Arguments of the generator's class, and its ``network``.
    encoder : tuple of Mapping and Mapping
        Tensors and config of the encoder's release.
    trained_with : Mapping of str to str
        Role -> hash of every network behind it.
    image_size : int
        Side of the images in pixels.
    step, images_seen : int
        How long it was trained.
    shared : Mapping, optional
        What the generator shares with other releases, as `SHARED` holds it.
    """
    encoder_tensors, encoder_config = encoder
    tensors = {key: value for key, value in encoder_tensors.items() if key.startswith(ENCODER_PARTS)}
    tensors |= {f"generator.{name}": value for name, value in weights.items()}
    config = {
        **{key: value for key, value in encoder_config.items() if key in ENCODER_KEYS},
        "kind": "speech-to-image" if "encoder" in encoder_config else "image-generator",
        "generator": dict(generator_config),
        "conditioning": "mean",
        "image_size": image_size,
        "step": step,
        "images_seen": images_seen,
        TRAINED_WITH: dict(trained_with),
    }
    if shared:
        config[SHARED] = {**config.get(SHARED, {}), **shared}
    save_release(folder, tensors, config, card)


def _card(folder: Path, part: str) -> str:
    """Card of a part under a heading of its own."""
    text = (folder / "CARD.md").read_text(encoding="utf-8", errors="replace")
    return f"## {part}\n\n{text.replace('# ', '### ')}"
