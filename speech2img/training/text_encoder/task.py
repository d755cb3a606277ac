"""Training of a text encoder to give of a caption what a speech encoder gives of its recording."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.corpora.records.manifest import Manifest
from speech2img.distributed.collectives import gather_with_grad
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import EmbeddingFile, load_embeddings
from speech2img.metrics.functional.retrieval import retrieval_scores
from speech2img.models.text_encoders.base import TextEncoder
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.models.text_encoders.word_lstm import build_vocabulary
from speech2img.precision import make_adam, to_device
from speech2img.storage.releases.composition import IMITATED
from speech2img.storage.releases.provenance import TRAINED_WITH, inherited
from speech2img.storage.releases.writing import save_release
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Prepared, Sitting
from speech2img.training.text_encoder.data import CaptionBatch, CaptionBatches, CaptionData, caption_data
from speech2img.training.text_encoder.settings import TextEncoderSettings

_AT_ONCE = 64


def network_arguments(settings: TextEncoderSettings, texts: list[str], embedding_dim: int) -> dict[str, Any]:
    """Arguments of `build_text_encoder`; the vocabulary is that of the training captions."""
    if settings.network == "char-cnn-rnn":
        return {"network": settings.network, "width": settings.width, "embedding_dim": embedding_dim}
    return {
        "network": settings.network,
        "vocabulary": build_vocabulary(texts),
        "embedding_dim": embedding_dim,
        "word_dim": settings.word_dim,
        "dropout": settings.dropout,
    }


class TextEncoderTask(SupervisedTask[TextEncoderSettings, TextEncoder]):
    """Adam on the squared difference of embeddings.

    Parameters
    ----------
    settings : TextEncoderSettings
        How to train.
    network : TextEncoder
        What is trained, on the device.
    arguments : dict
        What it was built by.
    data : CaptionData
        Captions and targets.
    imitated : EmbeddingFile
        Where the targets come from.
    device : torch.device
        Where it computes.
    """

    Settings = TextEncoderSettings
    name = "text-encoder"

    @classmethod
    def prepare(cls, root: Path, settings: TextEncoderSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the stored embeddings.

        Raises
        ------
        DataError
            If there are none of that name.
        """
        embeddings = load_embeddings(root, settings.embeddings)
        return Prepared(settings, {"imitated_sha256": embeddings.sha256}, embeddings)

    @classmethod
    def build(
        cls, root: Path, settings: TextEncoderSettings, *, device: torch.device, sitting: Sitting
    ) -> "TextEncoderTask":
        """Text encoder and captions with their embeddings.

        Raises
        ------
        DataError
            If too few captions are written, or the network knows nothing of one.
        """
        imitated: EmbeddingFile = sitting.inputs
        data = caption_data(Manifest.load(root), imitated)
        arguments = network_arguments(settings, [data.texts[place] for place in data.train], imitated.width)
        network = build_text_encoder(**arguments)
        # Every training caption must have something that the network knows; of the others those that have.
        for place in data.train.tolist():
            try:
                network.tokens(data.texts[place])
            except ValueError as error:
                raise DataError.about(root, error, "write captions in Latin letters") from error
        known = [place for place in data.held.tolist() if _knows(network, data.texts[place])]
        data = CaptionData(data.texts, data.targets, data.train, np.array(known, dtype=np.int64))
        return cls(settings, network.to(device), arguments=arguments, data=data, imitated=imitated, device=device)

    def __init__(
        self,
        settings: TextEncoderSettings,
        network: TextEncoder,
        *,
        arguments: dict[str, Any],
        data: CaptionData,
        imitated: EmbeddingFile,
        device: torch.device,
    ) -> None:
        self.arguments, self.data, self.imitated = arguments, data, imitated
        optimizer = make_adam(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, device=device
        )
        batches = CaptionBatches(data, network, settings)
        super().__init__(settings, network, optimizer, batches, device=device, clip=settings.clip)
        # The loss of what knows nothing is 1: the mean of the training targets.
        self.variance = float(data.targets[data.train].var(axis=0).mean()) + 1e-12

    def compute_terms(self, batch: CaptionBatch) -> dict[str, Tensor]:
        """Mean squared difference over the targets' variance: 1 for what knows nothing."""
        tokens, target = to_device([batch.tokens_BT, batch.target_BD], self.device)
        with self.precision.autocast():
            sentence = self.network(tokens, batch.lengths_B).sentence.float()
        sentence, target = gather_with_grad((sentence, target))
        return {"loss": F.mse_loss(sentence, target) / self.variance}

    @torch.inference_mode()
    def evaluate(self, step: int) -> dict[str, float]:
        """Part of the variance of validation embeddings that is explained, and how often the right one is nearest."""
        places = self.data.held.tolist()
        if not places:
            return {}
        # All validation captions.
        self.network.eval()
        given = [
            self.network.encode([self.data.texts[place] for place in places[first : first + _AT_ONCE]])
            .sentence.float()
            .cpu()
            .numpy()
            for first in range(0, len(places), _AT_ONCE)
        ]
        sentences, targets = np.concatenate(given), self.data.targets[places]
        # How near they come, and whether the right recording is the nearest.
        explained = 1 - float(np.square(sentences - targets).mean()) / max(float(targets.var(axis=0).mean()), 1e-12)
        numbers = list(range(len(places)))
        recall = retrieval_scores(sentences, targets, numbers, numbers, ks=(1, 10)).recall
        self.best.offer(self.network, value=explained, step=step)
        return {"explained": explained, "recall_at_1": float(recall[1]), "recall_at_10": float(recall[10])}

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the best weights as a release of kind ``text-encoder``."""
        _, encoder_config = self.imitated.encoder_release()
        config = {
            "kind": "text-encoder",
            "text_encoder": self.arguments,
            "features": self.settings.embeddings,
            "step": step,
            "best_step": self.best.step,
            TRAINED_WITH: {**inherited(encoder_config, IMITATED), IMITATED: self.imitated.sha256},
        }
        card = (
            f"# Text encoder\n\nCaptions to the embeddings {self.settings.embeddings!r}"
            f" ({self.imitated.sha256[:16]}).\nTrained for {step} steps.\n"
        )
        tensors = {f"text_encoder.{name}": value for name, value in self.best.weights(self.network).items()}
        save_release(folder, tensors, config, card, half=False)


def _knows(network: TextEncoder, text: str) -> bool:
    """Whether a text has anything that the network knows."""
    try:
        return bool(network.tokens(text))
    except ValueError:
        return False
