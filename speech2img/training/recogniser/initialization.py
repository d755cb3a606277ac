"""Where a recogniser's training starts, if not from nothing: a released one, that learns other speech or texts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from speech2img.errors import CheckpointError, with_article
from speech2img.models.recognisers.speech_transformer import SpeechTransformer
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import load_weights
from speech2img.storage.releases.provenance import inherited
from speech2img.storage.releases.release import load_hashed_release, load_release, strip_prefix
from speech2img.training.initial_weights import demand_same, kept_start, merged
from speech2img.training.recogniser.settings import RecogniserSettings

_SHA256 = "initial_sha256"
_FREE = ("dropout",)


def started(settings: RecogniserSettings, run_dir: Path) -> tuple[RecogniserSettings, Mapping[str, Any]]:
    """Settings with the network of the recogniser that a run starts from, and the config of that; empty without one.

    Parameters
    ----------
    settings : RecogniserSettings
        What of its network and front-end is at its default takes the start's value.
    run_dir : Path
        The run; what it has kept of its start comes first, so that a resumed run needs no other.

    Raises
    ------
    ConfigError
        If settings were chosen that the start's weights do not fit; the message lists all such.
    CheckpointError
        If there is no such start, or it is no recogniser.
    """
    if settings.initial is None:
        return settings, {}
    config = kept_start(settings.initial, run_dir)
    if config is None:
        _, config, sha256 = load_hashed_release(find_release(settings.initial))
        config = {**config, _SHA256: sha256}
    arguments = config.get("recogniser")
    if config.get("kind") != "recogniser" or not isinstance(arguments, Mapping):
        reason = f"holds {with_article(repr(config.get('kind')))}, not a recogniser"
        raise CheckpointError.about(f"initial {settings.initial}", reason, "give a run of 'train recogniser'")

    # Front-end, characters and sizes; a second head is there or not.
    differing: list[str] = []
    top = {name: config.get(name, arguments.get(name)) for name in ("mel_preset", "form", "alphabet")}
    if arguments.get("form") == "published":
        del top["alphabet"]
    changed = merged(settings, top, "", differing)
    changed["model"] = replace(settings.model, **merged(settings.model, arguments, "model.", differing, free=_FREE))
    if not arguments.get("ctc"):
        changed["ctc"] = 0.0
    elif not settings.ctc:
        differing.append("a second head (set: ctc 0)")
    demand_same(settings.initial, differing)
    return replace(settings, **changed), config


def load_initial_weights_(name: str, network: SpeechTransformer) -> None:
    """Load a released recogniser's weights, in place.

    Raises
    ------
    CheckpointError
        If they do not fit, which a config that belongs to other weights may bring about.
    """
    folder = find_release(name)
    tensors, _ = load_release(folder)
    load_weights(network, strip_prefix(tensors, "recogniser."), name=f"recogniser of {folder}")


def start_roles(config: Mapping[str, Any]) -> dict[str, str]:
    """Role -> hash of what comes with the start, for the new release; empty without one."""
    if not config:
        return {}
    return {**inherited(config, "initial recogniser"), "initial recogniser": str(config.get(_SHA256, ""))}
