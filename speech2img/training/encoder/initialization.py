"""Where an encoder's training starts: the weights of a release, with the network and the front-end they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from speech2img.audio.front_ends import ReleasedFrontEnd
from speech2img.errors import CheckpointError, ConfigError, with_article
from speech2img.features.image_features import FeatureFile, Standardizer
from speech2img.features.plain_frames import HEARD_WITH
from speech2img.models.encoders.registry import build_encoder
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network, load_weights
from speech2img.storage.releases.provenance import TRAINED_WITH, inherited, trained_with
from speech2img.storage.releases.release import CONFIG, load_release, release_sha256, strip_prefix
from speech2img.storage.releases.shared_weights import SHARED, require_shared_weights
from speech2img.storage.releases.writing import save_release
from speech2img.training.encoder.front_end import AdapterEncoder
from speech2img.training.encoder.model import SpeechImageModel
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.initial_weights import demand_same, merged

KEPT = "initial"
"""Folder of a run that keeps what it started from: a resumed run needs no other."""

_NAME, _SHA256 = "initial", "initial_sha256"
_FRONT_END = "initial_front_end"
_FREE = ("dropout", "tuned", "front_end")
_TABLES = {"li2020": "model", "s2igan": "crnn", "pretrained": "pretrained"}
_WHOLE_MODELS = "speech encoder's ", "encoder's "
"""How the roles of an encoder's networks begin in a model of which it is a part."""
_KINDS = ("speech-encoder", "speech-to-image")
_PARTS = ("encoder.", "image_head.", "target.")


@dataclass(frozen=True)
class EncoderStart:
    """A release that an encoder's training starts from."""

    name: str
    """As the setting ``initial`` gives it."""
    sha256: str
    """Hash of the release's weights."""
    config: dict[str, Any]
    """Its config."""
    tensors: dict[str, Tensor]
    """Its encoder, image head and statistics of its targets."""
    front_end: str | None = None
    """Folder of the pretrained front-end that its encoder is built on."""

    @property
    def trained_with(self) -> dict[str, str]:
        """Role -> hash of the networks that come with it, for the new release."""
        return {**inherited(self.config, "initial encoder"), "initial encoder": self.sha256}

    @property
    def layer_mix(self) -> list[float] | None:
        """Logits of the mix of its front-end's layers; None where it has none."""
        logits = self.tensors.get("encoder.mix.weights")
        return None if logits is None else [float(value) for value in logits]

    def standard(self, features: FeatureFile) -> Standardizer | None:
        """What its targets were standardised with, if these features are of its own teacher; else None."""
        if "target.mean" not in self.tensors or not self.knows(features):
            return None
        mean, std = (self.tensors[f"target.{key}"].float().numpy() for key in ("mean", "std"))
        return Standardizer(mean, std)

    def knows(self, features: FeatureFile) -> bool:
        """Whether it learned to give features of the very teacher that gave these."""
        return features.sha256 in {self.sha256, *(trained_with(self.config) or {}).values()}


def open_start(name: str, run_dir: Path) -> EncoderStart:
    """Read what a run starts, or has started, from.

    Parameters
    ----------
    name : str
        Name of shipped weights, release folder or run folder.
    run_dir : Path
        The run that starts; what it has kept comes first.

    Raises
    ------
    CheckpointError
        If there is no such release, it is damaged, or has no speech encoder.
    """
    kept = run_dir / KEPT
    if (kept / CONFIG).is_file():
        tensors, config = load_release(kept)
        if config.get(_NAME) == name:
            return EncoderStart(name, str(config[_SHA256]), config, tensors, config.get(_FRONT_END))
    folder = find_release(name)
    tensors, config = load_release(folder)
    if config.get("kind") not in _KINDS or not strip_prefix(tensors, "encoder."):
        fix = "give shipped weights, a run of 'train encoder', or a whole model"
        raise CheckpointError.about(
            folder, f"holds {with_article(repr(config.get('kind')))}, and no speech encoder", fix
        )
    build_network(build_encoder, config.get("encoder"), strip_prefix(tensors, "encoder."), name=f"encoder of {folder}")
    own = {key: value for key, value in tensors.items() if key.startswith(_PARTS)}
    prefix = "encoder.front_end."
    part = config.get(SHARED, {}).get(prefix)
    front_end = None if part is None else str(require_shared_weights(part, beside=folder, prefix=prefix))
    return EncoderStart(name, release_sha256(folder), config, own, front_end)


def keep_start(start: EncoderStart, run_dir: Path) -> None:
    """Keep a run's start in its folder, once."""
    if (run_dir / KEPT / CONFIG).is_file() and load_release(run_dir / KEPT)[1].get(_NAME) == start.name:
        return
    names = ("mel_preset", "encoder", "pad_value", "features", "standardised", "image_head", SHARED, TRAINED_WITH)
    config = {"kind": "speech-encoder"} | {name: start.config[name] for name in names if name in start.config}
    config |= {_NAME: start.name, _SHA256: start.sha256}
    if start.front_end is not None:
        config[_FRONT_END] = start.front_end
    save_release(run_dir / KEPT, start.tensors, config, f"# Start\n\nThe encoder of {start.name}.\n", half=False)


def adopted(settings: EncoderSettings, start: EncoderStart) -> EncoderSettings:
    """Settings with the network and the front-end of a start.

    Parameters
    ----------
    settings : EncoderSettings
        What is at its default takes the start's value.
    start : EncoderStart
        The start.

    Raises
    ------
    ConfigError
        If a setting was chosen that the start's weights do not fit; the message lists all such.
    CheckpointError
        If the start's config makes no sense.
    """
    # What the start's config says of the training.
    arguments = start.config.get("encoder")
    if not isinstance(arguments, Mapping):
        raise CheckpointError.about(start.name, "its config describes no encoder", "give another initial")
    network = str(arguments.get("network", "li2020"))
    if network not in _TABLES:
        reason = f"its encoder is {with_article(network)}, which is not trained here"
        raise CheckpointError.about(start.name, reason, f"give one of {', '.join(_TABLES)}")
    if network == "pretrained" and arguments.get("tuned"):
        reason = "its front-end was trained along with it"
        raise CheckpointError.about(start.name, reason, "start from an encoder on a frozen front-end")
    top = {
        "mel_preset": start.config.get("mel_preset", settings.mel_preset),
        "network": network,
        "image_head": "image_head" in start.config,
        "standardise": "target.mean" in start.tensors,
    }

    # Settings at their default take it over; others must agree with it.
    differing: list[str] = []
    changed = merged(settings, top, "", differing)
    table = _TABLES[network]
    released = {name: value for name, value in arguments.items() if name != "front_end"}
    if start.front_end is not None:
        released["front_end"] = start.front_end
    own = getattr(settings, table)
    changed[table] = replace(own, **merged(own, released, f"{table}.", differing, free=_FREE))
    demand_same(start.name, differing)
    return replace(settings, **changed)


def demand_same_front_end(start: EncoderStart, front_end: ReleasedFrontEnd) -> None:
    """Raise ConfigError unless a front-end is the one that a start's adapter was trained on."""
    roles = trained_with(start.config) or {}
    known = [roles[role] for role in (HEARD_WITH, *(f"{part}{HEARD_WITH}" for part in _WHOLE_MODELS)) if role in roles]
    if front_end.sha256 not in known:
        trained_on = known[0][:16] if known else "that nothing tells of"
        reason = f"its adapter was trained on the front-end {trained_on}, and not on {front_end.model}"
        fix = "set pretrained.front_end to the folder of that one"
        raise ConfigError.about(f"initial {start.name}", reason, fix)


def start_from_(model: SpeechImageModel, start: EncoderStart) -> None:
    """Load a start's encoder (on a frozen front-end its adapter), and its image head where there is one, in place.

    Raises
    ------
    CheckpointError
        If they do not fit, which a config that belongs to other weights, or features of another size, may bring about.
    """
    weights = strip_prefix(start.tensors, "encoder.")
    if isinstance(model.encoder, AdapterEncoder):
        weights = {name: value for name, value in weights.items() if name.startswith("adapter.")}
    load_weights(model.encoder, weights, name=f"encoder of {start.name}")
    if model.image_head is not None:
        load_weights(model.image_head, strip_prefix(start.tensors, "image_head."), name=f"image head of {start.name}")
