"""HuBERT beside Hugging Face's own code, on random weights, in both forms and both layouts; needs the extra 'peers'."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.hubert_states import fairseq_names

from speech2img.models.encoders.front_ends import build_front_end
from speech2img.models.published.hubert import convert_hubert, hubert_settings

transformers = pytest.importorskip(
    "transformers", reason="transformers, of the extra 'peers', is what it is held against"
)
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
SMALL = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 512}
SIZES = {
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
}
FORMS: dict[str, dict[str, Any]] = {"base": {}, "large": LARGE}


@pytest.mark.parametrize("layout", ["hugging face", "fairseq"])
@pytest.mark.parametrize("form", FORMS)
@torch.inference_mode()
def test_hidden_states_are_those_of_transformers(form: str, layout: str) -> None:
    torch.manual_seed(0)
    config = transformers.HubertConfig(**SMALL, **FORMS[form], conv_dim=(24,) * 7)
    theirs = transformers.HubertModel(config).eval()
    for parameter in theirs.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    # Its state, under either publisher's names.
    state = dict(theirs.state_dict())
    converted = convert_hubert(state if layout == "hugging face" else fairseq_names(state, large=form == "large"))
    ours = build_front_end(f"hubert-{form}", **hubert_settings(converted))
    ours.load_state_dict(converted)
    sound = torch.randn(2, 6_000, generator=torch.Generator().manual_seed(1))
    heard = torch.nn.functional.layer_norm(sound, sound.shape[1:]) if form == "large" else sound
    wanted = torch.stack(theirs(heard, output_hidden_states=True).hidden_states, dim=1)
    states, lengths = ours.eval()(sound[:, None], torch.tensor([6_000, 6_000]))
    assert lengths.tolist() == [wanted.shape[2]] * 2 and float(wanted.std()) > 0.3
    # The large form's last state is behind a normalisation that SpeechCLIP leaves out.
    last = states.shape[1] - (form == "large")
    np.testing.assert_allclose(states[:, :last], wanted[:, :last], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_the_published_sizes_fill_ours(form: str) -> None:
    with torch.device("meta"):
        theirs = transformers.HubertModel(transformers.HubertConfig(**SIZES[form], **FORMS[form]))
        state = convert_hubert(dict(theirs.state_dict()))
        ours = build_front_end(f"hubert-{form}", **hubert_settings(state))
    ours.load_state_dict(state, assign=True)
    assert (ours.width, ours.num_layers) == (SIZES[form]["hidden_size"], SIZES[form]["num_hidden_layers"])
