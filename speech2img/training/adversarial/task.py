"""`AdversarialTask`: a step of each discriminator, then one of the generator."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.batches.spoken_images import SpokenImageBatches, SpokenImages
from speech2img.distributed.collectives import average_gradients_, gather_with_grad
from speech2img.features.base import FeatureExtractor
from speech2img.images.pyramid import pyramid
from speech2img.losses.generator import kl_to_standard_normal
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageGenerator, ImageNoise
from speech2img.models.generators.stackgan import GeneratorOutput
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.models.layers.ema import EMA
from speech2img.precision import make_adam, resolve_precision, restore_optimizer_, to_device
from speech2img.storage.releases.composition import save_generator
from speech2img.storage.releases.provenance import inherited
from speech2img.training.adversarial.data import SpokenCorpus
from speech2img.training.adversarial.discriminators import ADAM_BETAS, ImageDiscriminators
from speech2img.training.adversarial.settings import AdversarialSettings
from speech2img.training.optimization import learning_rate, set_learning_rate
from speech2img.training.task import Task
from speech2img.training.validation_samples import ValidationSamples, fixed_noise

SettingsT = TypeVar("SettingsT", bound=AdversarialSettings)


class AdversarialTask(Task, Generic[SettingsT]):
    """A generator from noise and speech, and a discriminator for some or all sizes of its images.

    A subclass must define `prepare`, `build`, `generate`, `condition` and `card`, and may add losses.

    Parameters
    ----------
    settings : AdversarialSettings
        How to train.
    generator : nn.Module
        An `ImageGenerator` with ``noise_dim``, with its first weights.
    config : Mapping of str to Any
        Its arguments and its ``network``, as a release holds them.
    discriminators : Mapping of int to StackDiscriminator
        Side of the images -> the network that judges them, with its first weights.
    corpus : SpokenCorpus
        Utterances.
    batches : SpokenImageBatches
        Images of the largest side.
    teacher : FeatureExtractor, optional
        Reads generated images in evaluations, where it knows attributes.
    kl : float
        Weight of the condition's divergence from the standard normal.
    device : torch.device
        Where it computes.
    """

    name = "generator"

    def __init__(
        self,
        settings: SettingsT,
        *,
        generator: nn.Module,
        config: Mapping[str, Any],
        discriminators: Mapping[int, StackDiscriminator],
        corpus: SpokenCorpus,
        batches: SpokenImageBatches,
        teacher: FeatureExtractor | None,
        kl: float,
        device: torch.device,
    ) -> None:
        assert isinstance(generator, ImageGenerator)
        self.settings, self.config, self.batches, self.device = settings, dict(config), batches, device
        self.batch_size, self.teacher, self.kl = batches.sampler.batch_size, teacher, kl

        # What the release will hold and say beside the generator.
        self.encoder = corpus.embeddings.encoder_release()
        self.trained_with = {
            **inherited(self.encoder[1], "speech encoder"),
            "speech encoder": corpus.embeddings.sha256,
            **({} if teacher is None else {"feature network": teacher.sha256}),
        }

        # The networks and their optimizers.
        self.precision = resolve_precision(settings.loop.precision, device)
        self.scaler = self.precision.scaler()
        self.generator = generator.to(device)
        self.sizes = tuple(generator.image_sizes)
        self.judged = [self.sizes.index(size) for size in discriminators]
        self.discriminators = ImageDiscriminators(
            list(discriminators.values()),
            learning_rate=settings.discriminator_learning_rate,
            precision=self.precision,
            scaler=self.scaler,
            device=device,
        )
        trained = [parameter for parameter in generator.parameters() if parameter.requires_grad]
        self.optimizer = make_adam(trained, settings.learning_rate, betas=ADAM_BETAS, device=device)
        self.average = EMA(generator, settings.ema_decay, warmup=True)

        # What it is looked at by.
        count = max(settings.evaluation_utterances, settings.grid_utterances)
        validation, self.spoken = corpus.validation(batches, count)
        noise_dim = int(config["noise_dim"])
        grid_noise, noise = fixed_noise(
            settings.loop.seed, (settings.grid_noises, noise_dim), (max(1, len(self.spoken)), noise_dim)
        )
        self.validation_samples = ValidationSamples(
            validation, self._sample, grid_noise=grid_noise, noise=noise, grid_utterances=settings.grid_utterances
        )

    @abstractmethod
    def generate(self, speech: SpeechEncoding) -> GeneratorOutput:
        """Images of every size with the Gaussian of their condition, by the generator in training."""

    @abstractmethod
    def condition(self, sentence_BD: Tensor) -> Tensor:
        """What discriminators are given of sentences, (B, C)."""

    @abstractmethod
    def card(self) -> str:
        """What the release is, in one paragraph."""

    def image_losses(self, batch: SpokenImages, speech: SpeechEncoding, fake: GeneratorOutput) -> dict[str, Tensor]:
        """Further losses of generated images by name, weighted, over the rows of all processes."""
        return {}

    def train_mode_(self) -> None:
        """Put what is trained into training mode."""
        self.generator.train()

    def networks(self) -> list[nn.Module]:
        """The generator and its discriminators."""
        return [self.generator, self.discriminators.networks]

    def next_batch(self) -> SpokenImages:
        """Draw images with utterances."""
        return self.batches.next()

    def batch_ids(self, batch: SpokenImages) -> list[int]:
        """Rows in the image store."""
        return [int(index) for index in batch.indices_B]

    def train_step(self, batch: SpokenImages, progress: float) -> dict[str, Tensor]:
        """One step of every discriminator, then one of the generator."""
        settings = self.settings
        rate = learning_rate(progress, base=1.0, schedule=settings.schedule)
        set_learning_rate(self.optimizer, rate * settings.learning_rate)
        self.discriminators.set_learning_rate(rate * settings.discriminator_learning_rate)
        self.train_mode_()
        sentence, words, wrong, images = to_device(
            [batch.speech.sentence, batch.speech.words, batch.wrong_BD, batch.images_B3SS], self.device
        )
        speech = SpeechEncoding(sentence, words, batch.speech.word_lengths)
        real = pyramid(images, self.sizes)

        # Generate, and let the discriminators learn.
        with self.precision.autocast():
            fake = self.generate(speech)
        with torch.no_grad(), self.precision.autocast():
            right, mismatched = self.condition(sentence), self.condition(wrong)
        made = [fake.images[number] for number in self.judged]
        seen = [real[number] for number in self.judged]
        terms = {"discriminator": self.discriminators.step(seen, made, right, mismatched)}

        # Let the generator learn.
        losses = {
            "kl": self.kl * kl_to_standard_normal(*gather_with_grad((fake.mu, fake.logvar))),
            "generator": self.discriminators.generator_loss(made, right),
            **self.image_losses(batch, speech, fake),
        }
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(torch.stack(list(losses.values())).sum()).backward()
        average_gradients_(self.generator.parameters())
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.update(self.generator)
        return terms | {name: loss.detach() for name, loss in losses.items()}

    def _sample(self, rows: Sequence[int], noise_BZ: Tensor) -> Tensor:
        """Images (B, 3, S, S) of validation utterances by the averaged generator, at the mean of the condition."""
        fixed, average = noise_BZ.to(self.device), self.average.module
        assert isinstance(average, ImageGenerator)
        noise = ImageNoise(lambda kind, name, shape: fixed if name == "noise" else fixed.new_zeros(len(fixed), *shape))
        return average.sample(self.spoken.batch(rows, self.device), noise)[-1].float()

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in images of validation utterances."""
        return self.validation_samples.scores(self.teacher) if self.settings.evaluation_utterances else {}

    def sample_grids(self) -> dict[str, Image.Image]:
        """Images of validation utterances."""
        return self.validation_samples.grids()

    def state_dict(self) -> dict[str, Any]:
        """Networks, average, optimizers, scaler and sampler."""
        return {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "generator_optimizer": self.optimizer.state_dict(),
            "image_discriminators": self.discriminators.state_dict(),
            "scaler": self.scaler.state_dict(),
            "sampler": self.batches.sampler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        restore_optimizer_(self.optimizer, state["generator_optimizer"])
        self.discriminators.load_state_dict(state["image_discriminators"])
        self.scaler.load_state_dict(state["scaler"])
        self.batches.sampler.load_state_dict(state["sampler"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write encoder and averaged generator as one release."""
        size = self.sizes[-1]
        seen = f"Trained for {step} steps, {images_seen} images."
        save_generator(
            folder,
            self.average.module.state_dict(),
            f"# Speech to image\n\n{self.card()}, {size} px.\n{seen}\n",
            generator_config=self.config,
            encoder=self.encoder,
            trained_with=self.trained_with,
            image_size=size,
            step=step,
            images_seen=images_seen,
        )
