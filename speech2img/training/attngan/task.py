"""Training of AttnGAN: stages that look at the frames of speech, and a DAMSM that judges the last image."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.spoken_images import SpokenImageBatches, SpokenImages
from speech2img.distributed.collectives import gather_with_grad
from speech2img.errors import ConfigError
from speech2img.features.base import FeatureExtractor
from speech2img.features.extractors.damsm import ReleasedDAMSM
from speech2img.features.image_features import load_features
from speech2img.losses.damsm import matching_loss, sentence_similarity, words_similarity
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.attngan.generator import AttentionStage, AttnGANGenerator
from speech2img.models.generators.stackgan import GeneratorOutput, init_stackgan_
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.precision import to_device
from speech2img.training.adversarial.damsm import compare, load_damsm
from speech2img.training.adversarial.data import SpokenCorpus
from speech2img.training.adversarial.r_precision import damsm_r_precision
from speech2img.training.adversarial.task import AdversarialTask
from speech2img.training.attngan.settings import AttnGANSettings
from speech2img.training.task import Prepared, Sitting

_FITTED = 512
"""Utterances whose frames the scale is taken from."""


class AttnGANTask(AdversarialTask[AttnGANSettings]):
    """AttnGAN on the frames and sentences of speech.

    Parameters
    ----------
    settings : AttnGANSettings
        How to train.
    corpus, batches, teacher, device
        As for `AdversarialTask`.
    damsm : ReleasedDAMSM, optional
        Judges the last image, and the generator learns from it.
    judge : ReleasedDAMSM, optional
        Another one, that only measures.
    """

    Settings = AttnGANSettings

    @classmethod
    def prepare(cls, root: Path, settings: AttnGANSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the embeddings and the DAMSM.

        Raises
        ------
        ConfigError
            If a DAMSM is one of embeddings of another size, or the one that measures is the one that is learned from.
        DataError
            If embeddings are missing, of another manifest, or without the frames that are attended to.
        CheckpointError
            If there is no DAMSM of that name.
        """
        corpus = SpokenCorpus.load(root, settings.embeddings, needs_frames=settings.model.attention)
        identity = {"encoder_sha256": corpus.embeddings.sha256}
        # What judges the images: one that is learned from, and one that only measures.
        damsm = None
        if settings.damsm is not None:
            damsm = load_damsm(settings.damsm, speech_dim=corpus.embeddings.embeddings.shape[1], device=device)
            identity["damsm_sha256"] = damsm.sha256
        judge = None
        if settings.judge_damsm is not None:
            judge = load_damsm(settings.judge_damsm, speech_dim=corpus.embeddings.embeddings.shape[1], device=device)
        if judge is not None and damsm is not None and judge.sha256 == damsm.sha256:
            raise ConfigError.about(
                "judge_damsm", "it is the DAMSM that the generator learns from", "train another one"
            )
        return Prepared(settings, identity, (corpus, damsm, judge))

    @classmethod
    def build(cls, root: Path, settings: AttnGANSettings, *, device: torch.device, sitting: Sitting) -> "AttnGANTask":
        """Generator on training images and frozen embeddings; DataError if teacher features are missing."""
        corpus, damsm, judge = sitting.inputs
        teacher = None
        if settings.features is not None:
            teacher = load_features(root, settings.features).open_teacher(device=device)
        size = 64 << (settings.model.num_stages - 1)
        batches = corpus.batches(settings, size=size, progress=sitting.progress)
        return cls(settings, corpus=corpus, batches=batches, teacher=teacher, damsm=damsm, judge=judge, device=device)

    def __init__(
        self,
        settings: AttnGANSettings,
        *,
        corpus: SpokenCorpus,
        batches: SpokenImageBatches,
        teacher: FeatureExtractor | None,
        damsm: ReleasedDAMSM | None,
        judge: ReleasedDAMSM | None = None,
        device: torch.device,
    ) -> None:
        # Draw the weights.
        model = settings.model
        config = model.generator_config(embedding_dim=corpus.embeddings.embeddings.shape[1])
        self.network = AttnGANGenerator(**config, recompute=model.recompute)
        init_stackgan_(self.network)
        if model.standardise:
            _fit_inputs_(self.network, corpus)
        # One discriminator a size; the one of 512 px is narrow.
        discriminators = {}
        for size in self.network.image_sizes:
            width = model.discriminator_width_512 if size == 512 else model.discriminator_width
            discriminators[size] = StackDiscriminator(
                size, condition_dim=config["embedding_dim"], width=width, code_first=True, norm=model.discriminator_norm
            )
            if model.discriminator_norm == "batch":
                init_stackgan_(discriminators[size])
        super().__init__(
            settings,
            generator=self.network,
            config={"network": "attngan", **config},
            discriminators=discriminators,
            corpus=corpus,
            batches=batches,
            teacher=teacher,
            kl=settings.kl,
            device=device,
        )
        self.damsm, self.judge = damsm, judge
        if damsm is not None:
            self.trained_with["damsm"] = damsm.sha256

    def generate(self, speech: SpeechEncoding) -> GeneratorOutput:
        """Images of one utterance each, from fresh noise."""
        noise = torch.randn(len(speech.sentence), self.network.noise_dim, device=self.device)
        output: GeneratorOutput = self.network(speech, noise)
        return output

    def condition(self, sentence_BD: Tensor) -> Tensor:
        """The sentence itself."""
        return sentence_BD

    def image_losses(self, batch: SpokenImages, speech: SpeechEncoding, fake: GeneratorOutput) -> dict[str, Tensor]:
        """How badly the DAMSM finds each last image's utterance among the batch, and each utterance's image."""
        if self.damsm is None:
            return {}
        # The last image alone is judged, as published.
        with self.precision.autocast():
            compared = compare(self.damsm.network, fake.images[-1], speech)
        classes = gather_with_grad(to_device([batch.classes_B], self.device)[0])
        factors = self.settings.smoothing.factors
        words = words_similarity(compared.regions, compared.words, compared.lengths, smoothing=factors)
        sentence = sentence_similarity(compared.image, compared.sentence)
        weight = self.settings.damsm_weight
        return {
            "damsm_words": weight * matching_loss(words, classes, sharpness=factors.matching).total,
            "damsm_sentence": weight * matching_loss(sentence, classes, sharpness=factors.matching).total,
        }

    def evaluate(self, step: int) -> dict[str, float]:
        """What `AdversarialTask.evaluate` gives, and R-precision of images of validation utterances."""
        found = super().evaluate(step)
        if self.judge is None:
            return found
        noise = self.validation_samples.noise
        value = damsm_r_precision(
            self.judge.network,
            self.spoken,
            lambda rows: self._sample(rows, noise[rows.start : rows.stop]),
            device=self.device,
        )
        return found if value is None else {**found, "r_precision": value}

    def card(self) -> str:
        """What the release is."""
        looks = "attends to the frames of speech" if self.network.needs_frames else "without attention"
        judged = ", with a DAMSM" if self.damsm is not None else ""
        return f"Speech encoder and AttnGAN (arXiv:1711.10485), which {looks}{judged}"


@torch.no_grad()
def _fit_inputs_(network: AttnGANGenerator, corpus: SpokenCorpus) -> None:
    """Fold into the first layers what brings sentences to mean 0 and deviation 1, and frames to deviation 1."""
    sentences = torch.from_numpy(corpus.embeddings.embeddings)
    # The sentence: shift and scale.
    layer = network.augment.project
    layer.weight /= sentences.std() + 1e-8
    layer.bias.sub_(layer.weight @ sentences.mean(dim=0))
    # The frames: scale alone, for their projection has no bias to take a shift.
    frames = corpus.speech.frames
    if frames is None:
        scale = float(sentences.std())
    else:
        rows = np.linspace(0, len(frames) - 1, min(len(frames), _FITTED)).astype(int)
        scale = float(np.concatenate([frames[row] for row in rows.tolist()]).std())
    for stage in network.next:
        assert isinstance(stage, AttentionStage)
        stage.attention.project.weight /= scale + 1e-8
