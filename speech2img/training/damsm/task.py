"""Training of a DAMSM: images and utterances find each other among a batch, by regions and frames and as wholes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.spoken_images import SpokenImageBatches, SpokenImages
from speech2img.distributed.collectives import gather_with_grad
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import CheckpointError
from speech2img.features.extractors.damsm import KIND
from speech2img.images.pyramid import pyramid
from speech2img.losses.damsm import matching_loss, sentence_similarity, words_similarity
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.attngan.damsm import DAMSM, init_trunk_
from speech2img.models.vision.damsm_image_encoder import Trunk
from speech2img.precision import make_adam, to_device
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import demand_fit
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.writing import save_release
from speech2img.training.adversarial.damsm import compare
from speech2img.training.adversarial.data import SpokenCorpus
from speech2img.training.adversarial.r_precision import damsm_r_precision
from speech2img.training.damsm.settings import DAMSMSettings
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Prepared, Sitting
from speech2img.training.validation_samples import ValidationSet

_KINDS: Mapping[str, Trunk] = {"efficientnet-lite": "efficientnet-lite0", "inception": "inception"}


class DAMSMTask(SupervisedTask[DAMSMSettings, DAMSM]):
    """Adam on the words and sentence losses; the weights with the best R-precision on the validation part are kept.

    Parameters
    ----------
    settings : DAMSMSettings
        How to train.
    network : DAMSM
        With its trunk's weights.
    config : Mapping of str to Any
        Its arguments.
    batches : SpokenImageBatches
        Images with utterances.
    validation : tuple of ValidationSet and EncodedSpeech
        Validation images, and what is said of them.
    trained_with : Mapping of str to str
        Role -> hash of every network behind it.
    mel_preset : str, optional
        Front-end of the speech encoder.
    device : torch.device
        Where it computes.
    """

    Settings = DAMSMSettings
    name = "damsm"
    network_key = "damsm"

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
        trunk, state, sha256 = _load_trunk(settings.trunk)
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
        demand_fit(network.image_encoder.trunk, state, name=f"trunk {settings.trunk}")
        init_trunk_(network, state)
        # Training images, and validation images with an utterance each.
        batches = corpus.batches(settings, size=settings.image_size, progress=sitting.progress)
        validation = corpus.validation(batches, settings.evaluation_utterances)
        trained_with = {"speech encoder": corpus.embeddings.sha256, "image network": sha256}
        mel_preset = corpus.embeddings.encoder_release()[1].get("mel_preset")
        return cls(settings, network, config, batches, validation, trained_with, mel_preset=mel_preset, device=device)

    def __init__(
        self,
        settings: DAMSMSettings,
        network: DAMSM,
        config: Mapping[str, Any],
        batches: SpokenImageBatches,
        validation: tuple[ValidationSet, EncodedSpeech],
        trained_with: Mapping[str, str],
        *,
        mel_preset: str | None = None,
        device: torch.device,
    ) -> None:
        # The trunk has no gradient, and no place in the optimizer.
        network.to(device)
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = make_adam(trained, settings.learning_rate, betas=(0.5, 0.999), device=device)
        super().__init__(settings, network, optimizer, batches, device=device, clip=settings.clip)
        self.config, self.trained_with, self.mel_preset = dict(config), dict(trained_with), mel_preset
        self.validation, self.spoken = validation

    def compute_terms(self, batch: SpokenImages) -> dict[str, Tensor]:
        """Losses of words and of sentences."""
        self.network.train()
        # Images and speech in one space, of the rows of all processes.
        sentence, words, images, classes = to_device(
            [batch.speech.sentence, batch.speech.words, batch.images_B3SS, batch.classes_B], self.device
        )
        speech = SpeechEncoding(sentence, words, batch.speech.word_lengths)
        with self.precision.autocast():
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
        value = damsm_r_precision(self.network, self.spoken, self._real, device=self.device)
        if value is None:
            return {}
        self.best.offer(self.network, value=value, step=step)
        return {"r_precision": value}

    def _real(self, rows: range) -> Tensor:
        """Validation images in -1..1."""
        assert self.validation.images is not None
        pixels = np.ascontiguousarray(self.validation.images[rows.start : rows.stop])
        return pyramid(torch.from_numpy(pixels).permute(0, 3, 1, 2), (self.settings.image_size,))[0]

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the best network as a release of kind ``damsm``."""
        config = {
            "kind": KIND,
            "damsm": self.config,
            "step": step,
            "images_seen": images_seen,
            "mel_preset": self.mel_preset,
            "trained_with": self.trained_with,
        }
        card = f"# DAMSM\n\nImages and frames of speech in one space (arXiv:1711.10485).\nTrained for {step} steps.\n"
        save_release(folder, self.best.weights(self.network), config, card)


def _load_trunk(name: str) -> tuple[Trunk, dict[str, Tensor], str]:
    """Which trunk a release is, its weights without a classifier that is not used, and the hash of the release."""
    folder = find_release(name)
    tensors, config = load_release(folder)
    trunk = _KINDS.get(str(config.get("kind")))
    fix = "give a release of 'speech2img import efficientnet-lite0' or 'import torchvision-inception'"
    if trunk is None:
        raise CheckpointError.about(f"trunk {folder}", "it holds no network of images that can be used", fix)
    # Only what is looked at: no classifier, and no build with other poolings.
    if trunk == "inception":
        if config.get("inception", {}).get("build") != "torchvision":
            raise CheckpointError.about(f"trunk {folder}", "its Inception is not torchvision's", fix)
        tensors = {key: value for key, value in tensors.items() if not key.startswith("classifier.")}
    elif config.get("efficientnet", {}).get("variant") != "lite0":
        raise CheckpointError.about(f"trunk {folder}", "it is another EfficientNet than Lite0", fix)
    return trunk, dict(tensors), release_sha256(folder)
