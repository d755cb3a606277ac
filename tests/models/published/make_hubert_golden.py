"""Make ``hubert_golden.npz``: hidden states of Hugging Face's HuBERT on weights and waveforms made by a rule.

    python tests/models/published/make_hubert_golden.py

In an environment with this package's torch and ``transformers`` 4.46. The real weights of HuBERT could not be had.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import HubertConfig, HubertModel  # type: ignore[import-not-found]

sys.path.append(str(Path(__file__).parents[2]))
from helpers.hubert_states import CONV_WIDTH, LAYERS, WIDTH, fill_, waveform


def model(*, large: bool) -> HubertModel:
    """A small HuBERT of one of the two published forms."""
    config = HubertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=WIDTH // 64,
        intermediate_size=4 * WIDTH,
        conv_dim=(CONV_WIDTH,) * 7,
        conv_bias=large,
        feat_extract_norm="layer" if large else "group",
        do_stable_layer_norm=large,
    )
    return HubertModel(config).eval()


def main() -> None:
    """Run both forms and write states and names of arrays beside this file."""
    golden = {}
    for form in ("base", "large"):
        network = model(large=form == "large")
        state = network.state_dict()
        fill_(state)
        network.load_state_dict(state)
        sound = torch.from_numpy(waveform())[None]
        if form == "large":
            sound = torch.nn.functional.layer_norm(sound, sound.shape[-1:])
        with torch.inference_mode():
            states = network(sound, output_hidden_states=True).hidden_states
        golden[form] = torch.stack(states[:-1])[:, 0, ::2, ::4].numpy()
        golden[f"{form}/keys"] = np.array(
            [f"{name} {'x'.join(map(str, value.shape))}" for name, value in state.items()]
        )
        if form == "base":  # the large form's last state is behind the final normalisation
            golden["base/last"] = states[-1][0, ::2, ::4].numpy()
    np.savez_compressed(Path(__file__).with_name("hubert_golden.npz"), **golden)


if __name__ == "__main__":
    main()
