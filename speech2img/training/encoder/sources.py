"""What the encoder's training hears: stored log-mels, augmented ones, or the frames of a frozen front-end."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from speech2img.audio.front_ends import ReleasedFrontEnd
from speech2img.audio.store import MelStore
from speech2img.batches.speech import Mels, UtteranceSource
from speech2img.corpora.records.manifest import Manifest
from speech2img.distributed.collectives import is_main_process, on_main_process
from speech2img.errors import CheckpointError
from speech2img.models.encoders.base import SpeechEncoder
from speech2img.models.encoders.pretrained import PretrainedEncoder
from speech2img.storage.atomic import write_json
from speech2img.storage.reading import read_json
from speech2img.training.encoder.data import Utterances
from speech2img.training.encoder.front_end import (
    AdapterEncoder,
    augmented_mels,
    frozen_source,
    given_mix,
    learned_mix,
    untrained_encoder,
)
from speech2img.training.encoder.layer_mix import fix_layer_mix_
from speech2img.training.encoder.model import pad_value
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.encoder.spoken_again import SpokenAgain

MIX_FILE = "layer-mix.json"
"""In the run folder: the mix of a frozen front-end's layers, learned once."""


@dataclass(frozen=True)
class Source:
    """Where batches come from, and the encoder that takes them."""

    utterances: UtteranceSource
    """Log-mels or frames."""
    encoder: SpeechEncoder | None = None
    """What is trained on a pretrained front-end; None: the network that the settings describe."""
    pretrained: PretrainedEncoder | None = None
    """The whole encoder of which ``encoder`` is the adapter; None where the front-end is trained or there is none."""


def utterance_source(
    manifest: Manifest,
    store: MelStore,
    utterances: Utterances,
    settings: EncoderSettings,
    *,
    again: SpokenAgain,
    front_end: ReleasedFrontEnd | None,
    layer_mix: list[float] | None,
    run_folder: Path,
    device: torch.device,
    progress: bool,
) -> Source:
    """Make ready what the encoder's training hears.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    store : MelStore
        Its log-mels by the preset of the settings.
    utterances : Utterances
        Training and validation utterances.
    settings : EncoderSettings
        How to train.
    again : SpokenAgain
        Recordings in other voices.
    front_end : ReleasedFrontEnd, optional
        Of the network pretrained.
    layer_mix : list of float, optional
        Mix of the weights that the run starts from; None learns one.
    run_folder : Path
        Keeps the mix of layers.
    device : torch.device
        Where a front-end computes.
    progress : bool
        Show progress.

    Raises
    ------
    CheckpointError
        If the run's mix of layers is damaged.
    DiskFullError
        If there is no room for the frames of a frozen front-end.
    """
    # Log-mels, for networks that hear them themselves.
    augmented = augmented_mels(manifest, store, utterances, settings, again=again)
    plain = Mels(store, max_frames=settings.max_frames, pad_value=pad_value(settings))
    mels = augmented if settings.augment else plain
    if front_end is None:
        return Source(mels)
    whole = untrained_encoder(front_end, settings).to(device)
    if settings.pretrained.tuned:
        return Source(mels, whole)

    # The mix of a frozen front-end's layers: learned by one process, once.
    path = run_folder / MIX_FILE

    def learn() -> None:
        if path.exists():  # asked by this process alone: the others may come when it is written
            return
        shown = progress and is_main_process()
        mix = layer_mix
        if settings.pretrained.mix:
            mix = given_mix(settings.pretrained.mix, num_states=len(whole.mix.weights))
        elif mix is None:
            mix = learned_mix(front_end, augmented, utterances, settings, device=device, progress=shown)
        write_json(path, {"front_end_sha256": front_end.sha256, "logits": mix})

    on_main_process(learn)
    fix_layer_mix_(whole.mix, _read_mix(path, front_end, len(whole.mix.weights)))

    # Its frames, and the adapter that is trained on them.
    frames = frozen_source(
        front_end,
        whole,
        manifest,
        store,
        utterances,
        settings,
        mels=augmented,
        again=again,
        device=device,
        progress=progress,
    )
    adapter = AdapterEncoder(whole.adapter, frame_width=whole.frame_width, embedding_dim=whole.embedding_dim)
    return Source(frames, adapter, whole)


def _read_mix(path: Path, front_end: ReleasedFrontEnd, count: int) -> list[float]:
    """Logits of a run's mix; CheckpointError where it is damaged or of another front-end."""
    stored: Any = read_json(path, max_bytes=1 << 16)
    logits = stored.get("logits") if isinstance(stored, dict) else None
    if isinstance(logits, list) and len(logits) == count and all(type(value) is float for value in logits):
        if stored.get("front_end_sha256") == front_end.sha256:
            return logits
    raise CheckpointError.about(path, "is damaged, or of another front-end", "start a new run in another folder")
