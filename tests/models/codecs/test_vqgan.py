"""VQGAN and Gumbel VQ: the published values, the graph of the published names, tokens as a contract of their own."""

from types import ModuleType

import pytest
import torch
from helpers.golden import TOLERANCE, difference, load_recipe
from helpers.golden import published_state as golden_state
from helpers.vqgan_states import CODES, SETTINGS, published_graph, published_state

from speech2img.models.codecs.registry import CODECS, build_codec
from speech2img.models.codecs.token_codec import TokenCodec
from speech2img.models.codecs.vqgan import VQGAN, GumbelVQ
from speech2img.models.published.vqgan import convert_vqgan, vqgan_settings

NETWORKS = ("vqgan", "gumbel-vq")


def converted(state: dict[str, torch.Tensor], network: str) -> TokenCodec:
    ours = convert_vqgan(state, network=network)
    codec = build_codec(network=network, **vqgan_settings(ours))
    codec.load_state_dict(ours)
    assert isinstance(codec, TokenCodec)
    return codec.eval()


@pytest.fixture(scope="module")
def recipe(realdata: object) -> ModuleType:
    return load_recipe(realdata)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "network", "images", "size", "codes"),
    [
        ("vqgan_f16_small", "vqgan", 2, 64, 512),
        ("gumbel_f8_small", "gumbel-vq", 2, 64, 256),
        ("vqgan_f16", "vqgan", 1, 128, 16_384),
        ("gumbel_f8", "gumbel-vq", 1, 128, 8192),
    ],
)
@torch.inference_mode()
def test_latents_tokens_and_images_are_the_published_ones(
    recipe: ModuleType, name: str, network: str, images: int, size: int, codes: int
) -> None:
    golden = recipe.values(name)
    codec = converted(golden_state(recipe, name), network)
    assert codec.num_codes == codes and codec.stride == (16 if network == "vqgan" else 8)
    pixels = torch.from_numpy(recipe.codec_images(name, images, size))
    latents = codec.encode_raw(pixels)
    places = latents.shape[-1] // golden["latent"].shape[-1]
    channels = latents.shape[1] // golden["latent"].shape[1]
    assert difference(latents[:, ::channels, ::places, ::places], golden["latent"]) < TOLERANCE

    # Tokens where the second-best code is not as good.
    tokens = codec.encode_tokens(pixels)
    assert tokens.shape == golden["indices"].shape and (golden["margin"] > 1e-3).mean() > 0.9
    assert (tokens.numpy() == golden["indices"])[golden["margin"] > 1e-3].all()
    again = codec.decode_tokens(torch.from_numpy(golden["indices"]))
    assert difference(again[..., ::4, ::4], golden["reconstruction_every"]) < TOLERANCE
    other = torch.from_numpy(recipe.codec_tokens(name, images, tokens[0].numel(), codes)).view(tokens.shape)
    assert difference(codec.decode_tokens(other)[..., ::4, ::4], golden["decoded_tokens_every"]) < TOLERANCE

    # What the quantisers add to the loss; the published divergence has its weight of 1e-8.
    if isinstance(codec, VQGAN):
        assert float(codec.quantize(latents).penalty) == pytest.approx(float(golden["codebook_loss"]), abs=TOLERANCE)
    else:
        assert float(codec.quantize(latents).penalty) * 1e-8 == pytest.approx(float(golden["kl"]), rel=1e-4)
        logits = codec.quantizer.to_logits(latents)[:, :: codes // 32, ::places, ::places]
        assert difference(logits, golden["logits_every"]) < TOLERANCE


@pytest.mark.parametrize("network", NETWORKS)
def test_a_converted_network_computes_what_the_published_names_mean(network: str) -> None:
    state = published_state(network)
    codec, (encode, decode) = converted(state, network).double(), published_graph(state)
    images = torch.rand(2, 3, 8, 12, dtype=torch.float64) * 2 - 1
    with torch.inference_mode():
        latents = codec.encode(images)
        torch.testing.assert_close(latents, encode(images), atol=1e-8, rtol=1e-8)
        tokens = codec.encode_tokens(images)
        if network == "vqgan":
            codebook = state["quantize.embedding.weight"].double()
            best = (latents[:, None] - codebook[:, :, None, None]).square().sum(dim=2).argmin(dim=1)
        else:
            codebook = state["quantize.embed.weight"].double()
            weight, bias = state["quantize.proj.weight"].double(), state["quantize.proj.bias"].double()
            best = torch.nn.functional.conv2d(latents, weight, bias).argmax(dim=1)
        assert torch.equal(tokens, best) and len(tokens.unique()) > 2
        wanted = decode(codebook[tokens].movedim(-1, 1))
        torch.testing.assert_close(codec.decode_tokens(tokens), wanted, atol=1e-8, rtol=1e-8)
        # As an image codec it decodes what it would make tokens of.
        torch.testing.assert_close(codec.decode(latents), wanted, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("network", NETWORKS)
def test_tokens_have_a_contract(network: str) -> None:
    codec = converted(published_state(network), network)
    assert CODECS[network]() is type(codec) and isinstance(codec, VQGAN if network == "vqgan" else GumbelVQ)
    assert (codec.num_codes, codec.channels, codec.stride) == (CODES, 4, 2)
    assert codec.token_grid(8, 12) == (4, 6)
    tokens = codec.encode_tokens(torch.rand(2, 3, 8, 12) * 2 - 1)
    assert tokens.shape == (2, 4, 6) and tokens.dtype == torch.int64
    assert codec.decode_tokens(tokens).shape == (2, 3, 8, 12)
    # The same each time: nothing is drawn.
    images = torch.rand(1, 3, 16, 16) * 2 - 1
    assert torch.equal(codec.encode_tokens(images), codec.encode_tokens(images))

    for shape in ((3, 8, 8), (1, 1, 8, 8), (1, 3, 9, 8), (0, 3, 8, 8)):
        with pytest.raises(ValueError, match="multiples of 2"):
            codec.encode_tokens(torch.zeros(shape))
    for bad in (torch.zeros(2, 2, dtype=torch.int64), torch.zeros(1, 2, 2), torch.zeros(1, 0, 2, dtype=torch.int64)):
        with pytest.raises(ValueError, match=r"tokens of shape \(B, h, w\)"):
            codec.decode_tokens(bad)
    for number in (-1, CODES):
        with pytest.raises(ValueError, match=f"tokens must be 0..{CODES - 1}, got {number}"):
            codec.decode_tokens(torch.full((1, 2, 2), number))
    for height, width in ((0, 4), (3, 4), (4, 5)):
        with pytest.raises(ValueError, match="multiples of 2"):
            codec.token_grid(height, width)


@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_pass_the_quantiser_to_latents_and_images(network: str) -> None:
    codec = converted(published_state(network), network).requires_grad_(False)
    latents = torch.randn(1, 4, 3, 3, requires_grad=True)
    codec.decode(latents).square().mean().backward()
    assert latents.grad is not None and bool((latents.grad != 0).all())


def test_settings_that_contradict_each_other_are_refused() -> None:
    for settings, message in (
        ({"width": 33}, "multiple of 32 groups"),
        ({"multipliers": []}, "multipliers must be"),
        ({"multipliers": [1, 0]}, "multipliers must be"),
        ({"attention_levels": [2]}, "attention_levels must be of 0..1"),
        ({"blocks": 0}, "blocks must be 1 to 16"),
        ({"latent_channels": 0}, "width must be"),
        ({"num_codes": 1 << 17}, "1 to 65536 codes"),
        ({"kept_codes": CODES + 1}, f"1 to {CODES} codes can be kept"),
    ):
        for network in NETWORKS:
            with pytest.raises(ValueError, match=message):
                build_codec(network=network, **{**SETTINGS, **settings})
