"""A generator family from outside the package: its network, its settings and its training."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.batches.image_pairs import PairBatch, PairBatches, PairSource
from speech2img.corpora.records.manifest import Manifest
from speech2img.features.speech_embeddings import EmbeddingFile, load_embeddings
from speech2img.features.stores import image_store
from speech2img.images.pyramid import pyramid
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.storage.releases.config import ENCODER_KEYS, ENCODER_PARTS
from speech2img.storage.releases.writing import save_release
from speech2img.training.run import LoopSettings
from speech2img.training.task import Sitting, Task

SIDE = 16


class ToyPixels(nn.Module):
    """An image as a linear function of the sentence, in two steps with a draw each."""

    needs_frames = False
    image_sizes = (SIDE,)

    def __init__(self, *, embedding_dim: int = 16, noise_scale: float = 0.1) -> None:
        super().__init__()
        self.embedding_dim, self.noise_scale = embedding_dim, noise_scale
        self.pixels = nn.Linear(embedding_dim, 3 * SIDE * SIDE)

    def sample(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Contract: `speech2img.models.generators.base.ImageGenerator`."""
        image = self.pixels(speech.sentence).unflatten(1, (3, SIDE, SIDE))
        for step in range(2):
            image = image + self.noise_scale * noise.normal(f"step {step}", 3, SIDE, SIDE)
        return [image.tanh()]


@dataclass(frozen=True)
class ToyPixelsSettings:
    """Settings of the toy."""

    family: Literal["toy-pixels"] = "toy-pixels"
    """Kind of generator."""
    embeddings: str = "picture"
    """Name of the embeddings."""
    noise_scale: float = 0.1
    """Deviation of the noise, which no other family has as a setting."""
    learning_rate: float = 1e-2
    """Of Adam."""
    loop: LoopSettings = field(default_factory=LoopSettings)
    """How long."""


class ToyPixelsTask(Task):
    """Adam on the mean absolute difference."""

    Settings = ToyPixelsSettings
    name = "generator"

    @classmethod
    def build(
        cls, root: Path, settings: ToyPixelsSettings, *, device: torch.device, sitting: Sitting
    ) -> "ToyPixelsTask":
        embeddings, manifest = load_embeddings(root, settings.embeddings), Manifest.load(root)
        pixels = image_store(manifest, size=64, workers=1, progress=False).pixels()
        source = PairSource(manifest.items, "train", pixels, embeddings.embeddings, attributes={})
        return cls(settings, PairBatches(source, batch_size=4, seed=settings.loop.seed, size=64), embeddings, device)

    def __init__(
        self, settings: ToyPixelsSettings, batches: PairBatches, encoder: EmbeddingFile, device: torch.device
    ) -> None:
        self.settings, self.batches, self.encoder, self.device = settings, batches, encoder, device
        self.batch_size = batches.sampler.batch_size
        self.config = {"embedding_dim": batches.source.embeddings.shape[1], "noise_scale": settings.noise_scale}
        self.generator = ToyPixels(**self.config).to(device)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), settings.learning_rate)

    def next_batch(self) -> PairBatch:
        return self.batches.next()

    def train_step(self, batch: PairBatch, progress: float) -> dict[str, Tensor]:
        (real,) = pyramid(batch.real_BCHW, [SIDE])
        noise = ImageNoise(lambda kind, name, shape: torch.randn(len(real), *shape))
        (fake,) = self.generator.sample(SpeechEncoding.of_sentences(batch.embeddings_BD), noise)
        loss = F.l1_loss(fake, real)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"reconstruction": loss.detach()}

    def state_dict(self) -> dict[str, Any]:
        return {
            "generator": self.generator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "sampler": self.batches.sampler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.load_state_dict(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches.sampler.load_state_dict(state["sampler"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        encoder_tensors, encoder_config = self.encoder.encoder_release()
        tensors = {name: value for name, value in encoder_tensors.items() if name.startswith(ENCODER_PARTS)}
        tensors |= {f"generator.{name}": value for name, value in self.generator.state_dict().items()}
        config = {
            **{key: value for key, value in encoder_config.items() if key in ENCODER_KEYS},
            "kind": "speech-to-image" if "encoder" in encoder_config else "image-generator",
            "generator": {"network": "toy-pixels", **self.config},
            "settings": asdict(self.settings),
            "step": step,
        }
        save_release(folder, tensors, config, "# Toy")
