"""Training of a DAMSM: images and utterances find each other among a batch, by regions and frames and as wholes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from speech2img.distributed.collectives import gather_with_grad
from speech2img.encoded_speech import EncodedSpeech
from speech2img.features.extractors.damsm import KIND
from speech2img.images.pyramid import pyramid
from speech2img.images.store import Images
from speech2img.losses.damsm import matching_loss, sentence_similarity, words_similarity
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.attngan.damsm import DAMSM
from speech2img.precision import make_adam, to_device
from speech2img.storage.releases.writing import save_release
from speech2img.training.adversarial.damsm import compare
from speech2img.training.adversarial.data import SpokenCorpus
from speech2img.training.adversarial.r_precision import damsm_r_precision
from speech2img.training.damsm.settings import CommonDAMSMSettings, DAMSMSettings
from speech2img.training.damsm.trunk import load_trunk_, open_trunk
from speech2img.training.supervised import BatchSource, SupervisedTask
from speech2img.training.task import Prepared, Sitting


class DAMSMTask(SupervisedTask[CommonDAMSMSettings, DAMSM]):
    """Adam on the words and sentence losses; the weights with the best R-precision on the validation part are kept.

    Parameters
    ----------
    settings : CommonDAMSMSettings
        How to train.
    network : DAMSM
        With its trunk's weights.
    config : Mapping of str to Any
        Its arguments.
    batches : BatchSource
        Images with utterances.
    images : ndarray of uint8, shape (N, S, S, 3), optional
        Validation images.
    spoken : EncodedSpeech, optional
        What is said of them.
    trained_with : Mapping of str to str
        Role -> hash of every network behind it.
    mel_preset : str, optional
        Front-end of the speech encoder.
    device : torch.device
        Where it computes.
    """

    Settings: ClassVar[type[Any]] = DAMSMSettings
    name = "damsm"
    network_key = "damsm"
    compared = "frames of speech"
    """What images are compared with, for the card."""

    @classmethod
    def prepare(cls, root: Path, settings: DAMSMSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the embeddings with their frames, and the trunk.

        Raises
        ------
        DataError
            If embeddings or their frames are missing, or of another manifest.
        CheckpointError
            If the trunk is missing, or no network of images that can be used.
        """
        corpus = SpokenCorpus.load(root, settings.embeddings, needs_frames=True)
        trunk, state, sha256 = open_trunk(settings.trunk)
        identity = {"encoder_sha256": corpus.embeddings.sha256, "trunk_sha256": sha256}
        return Prepared(settings, identity, (corpus, trunk, state, sha256))

    @classmethod
    def build(cls, root: Path, settings: DAMSMSettings, *, device: torch.device, sitting: Sitting) -> "DAMSMTask":
        """Network on training images and frozen embeddings; a missing image store is made."""
        corpus, trunk, state, sha256 = sitting.inputs
        # Two layers and two projections are trained, on a trunk that is loaded.
        config = {
            "speech_dim": corpus.embeddings.embeddings.shape[1],
            "embedding_dim": settings.embedding_dim,
            "trunk": trunk,
        }
        network = DAMSM(**config)
        load_trunk_(network, state, name=settings.trunk)
        # Training images, and validation images with an utterance each.
        batches = corpus.batches(settings, size=settings.image_size, progress=sitting.progress)
        validation, spoken = corpus.validation(batches, settings.evaluation_utterances)
        trained_with = {"speech encoder": corpus.embeddings.sha256, "image network": sha256}
        mel_preset = corpus.embeddings.encoder_release()[1].get("mel_preset")
        return cls(
            settings,
            network,
            config,
            batches,
            trained_with,
            images=validation.images,
            spoken=spoken,
            mel_preset=mel_preset,
            device=device,
        )

    def __init__(
        self,
        settings: CommonDAMSMSettings,
        network: DAMSM,
        config: Mapping[str, Any],
        batches: BatchSource,
        trained_with: Mapping[str, str],
        *,
        images: Images | None,
        spoken: EncodedSpeech | None = None,
        mel_preset: str | None = None,
        device: torch.device,
    ) -> None:
        # The trunk has no gradient, and no place in the optimizer.
        network.to(device)
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = make_adam(trained, settings.learning_rate, betas=(0.5, 0.999), device=device)
        super().__init__(settings, network, optimizer, batches, device=device, clip=settings.clip)
        self.config, self.trained_with, self.mel_preset = dict(config), dict(trained_with), mel_preset
        self.images, self.spoken = images, spoken

    def describe(self, batch: Any) -> SpeechEncoding:
        """What is said of the images of a batch, on the device."""
        speech: SpeechEncoding = batch.speech
        sentence, words = to_device([speech.sentence, speech.words], self.device)
        return SpeechEncoding(sentence, words, speech.word_lengths)

    def descriptions(self) -> EncodedSpeech:
        """What is said of the validation images."""
        assert self.spoken is not None
        return self.spoken

    def compute_terms(self, batch: Any) -> dict[str, Tensor]:
        """Losses of words and of sentences."""
        self.network.train()
        # Images and speech in one space, of the rows of all processes.
        images, classes = to_device([batch.images_B3SS, batch.classes_B], self.device)
        with self.precision.autocast():
            speech = self.describe(batch)
            compared = compare(self.network, pyramid(images, (self.settings.image_size,))[0], speech)
        classes, factors = gather_with_grad(classes), self.settings.smoothing.factors
        # Regions against frames, and wholes against wholes.
        by_words = words_similarity(compared.regions, compared.words, compared.lengths, smoothing=factors)
        as_wholes = sentence_similarity(compared.image, compared.sentence)
        words_loss = matching_loss(by_words, classes, sharpness=factors.matching).total
        sentence_loss = matching_loss(as_wholes, classes, sharpness=factors.matching).total
        return {"loss": words_loss + sentence_loss, "words": words_loss, "sentence": sentence_loss}

    def evaluate(self, step: int) -> dict[str, float]:
        """R-precision of real validation images: each chooses among its own utterance and 99 of others, or all."""
        value = damsm_r_precision(self.network, self.descriptions(), self._real, device=self.device)
        if value is None:
            return {}
        self.best.offer(self.network, value=value, step=step)
        return {"r_precision": value}

    def _real(self, rows: range) -> Tensor:
        """Validation images in -1..1."""
        assert self.images is not None
        pixels = np.ascontiguousarray(self.images[rows.start : rows.stop])
        return pyramid(torch.from_numpy(pixels).permute(0, 3, 1, 2), (self.settings.image_size,))[0]

    def about(self) -> dict[str, Any]:
        """What the release says of the side of the descriptions."""
        return {"mel_preset": self.mel_preset}

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the best network as a release of kind ``damsm``."""
        config = {
            "kind": KIND,
            "damsm": self.config,
            "step": step,
            "images_seen": images_seen,
            **self.about(),
            "trained_with": self.trained_with,
        }
        card = f"# DAMSM\n\nImages and {self.compared} in one space (arXiv:1711.10485).\nTrained for {step} steps.\n"
        save_release(folder, self.best.weights(self.network), config, card)
