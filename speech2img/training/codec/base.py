"""What trainings of image codecs share: images and what comes back, what looks at both, the average, the release."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.distributed.collectives import global_mean
from speech2img.features.stores import image_store
from speech2img.images.grid import image_grid
from speech2img.images.store import Images
from speech2img.losses.perceptual import perceptual_loss
from speech2img.metrics.functional.reconstruction import Reconstruction, reconstruction
from speech2img.models.codecs.base import ImageCodec
from speech2img.models.layers.ema import EMA
from speech2img.training.codec.adversary import PatchAdversary
from speech2img.training.codec.data import CodecBatch, CodecBatches, CodecInputs, spread_rows
from speech2img.training.codec.export import save_codec
from speech2img.training.codec.reconstruction import latent_scale, reconstruct
from speech2img.training.codec.settings import CodecTrainingSettings
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Prepared, Sitting

_FITTED_PIXELS = 1 << 22
"""Most pixels of training images that linear maps, and the scale of the latents, are taken over."""
CodecSettingsT = TypeVar("CodecSettingsT", bound=CodecTrainingSettings)
CodecT = TypeVar("CodecT", bound=ImageCodec)


class ImageCodecTask(SupervisedTask[CodecSettingsT, CodecT]):
    """AdamW on a codec, Adam on its discriminator where there is one.

    A subclass must define ``Settings``, `make_network` and `compute_terms`.

    Parameters
    ----------
    settings : CodecTrainingSettings
        How to train.
    inputs : CodecInputs
        Which images, and what looks at them.
    images : ndarray of uint8 or CheckedRows, shape (N, S, S, 3)
        All images of the corpus.
    device : torch.device
        Where it computes.
    """

    name = "codec"
    network_key = "codec"
    keeps_best = False
    betas: tuple[float, float] = (0.9, 0.999)
    """Of AdamW."""

    @classmethod
    def prepare(cls, root: Path, settings: Any, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the manifest and the frozen network; errors as `CodecInputs.load`."""
        inputs = CodecInputs.load(root, settings, device=device)
        return Prepared(settings, inputs.trained_with, inputs)

    @classmethod
    def build(cls, root: Path, settings: Any, *, device: torch.device, sitting: Sitting) -> "ImageCodecTask":
        """Codec over the training images; a missing image store is made."""
        inputs: CodecInputs = sitting.inputs
        store = image_store(
            inputs.manifest, size=settings.image_size, workers=settings.workers, progress=sitting.progress
        )
        return cls(settings, inputs=inputs, images=store.pixels(), device=device)

    def __init__(self, settings: CodecSettingsT, *, inputs: CodecInputs, images: Images, device: torch.device) -> None:
        self.fitted = spread_rows(inputs.training, max(1, _FITTED_PIXELS // settings.image_size**2))
        network = self.make_network(settings, images)
        network.to(device)
        optimizer = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, betas=self.betas, weight_decay=settings.weight_decay
        )
        batches = CodecBatches(
            images,
            inputs.training,
            batch_size=settings.batch_size,
            seed=settings.loop.seed,
            crop=settings.crop or settings.image_size,
            mirrored=settings.mirrored,
        )
        super().__init__(settings, network, optimizer, batches, device=device, clip=settings.clip)
        self.inputs, self.images, self.perceptual = inputs, images, inputs.perceptual
        self.average = EMA(network, settings.ema_decay, warmup=True)
        self.adversary: PatchAdversary | None = None
        if settings.losses.adversarial:
            self.adversary = PatchAdversary(settings, precision=self.precision, device=device)
        self.is_judged = False

    @abstractmethod
    def make_network(self, settings: CodecSettingsT, images: Images) -> CodecT:
        """The network as it begins; ``self.fitted`` are rows of training images that it may begin from."""

    def networks(self) -> list[nn.Module]:
        """The codec, and the discriminator where there is one."""
        return [self.network, *([] if self.adversary is None else [self.adversary.network])]

    def train_step(self, batch: CodecBatch, progress: float) -> dict[str, Tensor]:
        """One step of the codec, of the discriminator once it has its turn, and of the average."""
        self.is_judged = self.adversary is not None and progress >= self.settings.losses.adversarial_from
        terms = super().train_step(batch, progress)
        if self.adversary is not None:
            terms["discriminator"] = torch.zeros((), device=self.device)
            if self.is_judged:
                terms["discriminator"] = self.adversary.step(*self._pair, progress)
        self.average.update(self.network)
        return terms

    def judged(self, loss: Tensor, made: Tensor, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Add what frozen network and discriminator say of images that came back, where there are any.

        Parameters
        ----------
        loss : Tensor [shape=()]
            So far.
        made, images : Tensor [shape=(B, 3, S, S), range -1..1]
            What came back, and of what.

        Returns
        -------
        loss : Tensor [shape=()]
        terms : dict of str to Tensor
            Before their weights; means over the images of all processes.
        """
        terms, weights = {}, self.settings.losses
        if self.perceptual is not None:
            terms["perceptual"] = self._perceptual_loss(made, images)
            loss = loss + weights.perceptual * terms["perceptual"]
        if self.adversary is not None:
            terms["adversarial"] = torch.zeros((), device=self.device)
            if self.is_judged:
                terms["adversarial"] = self.adversary.generator_loss(made)
                loss = loss + self.adversarial_weight(loss, terms["adversarial"]) * terms["adversarial"]
        self._pair = images, made.detach()
        return loss, terms

    def adversarial_weight(self, loss: Tensor, term: Tensor) -> Tensor | float:
        """Weight of the discriminator's term beside the loss so far."""
        return self.settings.losses.adversarial

    def _perceptual_loss(self, made: Tensor, images: Tensor) -> Tensor:
        assert self.perceptual is not None
        with self.precision.autocast():
            with torch.no_grad():
                wanted = self.perceptual.maps(images)
            maps = self.perceptual.maps(made)
        return global_mean(perceptual_loss(maps, wanted, channel_weights=self.perceptual.channel_weights))

    def evaluate(self, step: int) -> dict[str, float]:
        """Mean PSNR (dB) and mean absolute difference (grey levels) of the average on so many validation images."""
        measured = self._measured()
        return {"psnr": measured.psnr, "l1": measured.l1, "images": float(measured.num_images)}

    def _measured(self) -> Reconstruction:
        real = self._read(self.inputs.validation)
        return reconstruction(real, self._reconstructed(real), num_bootstrap=0)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Whole images of these rows."""
        return np.asarray(self.images[rows])

    def _reconstructed(self, images_NHWC: np.ndarray) -> np.ndarray:
        return reconstruct(self._averaged(), images_NHWC)

    def _averaged(self) -> CodecT:
        averaged = self.average.module
        assert isinstance(averaged, type(self.network))
        return averaged

    def sample_grids(self) -> dict[str, Image.Image]:
        """Validation images, and below each what the average gives back."""
        if not self.settings.grid_images:
            return {}
        real = self._read(spread_rows(self.inputs.validation, self.settings.grid_images))
        return {"reconstructions": image_grid(np.concatenate([real, self._reconstructed(real)]), len(real))}

    def state_dict(self) -> dict[str, Any]:
        """Codec, optimizer, scaler, sampler, average and discriminator."""
        adversary = {} if self.adversary is None else {"adversary": self.adversary.state_dict()}
        return super().state_dict() | {"average": self.average.state_dict(), **adversary}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        super().load_state_dict(state)
        self.average.load_state_dict(state["average"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the average, with the scale of its latents over training images, as a release."""
        averaged = self._averaged()
        scale = latent_scale(averaged, self._read(self.fitted))
        save_codec(
            folder,
            {**averaged.state_dict(), **scale},
            settings=self.settings,
            measured=self._measured(),
            facts=self.release_facts(),
            trained_with=self.inputs.trained_with,
            step=step,
            images_seen=images_seen,
        )

    def release_facts(self) -> dict[str, Any]:
        """What else the config of the release says of the average."""
        return {}
