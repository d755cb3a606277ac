"""HuBERT, base and large, on weights made by a rule: what Hugging Face's code gives, under either publisher's names."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.hubert_states import CONV_WIDTH, GOLDEN_FILE, LAYERS, WIDTH, fairseq_names, hugging_face_state, waveform
from torch import Tensor

from speech2img.models.encoders.front_ends import build_front_end
from speech2img.models.encoders.hubert import HubertEncoder
from speech2img.models.published.hubert import convert_hubert, hubert_settings, is_large

GOLDEN = np.load(GOLDEN_FILE)
FORMS = ("base", "large")


def network(state: dict[str, Tensor]) -> HubertEncoder:
    """The front-end with a published state."""
    converted = convert_hubert(state)
    form = "hubert-large" if is_large(converted) else "hubert-base"
    built = build_front_end(form, **hubert_settings(converted))
    built.load_state_dict(converted)
    assert isinstance(built, HubertEncoder)
    return built.eval()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("publisher", ["hugging face", "fairseq"])
@torch.inference_mode()
def test_hidden_states_are_the_published_ones(form: str, publisher: str) -> None:
    state = hugging_face_state(form)
    front_end = network(state if publisher == "hugging face" else fairseq_names(state, large=form == "large"))
    assert (front_end.width, front_end.num_layers, front_end.takes) == (WIDTH, LAYERS, "waveform")
    assert front_end.convs[3].weight.shape[0] == CONV_WIDTH
    sound = torch.from_numpy(waveform())[None, None]
    states, lengths = front_end(sound, torch.tensor([sound.shape[2]]))
    assert states.shape == (1, LAYERS + 1, 27, WIDTH) and lengths.tolist() == [27]
    kept = states[0, :, ::2, ::4].numpy()
    assert GOLDEN[form].std() > 0.5
    np.testing.assert_allclose(kept[:LAYERS], GOLDEN[form], atol=1e-4, rtol=1e-4)
    if form == "base":
        np.testing.assert_allclose(kept[LAYERS], GOLDEN["base/last"], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@torch.inference_mode()
def test_neighbours_and_padding_change_nothing(form: str) -> None:
    front_end = network(hugging_face_state(form))
    samples = [9_000, 400, 2_345, 100]
    batch = torch.full((4, 1, 9_500), float("nan"))
    for row, count in zip(batch, samples, strict=True):
        row[0, :count] = torch.from_numpy(waveform(count))
    states, lengths = front_end(batch, torch.tensor(samples))
    for row, count, steps in zip(states, samples, lengths.tolist(), strict=True):
        alone, own = front_end(torch.from_numpy(waveform(count))[None, None], torch.tensor([count]))
        assert own.tolist() == [steps] and steps >= 1
        if count >= 400:
            torch.testing.assert_close(row[:, :steps], alone[0], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder.layers.0.strange.weight": 1}, "strange.* is no array of HuBERT"),
        ({"surprise": 1}, "'surprise' is no array"),
        ({"encoder.layers.0.attention.k_proj.weight": None}, "no key or value"),
    ],
)
def test_what_is_not_hubert_is_named(change: dict[str, Any], message: str) -> None:
    state = hugging_face_state("base")
    for name, value in change.items():
        if value is None:
            del state[name]
        else:
            state[name] = torch.ones(1)
    with pytest.raises(ValueError, match=message):
        convert_hubert(state)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        build_front_end("hubert-base", width=100)
    with pytest.raises(ValueError, match="480000 frames"):
        build_front_end("hubert-base", width=64, num_layers=1, conv_width=8)(
            torch.zeros(1, 1, 480_001), torch.tensor([480_001])
        )
