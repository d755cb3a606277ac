"""Training of a DAMSM in its text form: an LSTM over the words of captions learns with the layers on the images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speech2img.batches.image_pairs import PairSource
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.registry import facts_of
from speech2img.encoded_speech import EncodedSpeech
from speech2img.features.extractors.damsm import TEXT_ENCODER
from speech2img.features.stores import image_store
from speech2img.images.store import Images
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.attngan.damsm import ReadingDAMSM
from speech2img.models.text_encoders.word_lstm import WordLSTM, build_vocabulary, split_words
from speech2img.precision import to_device
from speech2img.training.damsm.captions import CaptionedImageBatches, CaptionedImages, training_texts
from speech2img.training.damsm.settings import TextDAMSMSettings
from speech2img.training.damsm.task import DAMSMTask
from speech2img.training.damsm.trunk import load_trunk_, open_trunk
from speech2img.training.task import Prepared, Sitting
from speech2img.training.validation_samples import BATCH, validation_pairs


class TextDAMSMTask(DAMSMTask):
    """As `DAMSMTask`, of captions: the vocabulary is that of the training captions.

    Parameters
    ----------
    settings, network, config, batches, trained_with, images, device
        As for `DAMSMTask`; the network is a `ReadingDAMSM`.
    texts : sequence of str
        Captions of the validation images.
    text_config : Mapping of str to Any
        Arguments of `build_text_encoder`.
    """

    Settings = TextDAMSMSettings
    compared = "words of captions"

    @classmethod
    def prepare(cls, root: Path, settings: Any, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the captions and the trunk.

        Raises
        ------
        DataError
            If a caption to learn from has no word, or there is none.
        CheckpointError
            If the trunk is missing, or no network of images that can be used.
        """
        manifest = Manifest.load(root)
        vocabulary = build_vocabulary(training_texts(manifest.items, name=root))
        trunk, state, sha256 = open_trunk(settings.trunk)
        return Prepared(settings, {"trunk_sha256": sha256}, (manifest, vocabulary, trunk, state, sha256))

    @classmethod
    def build(cls, root: Path, settings: Any, *, device: torch.device, sitting: Sitting) -> "TextDAMSMTask":
        """Network on training images and captions; a missing image store is made."""
        manifest, vocabulary, trunk, state, sha256 = sitting.inputs
        # The text encoder, and two layers on a trunk that is loaded.
        reading = {
            "vocabulary": vocabulary,
            "embedding_dim": settings.embedding_dim,
            "word_dim": settings.word_dim,
            "dropout": settings.dropout,
        }
        text_encoder = WordLSTM(**reading)
        network = ReadingDAMSM(text_encoder, trunk=trunk)
        load_trunk_(network, state, name=settings.trunk)
        # Training images with captions; images are stored with room to cut from where they are cut.
        cut = settings.augmentation in ("crop", "crop_flip")
        stored = int(settings.image_size * 76 / 64) if cut else settings.image_size
        store = image_store(manifest, size=stored, workers=settings.workers, progress=sitting.progress)
        texts = [caption.text for item in manifest.items for caption in item.captions]
        nothing = np.zeros((len(texts), 0), np.float32)  # the source asks for embeddings, and captions have none
        source = PairSource(manifest.items, "train", store.pixels(), nothing, attributes=facts_of(manifest).attributes)
        batches = CaptionedImageBatches(
            source,
            texts,
            text_encoder,
            batch_size=settings.batch_size,
            seed=settings.loop.seed,
            size=settings.image_size,
            augmentation=settings.augmentation,
            shift=settings.shift,
            most_words=settings.most_words,
        )
        # Validation images whose caption has a known word.
        known = set(text_encoder.numbers)
        pairs = [
            (image, texts[caption])
            for image, caption in validation_pairs(manifest.items, settings.evaluation_utterances).tolist()
            if known & set(split_words(texts[caption]))
        ]
        images = source.images[[image for image, _ in pairs]] if pairs else None
        return cls(
            settings,
            network,
            {"embedding_dim": settings.embedding_dim, "trunk": trunk},
            batches,
            {"image network": sha256},
            images=images,
            texts=[text for _, text in pairs],
            text_config={"network": "word-lstm", **reading},
            device=device,
        )

    def __init__(
        self,
        settings: TextDAMSMSettings,
        network: ReadingDAMSM,
        config: Mapping[str, Any],
        batches: CaptionedImageBatches,
        trained_with: Mapping[str, str],
        *,
        images: Images | None,
        texts: list[str],
        text_config: Mapping[str, Any],
        device: torch.device,
    ) -> None:
        super().__init__(settings, network, config, batches, trained_with, images=images, device=device)
        self.text_encoder, self.texts, self.text_config = network.text_encoder, texts, dict(text_config)

    def describe(self, batch: CaptionedImages) -> SpeechEncoding:
        """Captions of a batch, read."""
        (tokens,) = to_device([batch.tokens_BT], self.device)
        encoding: SpeechEncoding = self.text_encoder(tokens, batch.lengths_B)
        return encoding

    @torch.inference_mode()
    def descriptions(self) -> EncodedSpeech:
        """Captions of the validation images, read as far as the text encoder has learned."""
        self.text_encoder.eval()
        parts = [
            EncodedSpeech.of(self.text_encoder.encode(self.texts[start : start + BATCH]), frames=True)
            for start in range(0, len(self.texts), BATCH)
        ]
        nothing = EncodedSpeech(np.zeros((0, self.text_encoder.embedding_dim), np.float32), [])
        return EncodedSpeech.concatenate(parts) if parts else nothing

    def about(self) -> dict[str, Any]:
        """The text encoder, whose weights are in the release."""
        return {TEXT_ENCODER: self.text_config}
