"""Training of the prior, and the whole model: encoder, prior, and a generator that was trained on image features."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.manifest import Manifest
from speech2img.distributed.collectives import average_gradients_, global_mean
from speech2img.errors import ConfigError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.image_features import load_features
from speech2img.features.image_head import image_head_of
from speech2img.features.speech_embeddings import EmbeddingFile, load_embeddings
from speech2img.losses.flow import rectified_flow_loss
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import Distribution, ImageGenerator, ImageNoise
from speech2img.models.generators.feature_choice import reads_attributes
from speech2img.models.generators.feature_prior import FeaturePrior
from speech2img.models.generators.image_sampler import ImageSampler, SamplingOptions
from speech2img.models.generators.reranker import Reranker
from speech2img.models.layers.ema import EMA
from speech2img.precision import to_device
from speech2img.renamed import modern_tensors
from speech2img.seeded_noise import seeded_noise
from speech2img.storage.releases.config import ENCODER_KEYS, ENCODER_PARTS
from speech2img.storage.releases.provenance import TRAINED_WITH, inherited
from speech2img.storage.releases.writing import save_release
from speech2img.training.optimization import learning_rate, set_learning_rate
from speech2img.training.prior.data import PriorData, load_generator, pair_data
from speech2img.training.prior.settings import PriorSettings
from speech2img.training.task import Prepared, Sitting, Task
from speech2img.training.validation_samples import ValidationSamples, fixed_noise


class PriorTask(Task):
    """AdamW on the rectified flow loss.

    Parameters
    ----------
    settings : PriorSettings
        How to train.
    data : PriorData
        Pairs.
    encoder : EmbeddingFile
        Where the embeddings came from.
    generator : tuple of nn.Module and dict
        An `ImageGenerator` that takes features, and what its release says of it.
    teacher : AttributeClassifier, optional
        Reads generated images in evaluations.
    trained_with : Mapping of str to str
        Role -> hash of the networks behind the generator and the features; goes into the release, with the encoder's.
    device : torch.device
        Where it computes.
    """

    Settings = PriorSettings
    name = "prior"

    @classmethod
    def prepare(cls, root: Path, settings: PriorSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read embeddings, features and the generator that takes the features.

        Raises
        ------
        ConfigError
            If no speech encoder made the embeddings, or the generator was made for other features, looks at the frames
            of speech, or reads no attributes where features are to be chosen by them.
        CheckpointError
            If ``settings.generator`` is no generator.
        DataError
            If embeddings or features are missing, or the generator was not trained on standardised features.
        """
        embeddings = load_embeddings(root, settings.embeddings)
        if "encoder" not in embeddings.encoder_release()[1]:
            reason = "no speech encoder made them, and a prior is released as a whole model, which hears"
            raise ConfigError.about(f"embeddings {settings.embeddings!r}", reason, "name some of 'extract --run'")
        features = load_features(root, settings.features)
        generator, standard, config = load_generator(Path(settings.generator))
        assert isinstance(generator, ImageGenerator)
        if generator.needs_frames:
            reason = f"{settings.generator} looks at the frames of speech, a prior gives features alone"
            raise ConfigError.about("generator", reason, "choose one of a family without needs_frames")
        if generator.embedding_dim != features.features.shape[2]:
            raise ConfigError.about(
                "generator",
                f"it takes {generator.embedding_dim} features, the teacher has {features.features.shape[2]}",
                "train it with embeddings = picture",
            )
        if settings.feature_draws > 1 and not reads_attributes(generator):
            reason = f"{settings.feature_draws}, and {settings.generator} reads no attributes off features"
            raise ConfigError.about("feature_draws", reason, "set it to 1, or train that with reads_attributes")
        inputs = embeddings, features, generator, standard, config
        return Prepared(settings, {"encoder_sha256": embeddings.sha256}, inputs)

    @classmethod
    def build(cls, root: Path, settings: PriorSettings, *, device: torch.device, sitting: Sitting) -> "PriorTask":
        """Prior of a generator; what it exports is a whole model."""
        embeddings, features, generator, standard, config = sitting.inputs
        manifest = Manifest.load(root)
        teacher = features.open_teacher(device=device)
        return cls(
            settings,
            data=pair_data(manifest, embeddings, standard(features.features[:, 0]), settings),
            encoder=embeddings,
            generator=(generator, config["generator"]),
            teacher=teacher if isinstance(teacher, AttributeClassifier) else None,
            trained_with={**inherited(config, "generator"), "feature network": features.sha256},
            device=device,
        )

    def __init__(
        self,
        settings: PriorSettings,
        *,
        data: PriorData,
        encoder: EmbeddingFile,
        generator: tuple[nn.Module, dict[str, Any]],
        teacher: AttributeClassifier | None,
        trained_with: Mapping[str, str],
        device: torch.device,
    ) -> None:
        self.settings, self.data, self.teacher, self.device = settings, data, teacher, device
        self.batch_size = min(settings.batch_size, len(data.train))
        self.encoder_tensors, self.encoder_config = encoder.encoder_release()
        self.trained_with = {
            **inherited(self.encoder_config, "speech encoder"),
            "speech encoder": encoder.sha256,
            **trained_with,
        }

        # The prior: the linear mean is known from the start, the flow is drawn at random.
        self.arguments = {
            "embedding_dim": data.embeddings.shape[1],
            "feature_dim": data.features.shape[1],
            "components": settings.components,
            "width": settings.width,
            "blocks": settings.blocks,
            "dropout": settings.dropout,
        }
        self.prior = FeaturePrior(**self.arguments)
        images, of_utterance = np.unique(data.train[:, 1], return_inverse=True)
        self.prior.fit_spaces(
            torch.from_numpy(data.features[images]),
            torch.from_numpy(data.embeddings[data.train[:, 0]]),
            torch.from_numpy(of_utterance),
            ridge=settings.ridge,
        )
        self.prior.to(device)
        self.average = EMA(self.prior, settings.ema_decay, warmup=True)
        self.optimizer = torch.optim.AdamW(
            self.prior.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.sampler = ResumableSampler(len(data.train), self.batch_size, seed=settings.loop.seed)

        # The whole model, as it is looked at and released.
        network, self.generator_config = generator
        self.generator = network.to(device).eval().requires_grad_(False)
        averaged = self.average.module
        assert isinstance(averaged, FeaturePrior) and isinstance(network, ImageGenerator)
        self.image_sampler = ImageSampler(
            network,
            prior=averaged,
            reranker=self._reranker() if settings.candidates > 1 else None,
            options=SamplingOptions(
                prior_steps=settings.steps,
                mean_scale=settings.mean_scale,
                guidance_scale=settings.guidance_scale,
                temperature=settings.temperature,
                num_candidates=settings.candidates,
                num_feature_draws=settings.feature_draws,
            ),
        )
        count = max(1, len(data.validation.embeddings))
        noise_size = settings.feature_draws * settings.components
        grid_noise, noise = fixed_noise(
            settings.loop.seed, (settings.grid_noises, settings.candidates, noise_size), (count, 1, noise_size)
        )
        self.validation_samples = ValidationSamples(
            data.validation, self._sample, grid_noise=grid_noise, noise=noise, grid_utterances=settings.grid_utterances
        )

    def _reranker(self) -> Reranker:
        """The teacher, as it goes into the release."""
        head = image_head_of(self.encoder_tensors, self.encoder_config, name="the speech encoder")
        if self.teacher is None or (head is None and "target.mean" not in self.encoder_tensors):
            raise ConfigError.about(
                "candidates",
                "only a teacher of 'train teacher' can choose among images, and only by speech that "
                "has an image head or learned standardised features",
                "set candidates to 1",
            )
        network = self.teacher.network
        reranker = Reranker(
            heads=network.heads,
            width=network.width,
            feature_dim=network.feature_dim,
            image_size=self.teacher.image_size,
            head_dim=None if head is None else head.embedding_dim,
        )
        reranker.network.load_state_dict(network.state_dict())
        if reranker.head is not None and head is not None:
            reranker.head.load_state_dict(head.state_dict())
        else:
            reranker.mean.copy_(self.encoder_tensors["target.mean"])
            reranker.std.copy_(self.encoder_tensors["target.std"])
        return reranker.to(self.device).eval().requires_grad_(False)

    def next_batch(self) -> tuple[Tensor, Tensor, np.ndarray]:
        """Embeddings, features and the numbers of the pairs."""
        drawn, _ = self.sampler.next()
        utterances, images = self.data.train[drawn].T
        return (torch.from_numpy(self.data.embeddings[utterances]), torch.from_numpy(self.data.features[images]), drawn)

    def networks(self) -> list[nn.Module]:
        """The prior."""
        return [self.prior]

    def batch_ids(self, batch: tuple[Tensor, Tensor, np.ndarray]) -> list[int]:
        """Rows of the embeddings."""
        return [int(row) for row in self.data.train[batch[2], 0]]

    def train_step(self, batch: tuple[Tensor, Tensor, np.ndarray], progress: float) -> dict[str, Tensor]:
        """One step of AdamW."""
        settings = self.settings
        rate = learning_rate(progress, base=settings.learning_rate, schedule=settings.schedule, warmup=0.02)
        set_learning_rate(self.optimizer, rate)
        self.prior.train()
        embeddings, features = to_device(batch[:2], self.device)

        # Noise on the embeddings, and some of them left out.
        noisy = embeddings + settings.embedding_noise * self.prior.embedding_scale * torch.randn_like(embeddings)
        conditional = torch.rand(len(embeddings), device=self.device) >= settings.condition_dropout

        # The flow from noise to what the features have besides the linear mean.
        target = self.prior.compress(features, embeddings)
        times = torch.rand(len(embeddings), device=self.device)
        loss = global_mean(
            rectified_flow_loss(
                lambda state, time: self.prior(state, time, noisy, conditional), target, torch.randn_like(target), times
            )
        )

        # Update the weights.
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients_(self.prior.parameters())
        self.optimizer.step()
        self.average.update(self.prior)
        return {"flow": loss.detach()}

    def _sample(self, rows: Sequence[int], state_BCK: Tensor) -> Tensor:
        """Images (B, 3, S, S) of validation utterances, with the prior's noise as given and the generator's fixed."""
        embeddings = self.data.validation.embeddings[list(rows)]
        fixed = seeded_noise([(self.settings.loop.seed, 0, row) for row in range(len(embeddings))], self.device)

        def draw(distribution: Distribution, name: str, shape: tuple[int, ...]) -> Tensor:
            """The prior's noise; zero beside it in one stream with it, otherwise the fixed noise of that name."""
            if name not in ("", "prior"):
                return fixed.normal(name, *shape) if distribution == "normal" else fixed.uniform(name, *shape)
            if name == "prior":
                return state_BCK.to(self.device).view(len(embeddings), *shape)
            draws = torch.zeros(len(embeddings), *shape, device=self.device)
            draws[..., -self.prior.components :] = state_BCK.to(self.device)
            return draws

        speech = SpeechEncoding.of_sentences(embeddings.to(self.device))
        return self.image_sampler.sample(speech, ImageNoise(draw), num_candidates=state_BCK.shape[1])[-1]

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in images of validation utterances.

        One candidate each: it must not grade what it chose itself.
        """
        return self.validation_samples.scores(self.teacher)

    def sample_grids(self) -> dict[str, Image.Image]:
        """Fixed validation utterances (rows) with fixed noise (columns)."""
        return self.validation_samples.grids()

    def state_dict(self) -> dict[str, Any]:
        """Prior, average, optimizer and sampler."""
        return {
            "prior": self.prior.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "sampler": self.sampler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        average = {**state["average"], "module": modern_tensors(state["average"]["module"], part="prior.")}
        self.prior.load_state_dict(modern_tensors(state["prior"], part="prior."))
        self.average.load_state_dict(average)
        self.optimizer.load_state_dict(state["optimizer"])
        self.sampler.load_state_dict(state["sampler"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write encoder, averaged prior and generator as one release of kind ``speech-to-image``."""
        # The weights of every part.
        tensors = {key: value for key, value in self.encoder_tensors.items() if key.startswith(ENCODER_PARTS)}
        tensors |= {f"prior.{name}": value for name, value in self.average.module.state_dict().items()}
        tensors |= {f"generator.{name}": value for name, value in self.generator.state_dict().items()}
        reranker = self.image_sampler.reranker
        extra: dict[str, Any] = {}
        if reranker is not None:
            tensors |= {f"reranker.{name}": value for name, value in reranker.state_dict().items()}
            network = reranker.network
            extra["reranker"] = {
                "heads": network.heads,
                "width": network.width,
                "feature_dim": reranker.feature_dim,
                "image_size": reranker.image_size,
                **({} if reranker.head is None else {"head_dim": reranker.embedding_dim}),
            }

        # What it takes to use them.
        config = {
            **{key: value for key, value in self.encoder_config.items() if key in ENCODER_KEYS},
            "kind": "speech-to-image",
            "generator": self.generator_config,
            "conditioning": "mean",
            "prior": self.arguments,
            **asdict(self.image_sampler.options),
            **extra,
            "image_size": self.image_sampler.image_sizes[-1],
            "step": step,
            "utterances_seen": images_seen,
            TRAINED_WITH: self.trained_with,
        }
        after = "S2IGAN" if self.encoder_config["encoder"].get("network") == "s2igan" else "Li et al. 2020"
        card = (
            f"# Speech to image\n\nSpeech encoder after {after}, a rectified-flow prior from speech to image features, "
            f"and the generator {self.generator_config.get('network', 'stackgan')}, {config['image_size']} px.\n"
        )
        save_release(folder, tensors, config, card)
