"""VQGAN (Esser et al., arXiv:2012.09841), and its forms with a Gumbel softmax and with a codebook of averages."""

from collections.abc import Sequence

from torch import Tensor, nn

from speech2img.models.codecs.code_reduction import UnusedCodes
from speech2img.models.codecs.ema_quantizer import EMAQuantizer
from speech2img.models.codecs.quantizers import CodebookForm, GumbelQuantizer, NearestQuantizer, Quantized
from speech2img.models.codecs.token_codec import TokenCodec
from speech2img.models.codecs.vqgan_blocks import GROUPS
from speech2img.models.codecs.vqgan_networks import VQGANDecoder, VQGANEncoder, VQGANSizes


class QuantizingCodec(TokenCodec):
    """Encoder, 1x1 convolution, quantiser, 1x1 convolution, decoder.

    Parameters
    ----------
    sizes : VQGANSizes
        Of encoder and decoder.
    quantizer : NearestQuantizer or GumbelQuantizer
        Between them.
    kept_codes, unused
        As of `TokenCodec`.
    """

    def __init__(
        self,
        sizes: VQGANSizes,
        quantizer: NearestQuantizer | GumbelQuantizer,
        *,
        kept_codes: int | None,
        unused: UnusedCodes,
    ) -> None:
        codebook_size, code_dim = quantizer.codebook.weight.shape
        super().__init__(
            channels=code_dim, stride=sizes.stride, codebook_size=codebook_size, kept_codes=kept_codes, unused=unused
        )
        self.encoder, self.decoder = VQGANEncoder(sizes), VQGANDecoder(sizes)
        self.to_codes = nn.Conv2d(sizes.latent_channels, code_dim, 1)
        self.from_codes = nn.Conv2d(code_dim, sizes.latent_channels, 1)
        self.quantizer = quantizer

    def encode_raw(self, images_B3HW: Tensor) -> Tensor:
        """Latents before they are quantised."""
        latents: Tensor = self.to_codes(self.encoder(images_B3HW))
        return latents

    def find_codes(self, latents_BChw: Tensor, among_R: Tensor | None) -> Tensor:
        """Best codes."""
        return self.quantizer.find(latents_BChw, among_R)

    def code_vectors(self, codes_Bhw: Tensor) -> Tensor:
        """Rows of the codebook."""
        return self.quantizer.vectors(codes_Bhw)

    def decode_vectors(self, vectors_BChw: Tensor) -> Tensor:
        """Images of quantised latents."""
        images: Tensor = self.decoder(self.from_codes(vectors_BChw))
        return images

    def quantize(self, latents_BChw: Tensor) -> Quantized:
        """Quantise raw latents with gradient, for training; all codes are in use."""
        quantized: Quantized = self.quantizer(latents_BChw)
        return quantized


class VQGAN(QuantizingCodec):
    """The nearest code of each place.

    The published sizes for ImageNet are the defaults: 256 tokens of 16,384 codes for an image of 256 px.

    Parameters
    ----------
    num_codes, code_dim : int
        Codes, and the numbers of each.
    width, multipliers, blocks, attention_levels, latent_channels, groups
        As of `VQGANSizes`.
    commitment, form
        As of `NearestQuantizer`.
    kept_codes, unused
        As of `TokenCodec`.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    def __init__(
        self,
        *,
        num_codes: int = 16_384,
        code_dim: int = 256,
        width: int = 128,
        multipliers: Sequence[int] = (1, 1, 2, 2, 4),
        blocks: int = 2,
        attention_levels: Sequence[int] = (4,),
        latent_channels: int = 256,
        groups: int = GROUPS,
        commitment: float = 0.25,
        form: CodebookForm = "paper",
        kept_codes: int | None = None,
        unused: UnusedCodes = "nearest",
    ) -> None:
        sizes = VQGANSizes(width, multipliers, blocks, attention_levels, latent_channels, groups)
        quantizer = NearestQuantizer(num_codes, code_dim, commitment=commitment, form=form)
        super().__init__(sizes, quantizer, kept_codes=kept_codes, unused=unused)


class GumbelVQ(QuantizingCodec):
    """A code of each place by a Gumbel softmax.

    The published sizes for OpenImages are the defaults: 1,024 tokens of 8,192 codes for an image of 256 px.

    Parameters
    ----------
    num_codes, code_dim : int
        Codes, and the numbers of each.
    width, multipliers, blocks, attention_levels, latent_channels, groups
        As of `VQGANSizes`.
    kept_codes, unused
        As of `TokenCodec`.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    def __init__(
        self,
        *,
        num_codes: int = 8192,
        code_dim: int = 256,
        width: int = 128,
        multipliers: Sequence[int] = (1, 1, 2, 4),
        blocks: int = 2,
        attention_levels: Sequence[int] = (3,),
        latent_channels: int = 256,
        groups: int = GROUPS,
        kept_codes: int | None = None,
        unused: UnusedCodes = "nearest",
    ) -> None:
        sizes = VQGANSizes(width, multipliers, blocks, attention_levels, latent_channels, groups)
        super().__init__(sizes, GumbelQuantizer(num_codes, code_dim), kept_codes=kept_codes, unused=unused)


class EMAVQ(QuantizingCodec):
    """The nearest code of each place, of a codebook that follows the latents without a gradient.

    The sizes of ITHQ's codec (Tang et al., arXiv:2205.16007) are the defaults: 1,024 tokens of 4,096 codes for an image
    of 256 px.

    Parameters
    ----------
    num_codes, code_dim : int
        Codes, and the numbers of each.
    width, multipliers, blocks, attention_levels, latent_channels, groups
        As of `VQGANSizes`.
    commitment, decay
        As of `EMAQuantizer`.
    kept_codes, unused
        As of `TokenCodec`.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    def __init__(
        self,
        *,
        num_codes: int = 4096,
        code_dim: int = 128,
        width: int = 64,
        multipliers: Sequence[int] = (1, 2, 4, 8),
        blocks: int = 2,
        attention_levels: Sequence[int] = (3,),
        latent_channels: int = 256,
        groups: int = GROUPS,
        commitment: float = 1.0,
        decay: float = 0.99,
        kept_codes: int | None = None,
        unused: UnusedCodes = "nearest",
    ) -> None:
        sizes = VQGANSizes(width, multipliers, blocks, attention_levels, latent_channels, groups)
        quantizer = EMAQuantizer(num_codes, code_dim, commitment=commitment, decay=decay)
        super().__init__(sizes, quantizer, kept_codes=kept_codes, unused=unused)
