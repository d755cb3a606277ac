"""Training of a codec with a codebook: VQGAN's losses, codes revived, usage of the codebook beside the decibels."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.distributed.collectives import all_reduce_sum, global_mean, world
from speech2img.images.pyramid import normalised
from speech2img.images.store import Images
from speech2img.models.codecs.code_usage import CodeUsage, code_usage, count_own_codes
from speech2img.models.codecs.ema_quantizer import EMAQuantizer
from speech2img.models.codecs.quantizers import GumbelQuantizer, NearestQuantizer, Quantized
from speech2img.models.codecs.registry import build_codec
from speech2img.models.codecs.vqgan import QuantizingCodec
from speech2img.precision import to_device
from speech2img.training.codec.base import ImageCodecTask
from speech2img.training.codec.code_revival import CodeRevival
from speech2img.training.codec.data import CodecBatch
from speech2img.training.codec.reconstruction import token_counts
from speech2img.training.codec.vq_settings import GumbelSettings, VQCodecSettings

_SMALLEST_GRADIENT, _LARGEST_RATIO = 1e-4, 1e4


def temperature(progress: float, settings: GumbelSettings) -> float:
    """Of the Gumbel softmax at a point of the run, 0..1: half a cosine from the first one to the last one."""
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))
    return settings.temperature_end + (settings.temperature_start - settings.temperature_end) * fall


class VQCodecTask(ImageCodecTask[VQCodecSettings, QuantizingCodec]):
    """VQGAN, with any of its quantisers; parameters as of `ImageCodecTask`."""

    Settings = VQCodecSettings
    betas = (0.5, 0.9)

    def __init__(self, settings: VQCodecSettings, **inputs: Any) -> None:
        super().__init__(settings, **inputs)
        self.revival: CodeRevival | None = None
        if settings.model.quantizer != "gumbel" and settings.nearest.revive_every:
            self.revival = CodeRevival(
                settings.model.num_codes,
                every=settings.nearest.revive_every,
                seed=settings.loop.seed,
                device=self.device,
            )
        self.revives = False

    def make_network(self, settings: VQCodecSettings, images: Images) -> QuantizingCodec:
        """As published at first; codes become latents at the first step where dead ones are revived."""
        network = build_codec(**settings.codec_config())
        assert isinstance(network, QuantizingCodec)
        return network

    def train_step(self, batch: CodecBatch, progress: float) -> dict[str, Tensor]:
        """One step at the temperature of this point of the run."""
        self.revives = self.revival is not None and progress <= self.settings.nearest.revive_until
        if isinstance(self.network.quantizer, GumbelQuantizer):
            self.network.quantizer.temperature = temperature(progress, self.settings.gumbel)
        return super().train_step(batch, progress)

    def compute_terms(self, batch: CodecBatch) -> dict[str, Tensor]:
        """The loss, and its terms before their weights, with the perplexity of the batch's codes."""
        images = normalised(to_device([batch.images_B3SS], self.device)[0])
        with self.precision.autocast():
            latents = self.network.encode_raw(images).float()
        revived = self._revive_(latents) if self.revives else latents.new_zeros(())
        quantized = self.network.quantize(latents)
        with self.precision.autocast():
            made = self.network.decode_vectors(quantized.vectors_BChw).float()

        # Each term is a mean over the images of all processes.
        terms = {"l1": global_mean(F.l1_loss(made, images))}
        loss, judged = self.judged(terms["l1"], made, images)
        penalty = global_mean(quantized.penalty)
        gumbel = self.settings.model.quantizer == "gumbel"
        loss = loss + (self.settings.gumbel.divergence if gumbel else self.settings.losses.codebook) * penalty
        terms |= {**judged, "divergence" if gumbel else "codebook": penalty}
        return {"loss": loss, **terms, **self._usage_terms(latents, quantized, revived)}

    def _usage_terms(self, latents: Tensor, quantized: Quantized, revived: Tensor) -> dict[str, Tensor]:
        """Usage of the codebook; one of averages follows what was counted."""
        tokens, num_codes = quantized.tokens_Bhw, self.network.codebook_size
        if self.revival is not None:
            counts = self.revival.count(tokens)
        else:
            counts = all_reduce_sum(count_own_codes(tokens, num_codes))
        if isinstance(self.network.quantizer, EMAQuantizer):
            sums = self.network.quantizer.latent_sums(latents.detach(), tokens)
            self.network.quantizer.follow_(counts, all_reduce_sum(sums))
        entropy = torch.special.entr(counts / counts.sum()).sum()
        usage = {"perplexity": entropy.exp(), "codes_used": (counts > 0).float().mean()}
        if self.revival is not None:
            usage["revived"] = revived
        if isinstance(self.network.quantizer, GumbelQuantizer):
            usage["temperature"] = counts.new_full((), self.network.quantizer.temperature, dtype=torch.float32)
        return usage

    @torch.no_grad()
    def _revive_(self, latents: Tensor) -> Tensor:
        """Give dead codes new places, in the average too, and their optimizer no memory; how many."""
        assert self.revival is not None
        found = self.revival.replacements(latents)
        if found is None:
            return latents.new_zeros(())
        for network in (self.network, self._averaged()):
            assert isinstance(network.quantizer, NearestQuantizer)
            network.quantizer.replace_(*found)
        codebook = self.network.quantizer.codebook.weight
        for memory in self.optimizer_step.optimizer.state.get(codebook, {}).values():
            if memory.shape == codebook.shape:
                memory.masked_fill_(found.dead_K[:, None], 0)
        return found.dead_K.sum().float()

    def adversarial_weight(self, loss: Tensor, term: Tensor) -> Tensor | float:
        """The published rule: as strong as what the image itself asks for, at the decoder's last convolution."""
        weight = self.settings.losses.adversarial
        if not self.settings.losses.adaptive:
            return weight
        last, norms = self.network.decoder.last.weight, []
        for part in (loss, term):
            (gradient,) = torch.autograd.grad(part, last, retain_graph=True)
            norms.append((all_reduce_sum(gradient.float().contiguous()) / world().count).norm())
        ratio = norms[0] / (norms[1] + _SMALLEST_GRADIENT)
        return weight * ratio.clamp(0, _LARGEST_RATIO).detach()

    def usage(self) -> CodeUsage:
        """Of the average's codebook over validation images."""
        return code_usage(token_counts(self._averaged(), self._read(self.inputs.validation)))

    def evaluate(self, step: int) -> dict[str, float]:
        """Decibels and grey levels, perplexity and share of the codes used."""
        usage = self.usage()
        return {**super().evaluate(step), "perplexity": usage.perplexity, "codes_used": usage.share}

    def release_facts(self) -> dict[str, Any]:
        """Usage of the codebook."""
        usage = self.usage()
        return {"perplexity": round(usage.perplexity, 2), "codes_used": round(usage.share, 4)}

    def state_dict(self) -> dict[str, Any]:
        """That of every codec, and the counts of codes."""
        counts = {} if self.revival is None else {"revival": self.revival.state_dict()}
        return super().state_dict() | counts

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        super().load_state_dict(state)
        if self.revival is not None:
            self.revival.load_state_dict(state["revival"])
