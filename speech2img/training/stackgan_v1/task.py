"""Training of StackGAN-v1: a generator of 64 px, or one of 256 px on a frozen one of 64 px."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speech2img.batches.spoken_images import SpokenImageBatches
from speech2img.distributed.collectives import on_main_process
from speech2img.errors import CheckpointError
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_features import load_features
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.stackgan import GeneratorOutput
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.models.generators.stackgan_v1.generator import SIZES, StackGANv1, init_stackgan_v1_
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import load_weights
from speech2img.storage.releases.provenance import inherited
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.adversarial.data import SpokenCorpus
from speech2img.training.adversarial.task import AdversarialTask
from speech2img.training.initial_weights import demand_same, keep_start, kept_start, merged
from speech2img.training.stackgan_v1.settings import StackGANv1Settings
from speech2img.training.task import Prepared, Sitting

_FREE = ("stage", "residual_blocks", "discriminator_width")


class StackGANv1Task(AdversarialTask[StackGANv1Settings]):
    """One stage of StackGAN-v1.

    Parameters
    ----------
    settings : StackGANv1Settings
        How to train.
    corpus, batches, teacher, device
        As for `AdversarialTask`.
    start : Mapping
        Config of the release of stage I, for what that was trained with.
    is_new : bool
        Whether to load stage I's weights; a resumed run has them.
    """

    Settings = StackGANv1Settings

    @classmethod
    def prepare(cls, root: Path, settings: StackGANv1Settings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the embeddings, and which stage I to draw on.

        Raises
        ------
        ConfigError
            If settings were chosen that the weights of stage I do not fit.
        DataError
            If embeddings are missing or of another manifest.
        CheckpointError
            If there is no stage I of that name.
        """
        corpus = SpokenCorpus.load(root, settings.embeddings, needs_frames=False)
        settings, start = _started(settings, run_dir)
        return Prepared(settings, {"encoder_sha256": corpus.embeddings.sha256}, (corpus, start))

    @classmethod
    def build(
        cls, root: Path, settings: StackGANv1Settings, *, device: torch.device, sitting: Sitting
    ) -> "StackGANv1Task":
        """Generator on training images and frozen embeddings; DataError if teacher features are missing."""
        corpus, start = sitting.inputs
        teacher = None
        if settings.features is not None:
            teacher = load_features(root, settings.features).open_teacher(device=device)
        is_new = sitting.run.state is None
        batches = corpus.batches(settings, size=SIZES[settings.model.stage], progress=sitting.progress)
        task = cls(settings, corpus=corpus, batches=batches, teacher=teacher, start=start, is_new=is_new, device=device)
        if (name := settings.initial) is not None and is_new:
            on_main_process(lambda: keep_start(name, start, sitting.run.folder))
        return task

    def __init__(
        self,
        settings: StackGANv1Settings,
        *,
        corpus: SpokenCorpus,
        batches: SpokenImageBatches,
        teacher: FeatureExtractor | None,
        start: Mapping[str, Any],
        is_new: bool,
        device: torch.device,
    ) -> None:
        # Draw the weights; stage I is there already where stage II is trained.
        model = settings.model
        config = model.generator_config(embedding_dim=corpus.embeddings.embeddings.shape[1])
        self.network = StackGANv1(**config)
        init_stackgan_v1_(self.network)
        if settings.initial is not None and is_new:
            _load_first_(settings.initial, self.network.first)
        size = SIZES[model.stage]
        judge = StackDiscriminator(
            size,
            condition_dim=model.condition_dim,
            width=model.discriminator_width,
            code_first=True,
            unconditional=model.stage == 2,
        )
        init_stackgan_v1_(judge)
        self.network.first.requires_grad_(model.stage == 1)
        super().__init__(
            settings,
            generator=self.network,
            config={"network": "stackgan-v1", **config},
            discriminators={size: judge},
            corpus=corpus,
            batches=batches,
            teacher=teacher,
            kl=settings.kl,
            device=device,
        )
        if settings.initial is not None:
            self.trained_with |= inherited(start, "initial generator")

    def train_mode_(self) -> None:
        """Put what is trained into training mode; a stage I below it keeps the statistics it has."""
        self.network.train()
        if self.network.stage == 2:
            self.network.first.eval()

    def generate(self, speech: SpeechEncoding) -> GeneratorOutput:
        """Images of one sentence each, from fresh noise."""
        noise = torch.randn(len(speech.sentence), self.network.noise_dim, device=self.device)
        return self.network(speech.sentence, noise)

    def condition(self, sentence_BD: Tensor) -> Tensor:
        """The mean of the last stage's condition: no gradient goes there, as published."""
        stage = self.network.second or self.network.first
        return stage.augment(sentence_BD, torch.zeros((), device=self.device)).mu

    def card(self) -> str:
        """What the release is."""
        return f"Speech encoder and StackGAN-v1 up to stage {self.network.stage} (arXiv:1612.03242)"


def _started(settings: StackGANv1Settings, run_dir: Path) -> tuple[StackGANv1Settings, Mapping[str, Any]]:
    """Settings with the sizes of stage I, and the config of its release; empty for stage I itself."""
    if settings.initial is None:
        return settings, {}
    config = kept_start(settings.initial, run_dir) or load_release(find_release(settings.initial))[1]
    arguments = config.get("generator", {})
    if arguments.get("network") != settings.family or arguments.get("stage") != 1:
        reason = "it holds no stage I of StackGAN-v1"
        raise CheckpointError.about(f"initial {settings.initial}", reason, "give a run of model.stage 1")
    differing: list[str] = []
    taken = {name: value for name, value in arguments.items() if name not in _FREE}
    changed = merged(settings.model, taken, "model.", differing)
    demand_same(settings.initial, differing)
    return replace(settings, model=replace(settings.model, **changed)), config


def _load_first_(name: str, first: nn.Module) -> None:
    """Load the released stage I, in place; CheckpointError if it has other sizes."""
    folder = find_release(name)
    tensors, _ = load_release(folder)
    load_weights(first, strip_prefix(tensors, "generator.first."), name=f"stage I of {folder}")
