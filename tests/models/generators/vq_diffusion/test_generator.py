"""The generator over tokens: contract, noise, guidance, steps, previews, both orders, and that it can learn."""

from typing import Any

import pytest
import torch
from helpers.toy_tokens import ToyTokenCodec
from torch import Tensor, nn

from speech2img.losses.vq_diffusion import vq_diffusion_loss
from speech2img.models.codecs.registry import CODECS
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import GradualGenerator, GuidedGenerator, ImageGenerator, ImageNoise
from speech2img.models.generators.registry import build_generator
from speech2img.models.generators.vq_diffusion.generator import VQDiffusionGenerator
from speech2img.models.generators.vq_diffusion.reverse import truncated
from speech2img.models.generators.vq_diffusion.transitions import log_one_hot, log_posterior, log_predicted, noised
from speech2img.seeded_noise import seeded_noise

CODES, SIDE, STEPS = 6, 4, 12
SIZES: dict[str, Any] = {
    "network": "vq-diffusion",
    "embedding_dim": 8,
    "codec": {"network": "toy-tokens", "num_codes": CODES},
    "image_size": 4 * SIDE,
    "num_steps": STEPS,
    "width": 16,
    "depth": 2,
    "num_heads": 2,
}
PUBLISHED = {"form": "published", "width": 4, "table_side": 5}
DRAWS = torch.Generator().manual_seed(0)
SPEECH = SpeechEncoding(
    torch.randn(3, 8, generator=DRAWS), torch.randn(3, 8, 5, generator=DRAWS), torch.tensor([5, 1, 3])
)


@pytest.fixture(autouse=True)
def _toy_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODECS, "toy-tokens", lambda: ToyTokenCodec)  # type: ignore[arg-type]


def generator(**settings: Any) -> VQDiffusionGenerator:
    """One whose layers that start at zero are drawn."""
    torch.manual_seed(0)
    made = build_generator(**{**SIZES, **settings})
    assert isinstance(made, VQDiffusionGenerator)
    with torch.no_grad():
        for parameter in made.transformer.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return made.eval().requires_grad_(False)


def noise(*numbers: int) -> ImageNoise:
    return seeded_noise([(0, number, 0) for number in numbers])


def test_it_is_a_generator_that_draws_in_steps_and_can_be_guided() -> None:
    made = generator()
    assert isinstance(made, ImageGenerator) and isinstance(made, GradualGenerator) and isinstance(made, GuidedGenerator)
    assert made.needs_frames and made.image_sizes == (16,) and made.steps == STEPS and made.steps_range == (2, STEPS)
    (images,) = made.sample(SPEECH, noise(0, 1, 2))
    assert images.shape == (3, 3, 16, 16) and -1 <= images.min() < images.max() <= 1
    assert made.sampling == {"steps": STEPS, "truncation": 0.86, "guidance_scale": 1.0}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"guidance_scale": 3.0, "steps": 5},
        {"order": "purity", "purity_weight": 1.0},
        {"leaps": "published", "steps": 4},
        PUBLISHED,
        {"form": "text", "guidance_scale": 2.0, "empty_length": 5},
    ],
    ids=str,
)
def test_an_image_is_the_same_alone_and_in_any_batch(settings: dict[str, Any]) -> None:
    made = generator(**settings)
    (images,) = made.sample(SPEECH, noise(0, 1, 2))
    alone = SpeechEncoding(*(part[2:] for part in SPEECH))
    assert torch.equal(made.sample(alone, noise(2))[0], images[2:])
    others = [made.sample(alone, noise(number))[0] for number in range(3, 9)]
    assert not all(torch.equal(other, images[2:]) for other in others)
    assert torch.equal(made.sample(SPEECH, noise(0, 1, 2))[0], images)


def test_forms_without_an_empty_condition_have_no_guidance() -> None:
    for settings in (PUBLISHED, {"form": "text"}):
        assert not isinstance(generator(**settings), GuidedGenerator)
        with pytest.raises(ValueError, match="learns no empty condition: guidance_scale must be 1"):
            build_generator(**{**SIZES, **settings, "guidance_scale": 2.0})
    assert isinstance(generator(form="text", empty_length=5), GuidedGenerator)
    assert not generator(**PUBLISHED).needs_frames and generator(form="text").needs_frames


def test_a_step_is_the_formula() -> None:
    """Guidance, then truncation, then the posterior, then the Gumbel draw of the step's own noise."""
    for scale in (0.0, 1.0, 2.5):
        made = generator(guidance_scale=scale, steps=4)
        states = list(made.token_states(SPEECH, noise(0, 1, 2)))
        before, nobody = states[1].tokens_BN, torch.zeros(3, dtype=torch.bool)
        times = torch.full((3,), 5)
        spoken, silent = (
            log_predicted(made.transformer(before, times, condition))
            for condition in (made.transformer.condition(SPEECH), made.transformer.condition(SPEECH, nobody))
        )
        mixed = (silent + scale * (spoken - silent)).log_softmax(dim=2)
        log_posterior_ = log_posterior(made.schedule, truncated(mixed, 0.86), before, times, torch.full((3,), 2))
        uniform = noise(0, 1, 2).uniform("step 5", SIDE**2, CODES + 1).double()
        expected = (log_posterior_ - (-uniform.log()).log()).argmax(dim=2)
        assert torch.equal(states[2].tokens_BN, expected)


@pytest.mark.parametrize(
    ("settings", "steps"),
    [({}, 12), ({"steps": 5}, 5), ({"order": "purity"}, 12), ({"leaps": "published", "steps": 4}, 5)],
)
def test_an_oracle_draws_its_own_picture(settings: dict[str, Any], steps: int) -> None:
    made = generator(**settings)
    image = made.codec.decode_tokens(torch.randint(CODES, (3, SIDE, SIDE)))
    codes = made.codec.encode_tokens(image).flatten(1)
    made.transformer.forward = lambda tokens, time, condition: log_one_hot(codes, CODES)  # type: ignore[method-assign]
    states = list(made.token_states(SPEECH, noise(0, 1, 2)))
    assert len(states) == steps and torch.equal(states[-1].tokens_BN, codes)
    assert all(torch.equal(state.estimate_BN, codes) for state in states)
    left = [int((state.tokens_BN == CODES).sum()) for state in states]
    assert left[-1] == 0 and left == sorted(left, reverse=True) and left[0] > left[-2]
    torch.testing.assert_close(made.sample(SPEECH, noise(0, 1, 2))[0], image)


def test_previews_end_in_the_image() -> None:
    made = generator()
    previews = list(made.previews(SPEECH, noise(0, 1, 2), every=5))
    assert len(previews) == 4 and all(image.shape == (3, 3, 16, 16) for image in previews)
    assert torch.equal(previews[-1], made.sample(SPEECH, noise(0, 1, 2))[0])
    assert len(list(made.previews(SPEECH, noise(0, 1, 2), steps=6))) == 6
    with pytest.raises(ValueError, match="steps must be 2 to 12, got 13"):
        next(made.previews(SPEECH, noise(0, 1, 2), steps=13))


def test_what_does_not_fit_is_refused() -> None:
    for settings, message in (
        ({"truncation": 1.2}, "truncation must be 0 to 1, got 1.2"),
        ({"steps": 1}, "steps must be 2 to 12, got 1"),
        ({"steps": 13}, "steps must be 2 to 12, got 13"),
        ({"image_size": 18}, "image_size must be a multiple of 4, got 18"),
        ({"form": "cross"}, "form must be one of corrected, published, text, got 'cross'"),
        ({"order": "random"}, "order must be one of posterior, purity, got 'random'"),
        ({"leaps": "long"}, "leaps must be one of exact, published, got 'long'"),
        ({"guidance_scale": -1.0}, "must be 0 or more"),
        ({"purity_weight": -1.0}, "must be 0 or more"),
        ({"kept": (0.9, 0.4), "masked": (0.1, 0.9)}, "do not follow"),
        ({"codec": {"network": "taef2"}}, "the codec 'taef2' has no tokens"),
        ({"order": "purity", "num_steps": 40, "steps": 17}, "steps must be 2 to 16, got 17"),
    ):
        with pytest.raises(ValueError, match=message):
            build_generator(**{**SIZES, **settings})
    with pytest.raises(TypeError, match="colour"):
        build_generator(**SIZES, colour=1)


def test_weights_go_out_and_come_back() -> None:
    made, other = generator(), generator(guidance_scale=2.0)
    for parameter in other.parameters():
        nn.init.normal_(parameter, std=0.2)
    other.load_state_dict(made.state_dict())
    other.guidance_scale = 1.0
    assert torch.equal(other.sample(SPEECH, noise(0, 1, 2))[0], made.sample(SPEECH, noise(0, 1, 2))[0])


def test_it_learns_which_picture_belongs_to_what_is_said() -> None:
    """Two sentences, two pictures of tokens: trained by the exact loss, it draws each from its sentence."""
    made = build_generator(**{**SIZES, "steps": 6})
    assert isinstance(made, VQDiffusionGenerator)
    torch.manual_seed(0)
    said = torch.eye(8)[:2]
    pictures = torch.randint(CODES, (2, SIDE**2))
    optimizer = torch.optim.AdamW(made.transformer.parameters(), 1e-2)

    def loss(rows: Tensor) -> Tensor:
        codes, times = pictures[rows], torch.randint(STEPS, (len(rows),))
        speech = SpeechEncoding(said[rows], said[rows, :, None], torch.ones(len(rows), dtype=torch.int64))
        tokens = noised(made.schedule, codes, times, torch.rand(codes.shape))
        condition = made.transformer.condition(speech, torch.rand(len(rows)) > 0.1)
        log_x0 = log_predicted(made.transformer(tokens, times, condition))
        true, model = (
            log_posterior(made.schedule, logs, tokens, times) for logs in (log_one_hot(codes, CODES), log_x0)
        )
        terms = vq_diffusion_loss(
            true,
            model,
            log_x0,
            codes,
            tokens == CODES,
            time_B=times,
            probability_B=torch.full((len(rows),), 1 / STEPS),
            num_steps=STEPS,
            weight=1e-2,
        )
        return terms.total

    for _ in range(150):
        optimizer.zero_grad()
        loss(torch.randint(2, (16,))).backward()
        optimizer.step()
    spoken = SpeechEncoding(said, said[:, :, None], torch.ones(2, dtype=torch.int64))
    with torch.no_grad():
        *_, last = made.eval().token_states(spoken, noise(0, 1))
    assert (last.tokens_BN == pictures).double().mean() > 0.95
