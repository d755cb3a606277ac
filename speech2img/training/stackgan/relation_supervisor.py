"""Relation supervisor of S2IGAN in training: does a generated image look like another of its class?

    images --teacher--> features --image head of the encoder--> unit embeddings --RelationClassifier--> relation

Teacher and head are frozen. The classifier learns from pairs of real images and, as published, to call generated
images positive too; the generator learns to make them so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from speech2img.distributed.collectives import average_gradients_, gather_with_grad
from speech2img.errors import CheckpointError
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_features import load_features
from speech2img.features.image_head import load_image_head
from speech2img.losses.relation import PairKind, relation_loss
from speech2img.models.encoders.image_head import ImageHead
from speech2img.models.generators.relation_classifier import RelationClassifier
from speech2img.models.generators.stackgan import GeneratorOutput, init_stackgan_
from speech2img.precision import Precision
from speech2img.training.optimization import set_learning_rate
from speech2img.training.stackgan.adversary import StepBatch
from speech2img.training.stackgan.pixel_discriminators import ADAM_BETAS
from speech2img.training.stackgan.settings import RelationSettings


@dataclass(frozen=True)
class RelationFeatures:
    """Embeddings of images that the supervisor compares: a frozen network and a frozen image head."""

    teacher: FeatureExtractor
    """The frozen network that the image head was trained on."""
    head: ImageHead
    """Frozen."""
    trained_with: dict[str, str]
    """Role -> hash of the networks it is made of, for the release."""

    def __call__(self, images_BCHW: Tensor) -> Tensor:
        """Unit embeddings (B, D) of images in -1..1."""
        return self.head(self.teacher.features(images_BCHW).float())


def load_relation_features(
    root: Path, run: Path, settings: RelationSettings, *, device: torch.device
) -> RelationFeatures:
    """Image head of an encoder, and the teacher of this corpus that it was trained on.

    Parameters
    ----------
    root : Path
        Corpus folder.
    run : Path
        Run or release folder of the encoder.
    settings : RelationSettings
        ``form`` and ``positive`` say whether the head's weights are used or drawn again.
    device : torch.device
        Where it computes.

    Raises
    ------
    CheckpointError
        If the run has no image head, or the head takes other features than this corpus has.
    DataError
        If this corpus has no features of that name.
    """
    trained = load_image_head(run, device=device)
    features = load_features(root, trained.features)
    size = features.features.shape[-1]
    if trained.head.feature_dim != size:
        raise CheckpointError.about(
            run,
            f"its image head takes {trained.head.feature_dim} features, '{trained.features}' of {root} has {size}",
            "give an encoder that was trained on this corpus",
        )
    if trained.features_sha256 != features.sha256:
        raise CheckpointError.about(
            run,
            f"its image head was trained on another teacher than the one behind '{trained.features}' of {root}",
            "give an encoder that was trained on this corpus, or compute the features with its teacher",
        )
    teacher = features.open_teacher(device=device)
    recorded = {"relation's feature network": features.sha256}
    if settings.draws_head:
        drawn = ImageHead(size, trained.head.embedding_dim).to(device).requires_grad_(False)
        return RelationFeatures(teacher, drawn, recorded)
    return RelationFeatures(teacher, trained.head, {**recorded, "image head": trained.weights_sha256})


class PairEmbeddings(NamedTuple):
    """Ground truths and the images beside them."""

    truth_BD: Tensor
    """Embeddings of the real images."""
    others: dict[PairKind, Tensor]
    """(B, D) each; only ``generated`` carries a gradient."""


class RelationSupervisor:
    """Relation classifier with its optimizer: an `Adversary`.

    Parameters
    ----------
    settings : RelationSettings
        How to train it.
    features : RelationFeatures
        Embeddings of images.
    rate : float
        Learning rate of its Adam.
    precision, scaler
        As of the other networks of the run.
    device : torch.device
        Where it computes.
    """

    def __init__(
        self,
        settings: RelationSettings,
        features: RelationFeatures,
        *,
        rate: float,
        precision: Precision,
        scaler: torch.amp.GradScaler,
        device: torch.device,
    ) -> None:
        self.settings, self.features, self.precision, self.scaler = settings, features, precision, scaler
        published = settings.form == "published"
        self.network = RelationClassifier(
            features.head.embedding_dim, width=settings.width, relations=4 if published else 3, joint_norm=not published
        )
        init_stackgan_(self.network).to(device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), rate, ADAM_BETAS)
        self._pairs: PairEmbeddings | None = None

    @property
    def networks(self) -> RelationClassifier:
        """What it trains."""
        return self.network

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate."""
        set_learning_rate(self.optimizer, rate)

    def embed(self, real: Tensor, positive: Tensor, wrong: Tensor, generated: Tensor) -> PairEmbeddings:
        """Look at the images of a batch once, for both steps.

        Parameters
        ----------
        real, positive, wrong, generated : Tensor [shape=(B, 3, S, S), range -1..1]
            Ground truth, what may stand for it, an image of another class, the generated one.
        """
        with self.precision.autocast():
            with torch.no_grad():
                truth, same, other = self.features(torch.cat([real, positive, wrong])).chunk(3)
            made = self.features(generated)
        others: dict[PairKind, Tensor] = {"same_class": same, "generated": made, "other_class": other}
        if self.settings.positive == "class":
            others = {"identical": truth, **others}
        return PairEmbeddings(truth, others)

    def discriminator_step(self, batch: StepBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        """Make one Adam step of the classifier on all kinds of pairs; see `Adversary`."""
        assert batch.positive is not None
        self._pairs = self.embed(batch.real[-1], batch.positive, batch.wrong[-1], fake.images[-1])
        return {"relation_classifier": self.step(self._pairs)}

    def step(self, pairs: PairEmbeddings) -> Tensor:
        """Make one Adam step of the classifier; gives its loss, detached."""
        fixed = {kind: embedding.detach() for kind, embedding in pairs.others.items()}
        loss = relation_loss(self._logits(pairs.truth_BD, fixed))
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        average_gradients_(self.network.parameters())
        self.scaler.step(self.optimizer)
        return loss.detach()

    def generator_terms(self, batch: StepBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        """The weighted loss by the pairs that `discriminator_step` looked at; see `Adversary`."""
        assert self._pairs is not None
        pairs, self._pairs = self._pairs, None
        return {"relation": self.generator_term(pairs)}

    def generator_term(self, pairs: PairEmbeddings) -> Tensor:
        """The generator's loss, weighted: generated images should be called positive."""
        self.network.requires_grad_(False)
        logits = self._logits(pairs.truth_BD, pairs.others)
        self.network.requires_grad_(True)
        return self.settings.weight * relation_loss({"generated": logits["generated"]})

    def _logits(self, truth_BD: Tensor, others: dict[PairKind, Tensor]) -> dict[PairKind, Tensor]:
        with self.precision.autocast():
            scores = self.network(truth_BD, torch.stack(list(others.values())))
        return gather_with_grad(dict(zip(others, scores, strict=True)))

    def state_dict(self) -> dict[str, Any]:
        """Classifier and optimizer, and the head where it is a drawn one."""
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        return state | ({"head": self.features.head.state_dict()} if self.settings.draws_head else {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.settings.draws_head:
            self.features.head.load_state_dict(state["head"])
