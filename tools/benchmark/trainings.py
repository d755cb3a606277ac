"""Training tasks of this library on made-up data, as large as a benchmark asks for; no corpus is needed."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from speech2img.audio.store import MelStore
from speech2img.batches.image_pairs import PairBatches, PairSource
from speech2img.batches.speech import Mels, SpeechBatches
from speech2img.batches.spoken_images import SpokenImageBatches
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.encoded_speech import EncodedSpeech
from speech2img.features.speech_embeddings import EmbeddingFile
from speech2img.precision import PrecisionName, resolve_precision
from speech2img.training.adversarial.data import SpokenCorpus
from speech2img.training.attngan.settings import AttnGANSettings
from speech2img.training.attngan.task import AttnGANTask
from speech2img.training.encoder.data import EncoderData, HeldUtterances
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.encoder.task import EncoderTask
from speech2img.training.stackgan.data import FrozenNetworks
from speech2img.training.stackgan.pixel_discriminators import PixelDiscriminators
from speech2img.training.stackgan.settings import StackGANSettings
from speech2img.training.stackgan.task import StackGANTask
from speech2img.training.validation_samples import ValidationSet

BANDS, DIM, CLASSES, FRAMES = 40, 1024, 50, 2048


def utterance_lengths(root: Path | None, count: int) -> np.ndarray:
    """Frames of ``count`` utterances: of the corpus, or drawn around 4.2 s."""
    generator = np.random.default_rng(0)
    if root is None:
        return np.clip(generator.normal(420, 110, count), 150, 900).astype(np.int64)
    lengths = np.asarray(MelStore(root / "derived" / "mels-li2020.h5").lengths)
    return np.minimum(generator.choice(lengths, count), FRAMES)


class MadeMels:
    """A mel store of noise, in memory.

    Parameters
    ----------
    lengths : ndarray of int64
        Frames of each utterance.
    """

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths
        self._mels = [self._made(index) for index in range(len(lengths))]

    def _made(self, index: int) -> np.ndarray:
        generator = np.random.default_rng(index)
        return generator.uniform(-80, 0, (int(self.lengths[index]), BANDS)).astype(np.float16)

    def read(self, index: int) -> np.ndarray:
        """Log-mel of one utterance."""
        return self._mels[index].astype(np.float32)


def encoder_task(settings: EncoderSettings, lengths: np.ndarray, device: torch.device) -> EncoderTask:
    """The encoder's training on noise of these lengths; the order follows from the settings' seed."""
    rows = np.arange(len(lengths))
    generator = np.random.default_rng(0)
    features = generator.random((CLASSES, 1, DIM), dtype=np.float32)
    classes = generator.integers(CLASSES, size=len(lengths))
    mels = Mels(MadeMels(lengths), max_frames=FRAMES, pad_value=-80.0)
    batches = SpeechBatches(
        mels,
        rows,
        classes,
        classes,
        features,
        batch_size=settings.batch_size,
        seed=settings.loop.seed,
        mask_bands=settings.mask_bands,
        mask_time=settings.mask_time,
    )
    held = HeldUtterances(rows[:1], classes[:1], classes[:1])
    data = EncoderData(mels, batches, held, features, None, "none", CLASSES)
    return EncoderTask(settings, data=data, device=device)


class MadeEmbeddings(EmbeddingFile):
    """Embeddings without an encoder behind them."""

    def encoder_release(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """No tensors, and a config that says so."""
        return {}, {"kind": "made-up"}


def generator_task(settings: StackGANSettings, device: torch.device, *, pictures: int = 32) -> StackGANTask:
    """The generator's training on noise; pictures are stored at the size that the augmentation wants."""
    source = _made_pairs(pictures, settings.image_size, cropped=settings.augmentation in ("crop", "crop_flip"))
    embeddings, images = source.embeddings, source.images
    batches = PairBatches(
        source,
        augmentation=settings.augmentation,
        batch_size=settings.batch_size,
        seed=settings.loop.seed,
        size=settings.image_size,
    )
    encoder = MadeEmbeddings(Path("made-up"), [], embeddings, "none")
    validation = ValidationSet(torch.zeros(0, DIM), np.zeros((0, 1)), [], images[:0])
    return StackGANTask(
        settings, batches=batches, validation=validation, encoder=encoder, frozen=FrozenNetworks(), device=device
    )


def _made_pairs(pictures: int, size: int, *, cropped: bool) -> PairSource:
    """Pictures of noise of eight classes with an embedding each."""
    generator = np.random.default_rng(0)
    side = size * 76 // 64 if cropped else size
    images = generator.integers(0, 256, (pictures, side, side, 3), dtype=np.uint8)
    embeddings = generator.standard_normal((pictures, DIM)).astype(np.float32)
    caption = Caption(0, "a bird", "en-us", None, 175, 50, 50, {}, None)
    items = [
        Item(f"{n % 8}/{n}", f"{n}.jpg", n % 8, str(n % 8), "train", None, None, (caption,)) for n in range(pictures)
    ]
    return PairSource(items, "train", images, embeddings, attributes={})


class MadeSpeech(SpokenCorpus):
    """Embeddings and frames without a corpus behind them."""

    def validation(self, batches: SpokenImageBatches, count: int) -> tuple[ValidationSet, EncodedSpeech]:
        """Nothing to look at."""
        return ValidationSet(torch.zeros(0, DIM), np.zeros((0, 1)), [], np.zeros((0, 8, 8, 3), np.uint8)), self.speech[
            :0
        ]


def attngan_task(
    settings: AttnGANSettings, device: torch.device, *, pictures: int = 32, frames: int = 64
) -> AttnGANTask:
    """AttnGAN's training on noise, every utterance of so many frames; no DAMSM."""
    size = 64 << (settings.model.num_stages - 1)
    source = _made_pairs(pictures, size, cropped=settings.augmentation in ("crop", "crop_flip"))
    generator = np.random.default_rng(1)
    heard = [generator.standard_normal((frames, DIM)).astype(np.float32) for _ in range(pictures)]
    embeddings = MadeEmbeddings(Path("made-up"), [], source.embeddings, "none", frames=heard)
    corpus = MadeSpeech(Manifest(Path("made-up"), "made-up", []), embeddings, settings.model.attention)
    batches = SpokenImageBatches(
        source,
        corpus.speech,
        batch_size=settings.batch_size,
        seed=settings.loop.seed,
        size=size,
        augmentation=settings.augmentation,
    )
    return AttnGANTask(settings, corpus=corpus, batches=batches, teacher=None, damsm=None, device=device)


def reconfigure(task: StackGANTask, *, precision: PrecisionName, memory: Literal["normal", "low"]) -> None:
    """Let a task go on in other arithmetic and with another use of memory; its weights stay."""
    settings = replace(task.settings, compute=replace(task.settings.compute, memory=memory))
    pixel = task.adversaries["pixel"]
    assert isinstance(pixel, PixelDiscriminators)
    task.settings = pixel.settings = settings
    task.precision = pixel.precision = resolve_precision(precision, task.device)
    task.generator.checkpoint_("stages" if memory == "low" else "nothing")
