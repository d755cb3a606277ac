"""The pretrained front-end of an encoder's training: opened, listened to once where it is frozen, and its adapter."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from speech2img.audio.front_ends import ReleasedFrontEnd, load_front_end
from speech2img.audio.mel import MEL_PRESETS
from speech2img.audio.store import MelStore
from speech2img.batches.augmented_mels import BABBLE_VOICES, AugmentedMels
from speech2img.batches.frame_copies import FrameCopies
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError
from speech2img.features.plain_frames import FOLDER, plain_key
from speech2img.features.stores import derived
from speech2img.models.encoders.base import SpeechEncoder, SpeechEncoding
from speech2img.models.encoders.frame_adapter import FrameAdapter
from speech2img.models.encoders.parallel_branch import ParallelBranch
from speech2img.models.encoders.pretrained import PretrainedEncoder
from speech2img.training.encoder.attribute_heads import load_heads
from speech2img.training.encoder.data import Utterances
from speech2img.training.encoder.front_end_frames import all_cached_frames, cached_frames
from speech2img.training.encoder.layer_mix import learn_layer_mix
from speech2img.training.encoder.model import SpeechImageModel, pretrained_config
from speech2img.training.encoder.outdated_caches import HeardRecordings
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.encoder.spoken_again import SpokenAgain

_NO_WEIGHT = 1e-9  # of a state that the mix leaves out


def untrained_encoder(front_end: ReleasedFrontEnd, settings: EncoderSettings) -> PretrainedEncoder:
    """Untrained mix and adapter on a front-end with its weights, on the CPU."""
    arguments = {key: value for key, value in pretrained_config(settings, front_end).items() if key != "network"}
    encoder = PretrainedEncoder(**arguments)
    encoder.front_end.load_state_dict(front_end.network.state_dict())
    return encoder


class AdapterEncoder(SpeechEncoder):
    """What is trained on a frozen front-end: its adapter, on stored frames.

    Parameters
    ----------
    adapter : FrameAdapter or ParallelBranch
        The adapter.
    frame_width : int
        Numbers a frame.
    embedding_dim : int
        Size of the embedding.
    """

    def __init__(self, adapter: FrameAdapter | ParallelBranch, *, frame_width: int, embedding_dim: int) -> None:
        super().__init__()
        self.adapter, self.n_mels, self.embedding_dim = adapter, frame_width, embedding_dim

    def forward(self, frames_BFS: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode stored frames (B, frame_width, S), right-padded, with the valid ones of each row."""
        lengths = self.checked_lengths(frames_BFS, lengths_B)
        encoding: SpeechEncoding = self.adapter(frames_BFS.transpose(1, 2), lengths)
        return encoding


def open_front_end(settings: EncoderSettings) -> ReleasedFrontEnd:
    """Read the front-end that the settings name.

    Raises
    ------
    CheckpointError
        If there is no such release, or it is none of a front-end.
    ConfigError
        If the settings do not fit it, or it takes waveforms.
    """
    front_end = load_front_end(settings.pretrained.front_end)
    if settings.mel_preset != front_end.mel.name:
        reason = f"{settings.mel_preset}, and the front-end {front_end.model} takes {front_end.mel.name}"
        raise ConfigError.about("mel_preset", reason, f"set it to {front_end.mel.name}")
    if front_end.network.takes != "mel":
        reason = f"{front_end.model} takes waveforms, and what an encoder is trained on here are log-mels"
        raise ConfigError.about("pretrained.front_end", reason, "give an encoder of Whisper")
    try:
        untrained_encoder(front_end, settings)
    except ValueError as error:
        raise ConfigError.about("pretrained", str(error), "change the settings of this table") from error
    return front_end


def frozen_source(
    front_end: ReleasedFrontEnd,
    encoder: PretrainedEncoder,
    manifest: Manifest,
    store: MelStore,
    utterances: Utterances,
    settings: EncoderSettings,
    *,
    mels: AugmentedMels,
    again: SpokenAgain,
    device: torch.device,
    progress: bool,
) -> FrameCopies:
    """What a frozen front-end hears of training and validation utterances, from the disk or computed.

    Parameters
    ----------
    front_end : ReleasedFrontEnd
        As `open_front_end` gives it.
    encoder : PretrainedEncoder
        On it, with the mix of its layers fixed; on ``device``.
    manifest : Manifest
        The corpus.
    store : MelStore
        Its log-mels, which say what the recordings are.
    utterances : Utterances
        Those that are heard.
    settings : EncoderSettings
        How to train.
    mels : AugmentedMels
        Recordings and their copies.
    again : SpokenAgain
        The recordings in other voices among them.
    device : torch.device
        Where it computes.
    progress : bool
        Show progress.
    """
    own = settings.pretrained
    heard = np.unique(np.concatenate([utterances.rows, utterances.held.rows]))
    copies = own.copies if settings.augment else 0
    augmentation = asdict(settings.augmentation) if copies else {}
    parts = [store.source, front_end.sha256, own.frame_stride, own.max_frames, own.manner, settings.max_frames]
    parts += [settings.loop.seed, augmentation, utterances.rows[:BABBLE_VOICES].tolist()]
    ids = [*store.ids, *again.ids]
    plain = plain_key(encoder, recordings=store.source, front_end=front_end.sha256, longest=settings.max_frames)

    # The corpus has a cache, and each folder of other voices its own: one more folder leaves the others as they are.
    caches = [(manifest.root, range(len(store)), parts, store.source)]
    first = len(store)
    for folder, count, source in zip(again.folders, again.counts, again.sources, strict=True):
        caches.append((folder, range(first, first + count), [*parts, first, source], source))
        first += count
    stored = [
        cached_frames(
            derived(folder) / FOLDER,
            encoder.eval(),
            mels,
            ids=ids,
            utterances=heard[(heard >= rows.start) & (heard < rows.stop)],
            copies=copies,
            source=hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest(),
            recordings=HeardRecordings(settings.mel_preset, recordings),
            plain=plain if folder == manifest.root else "",
            device=device,
            progress=progress,
        )
        for folder, rows, depends_on, recordings in caches
    ]
    return all_cached_frames(stored, count=len(ids))


def augmented_mels(
    manifest: Manifest, store: MelStore, utterances: Utterances, settings: EncoderSettings, *, again: SpokenAgain
) -> AugmentedMels:
    """Recordings of a corpus, those in other voices, and augmented copies; babble is made of training utterances."""
    paths: list[Path] = [
        manifest.root / caption.audio for item in manifest.items for caption in item.captions if caption.audio
    ]
    return AugmentedMels(
        [*paths, *again.paths],
        np.concatenate([store.lengths, again.lengths]),
        preset=MEL_PRESETS[settings.mel_preset],
        settings=settings.augmentation,
        seed=settings.loop.seed,
        babble=utterances.rows.tolist(),
        max_frames=settings.max_frames,
        pad_value=float(MEL_PRESETS[settings.mel_preset].pad_value),
    )


def given_mix(weights: Sequence[float], *, num_states: int) -> list[float]:
    """Logits of a mix of layers that the settings give.

    Parameters
    ----------
    weights : sequence of float
        Of each state, 0 or more, one above 0; their sum does not matter.
    num_states : int
        States of the front-end.

    Raises
    ------
    ConfigError
        If there are not as many.
    """
    if len(weights) != num_states:
        reason = f"{len(weights)} weights, and the front-end has {num_states} states"
        raise ConfigError.about("pretrained.mix", reason, f"give {num_states}")
    return [math.log(max(weight / sum(weights), _NO_WEIGHT)) for weight in weights]


def learned_mix(
    front_end: ReleasedFrontEnd,
    mels: AugmentedMels,
    utterances: Utterances,
    settings: EncoderSettings,
    *,
    device: torch.device,
    progress: bool,
) -> list[float]:
    """Mix of a front-end's layers, by the losses of the training on a part of its utterances, seeded by itself.

    Parameters
    ----------
    front_end : ReleasedFrontEnd
        As `open_front_end` gives it.
    mels : AugmentedMels
        Copy 1 of each utterance is heard, or the recording where nothing is augmented.
    utterances : Utterances
        Training utterances.
    settings : EncoderSettings
        How to train.
    device : torch.device
        Where it computes.
    progress : bool
        Show progress.

    Returns
    -------
    list of float
        Logits, one a state; all 0 where the settings give it no steps.
    """
    own, seed = settings.pretrained, settings.loop.seed
    if not own.mix_steps:
        return [0.0] * len(untrained_encoder(front_end, settings).mix.weights)
    # Which utterances, by draws of its own.
    generator = np.random.default_rng([seed, 3])
    count = min(own.mix_utterances, len(utterances.rows))
    chosen = np.sort(generator.permutation(len(utterances.rows))[:count])
    # A model for the trial alone: the run itself draws nothing of it.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trial = untrained_encoder(front_end, settings).to(device)
        model = SpeechImageModel(
            settings,
            n_mels=trial.n_mels,
            feature_dim=utterances.features.shape[2],
            num_classes=utterances.num_classes,
            heads=load_heads(settings, utterances.standard)[0],
            encoder=trial,
        ).to(device)
        return learn_layer_mix(
            trial,
            mels,
            lambda image, speech, labels: model.losses(model.embed_images(image), speech, labels),
            model=model,
            rows=utterances.rows[chosen],
            features=utterances.targets(chosen),
            labels=utterances.labels[chosen],
            copy=int(settings.augment),
            steps=own.mix_steps,
            batch_size=settings.batch_size,
            seed=seed,
            device=device,
            progress=progress,
        )
