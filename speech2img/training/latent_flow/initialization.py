"""Where a latent flow's training starts: the released flow of another run, in latents of the same codec."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from speech2img.errors import CheckpointError
from speech2img.models.generators.flow_transformer import FlowTransformer
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import load_weights
from speech2img.storage.releases.provenance import trained_with
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.initial_weights import demand_same, kept_start, merged
from speech2img.training.latent_flow.settings import LatentFlowSettings

CODEC_ROLE = "image codec"
"""Role of the codec among the networks that a flow was trained with."""


def started(
    settings: LatentFlowSettings, run_dir: Path, *, codec_sha256: str
) -> tuple[LatentFlowSettings, Mapping[str, Any]]:
    """Settings with the network of the flow that a run starts from, and the config of that; empty without one.

    Parameters
    ----------
    settings : LatentFlowSettings
        What of its network is at its default takes the start's value.
    run_dir : Path
        The run; what it has kept of its start comes first, so that a resumed run needs no other.
    codec_sha256 : str
        Hash of the codec of this run.

    Raises
    ------
    ConfigError
        If settings were chosen that the start's weights do not fit; the message lists all such.
    CheckpointError
        If there is no such start, it is no latent flow, or one of another codec.
    """
    if settings.initial is None:
        return settings, {}
    config = kept_start(settings.initial, run_dir) or load_release(find_release(settings.initial))[1]

    # It must be a flow in latents of this codec.
    arguments = config.get("generator", {})
    if arguments.get("network") != settings.family:
        reason = f"its generator is {arguments.get('network', 'stackgan')!r}" if arguments else "it has no generator"
        raise CheckpointError.about(f"initial {settings.initial}", reason, "give a latent-flow")
    codecs = {sha256 for role, sha256 in (trained_with(config) or {}).items() if role.endswith(CODEC_ROLE)}
    if codecs != {codec_sha256}:
        reason = "it was trained on latents of another codec, or of another scale"
        raise CheckpointError.about(f"initial {settings.initial}", reason, "give the codec that it was trained with")

    # Its sizes; releases of before there was a choice predict the velocity.
    differing: list[str] = []
    released = {"prediction": "velocity", **arguments}
    changed = merged(settings.model, released, "model.", differing, free=("dropout",))
    if arguments.get("image_size") != settings.image_size:
        differing.append(f"image_size {arguments.get('image_size')} (set: {settings.image_size})")
    demand_same(settings.initial, differing)
    return replace(settings, model=replace(settings.model, **changed)), config


def load_initial_weights_(name: str, flow: FlowTransformer) -> None:
    """Load the released flow of another run, in place, with its statistics of latents and speech.

    Raises
    ------
    CheckpointError
        If it takes other embeddings.
    """
    folder = find_release(name)
    tensors, _ = load_release(folder)
    load_weights(flow, strip_prefix(tensors, "generator.flow."), name=f"flow of {folder}")
