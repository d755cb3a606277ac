"""Where the training of a generator behind a codec starts: the released network of another run, of the same codec."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from speech2img.errors import CheckpointError, with_article
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import load_weights
from speech2img.storage.releases.provenance import trained_with
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.initial_weights import demand_same, kept_start, merged

CODEC_ROLE = "image codec"
"""Role of the codec among the networks that a generator was trained with."""


def started(
    settings: Any, run_dir: Path, *, codec_sha256: str, tables: Sequence[str] = ("model",), free: Sequence[str] = ()
) -> tuple[Any, Mapping[str, Any]]:
    """Settings with the network of the release that a run starts from, and the config of that; empty without one.

    Parameters
    ----------
    settings : dataclass
        With ``family``, ``initial`` and ``image_size``. What of its network is at its default takes the start's value.
    run_dir : Path
        The run; what it has kept of its start comes first, so that a resumed run needs no other.
    codec_sha256 : str
        Hash of the codec of this run.
    tables : sequence of str
        Those of the settings that say what the weights mean.
    free : sequence of str
        As for `merged`.

    Raises
    ------
    ConfigError
        If settings were chosen that the start's weights do not fit; the message lists all such.
    CheckpointError
        If there is no such start, it is of another family, or one of another codec.
    """
    if settings.initial is None:
        return settings, {}
    config = kept_start(settings.initial, run_dir) or load_release(find_release(settings.initial))[1]

    # It must be of this family, and behind this codec.
    arguments = config.get("generator", {})
    if arguments.get("network") != settings.family:
        reason = f"its generator is {arguments.get('network', 'stackgan')!r}" if arguments else "it has no generator"
        raise CheckpointError.about(f"initial {settings.initial}", reason, f"give {with_article(settings.family)}")
    codecs = {sha256 for role, sha256 in (trained_with(config) or {}).items() if role.endswith(CODEC_ROLE)}
    if codecs != {codec_sha256}:
        reason = "it was trained with another codec, or with latents of another scale"
        raise CheckpointError.about(f"initial {settings.initial}", reason, "give the codec that it was trained with")

    # Its sizes; releases of before there was a choice predict the velocity.
    differing: list[str] = []
    released = {"prediction": "velocity", **arguments}
    changed = {}
    for table in tables:
        own = getattr(settings, table)
        changed[table] = replace(own, **merged(own, released, f"{table}.", differing, free=free))
    if arguments.get("image_size") != settings.image_size:
        differing.append(f"image_size {arguments.get('image_size')} (set: {settings.image_size})")
    demand_same(settings.initial, differing)
    return replace(settings, **changed), config


def load_initial_weights_(name: str, network: nn.Module, *, part: str) -> None:
    """Load the released network of another run, in place, with its statistics of what it saw.

    Parameters
    ----------
    name : str
        The start.
    network : nn.Module
        What takes the weights.
    part : str
        Its name in the generator.

    Raises
    ------
    CheckpointError
        If it takes other embeddings.
    """
    folder = find_release(name)
    tensors, _ = load_release(folder)
    load_weights(network, strip_prefix(tensors, f"generator.{part}."), name=f"{part} of {folder}")
