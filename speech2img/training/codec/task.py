"""Training of an image codec: AdamW on the difference of an image and what comes back, an average of it is released."""

from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.batches.labelled_images import to_tensor
from speech2img.distributed.collectives import gather_with_grad, global_mean
from speech2img.images.pyramid import normalised
from speech2img.images.store import Images
from speech2img.losses.latents import latent_moments, latent_penalty
from speech2img.models.codecs.conv_autoencoder import ConvAutoencoder
from speech2img.precision import to_device
from speech2img.training.codec.base import ImageCodecTask
from speech2img.training.codec.data import CodecBatch
from speech2img.training.codec.settings import CodecSettings


class CodecTask(ImageCodecTask[CodecSettings, ConvAutoencoder]):
    """The autoencoder; parameters as of `ImageCodecTask`."""

    Settings = CodecSettings

    def make_network(self, settings: CodecSettings, images: Images) -> ConvAutoencoder:
        """Principal components of training images."""
        network = ConvAutoencoder(**asdict(settings.model))
        network.fit_linear_(normalised(to_tensor(np.asarray(images[self.fitted]))))
        return network

    def compute_terms(self, batch: CodecBatch) -> dict[str, Tensor]:
        """The loss, and its terms before their weights."""
        images = normalised(to_device([batch.images_B3SS], self.device)[0])
        with self.precision.autocast():
            latents = self.network.encode_raw(images).float()
            noise = self.settings.latent_noise * torch.randn(latents.shape, device=self.device)
            made = self.network.decode_raw(latents + noise).float()

        # Each term is a mean over the images of all processes.
        terms = {"l1": global_mean(F.l1_loss(made, images))}
        loss = terms["l1"]
        if self.settings.losses.latent:
            terms["latent"] = latent_penalty(gather_with_grad(latent_moments(latents)))
            loss = loss + self.settings.losses.latent * terms["latent"]
        loss, judged = self.judged(loss, made, images)
        return {"loss": loss, **terms, **judged}
