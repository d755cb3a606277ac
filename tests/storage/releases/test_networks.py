"""Networks built from files: checked before they cost anything, exact, and without a trace in the random state."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import NETWORKS
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from speech2img.errors import CheckpointError, UnsafeFileError
from speech2img.models.encoders.registry import build_encoder
from speech2img.models.encoders.whisper import WhisperEncoder
from speech2img.models.generators.feature_prior import FeaturePrior
from speech2img.models.generators.reranker import Reranker
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.tts.hifigan import HifiGan
from speech2img.models.tts.tacotron2 import Tacotron2
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.releases.networks import build_network, load_weights, networks_draw

SMALL: dict[str, tuple[Any, dict[str, Any]]] = {
    "attribute": (AttributeNetwork, {"heads": {"color": 3}, "width": 8, "feature_dim": 16}),
    "whisper": (WhisperEncoder, {"n_mels": 4, "width": 64, "num_layers": 1, "max_positions": 6}),
    "reranker": (Reranker, {"heads": {"color": 3}, "width": 8, "feature_dim": 16, "head_dim": 4}),
    "li2020": (build_encoder, {"channels": [8] * 8, "embedding_dim": 16, "rnn_layers": 2}),
    "s2igan": (build_encoder, {"network": "s2igan", "channels": [4, 8], "embedding_dim": 16, "attention_dim": 4}),
    "pretrained": (
        build_encoder,
        {
            "network": "pretrained",
            "front_end_config": {"n_mels": 4, "width": 64, "num_layers": 1, "max_positions": 6},
            "width": 8,
            "embedding_dim": 8,
        },
    ),
    "generator": (StackGenerator, {"embedding_dim": 8, "condition_dim": 6, "noise_dim": 4, "width": 8}),
    "prior": (FeaturePrior, {"embedding_dim": 8, "feature_dim": 8, "components": 4, "width": 8}),
    "hifigan": (HifiGan, {"width": 16}),
    "tacotron2": (Tacotron2, {"encoder_dim": 8, "attention_rnn_dim": 8, "decoder_rnn_dim": 8, "postnet_dim": 8}),
}


def made(kind: str) -> tuple[Any, dict[str, Any], dict[str, torch.Tensor]]:
    network, arguments = SMALL[kind]
    torch.manual_seed(1)
    return network, arguments, network(**arguments).state_dict()


@pytest.mark.parametrize("kind", SMALL)
def test_a_network_is_that_of_the_file_and_random_numbers_go_on(kind: str) -> None:
    network, arguments, state = made(kind)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    module = build_network(network, json.loads(json.dumps(arguments)), state, name="release")
    assert torch.equal(torch.rand(3), wanted)
    assert module.state_dict().keys() == state.keys() and module.training
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert {value.device.type for value in module.state_dict().values()} == {"cpu"}


class Drawn(nn.Module):
    """A parameter and a buffer that no file holds, both drawn."""

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size))
        self.register_buffer("kept", torch.rand(size), persistent=False)
        self.register_buffer("filled", torch.empty(size).normal_(), persistent=False)


def test_only_what_the_file_holds_is_not_drawn() -> None:
    torch.manual_seed(1)
    plain = Drawn()
    torch.manual_seed(1)
    module = build_network(Drawn, {}, {"weight": torch.ones(3)}, name="release")
    assert torch.equal(module.weight, torch.ones(3))
    assert torch.equal(module.kept, plain.kept) and torch.equal(module.filled, plain.filled)


def test_networks_are_outlined_without_what_torch_loads_for_its_compiler() -> None:
    code = (
        "import sys, torch\n"
        "from speech2img.models.generators.registry import build_generator\n"
        "from speech2img.storage.releases.networks import build_network\n"
        "sizes = {'network': 'latent-flow', 'codec': {'network': 'taef2'}, 'embedding_dim': 8}\n"
        "sizes |= {'value_counts': [2, 3], 'needs_frames': False}\n"
        "state = build_generator(**sizes).state_dict()\n"
        "build_network(build_generator, sizes, state, name='release')\n"
        "assert 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("kind", SMALL)
def test_in_a_run_the_random_state_moves_as_when_the_network_is_made(kind: str) -> None:
    network, arguments, state = made(kind)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    with networks_draw():
        build_network(network, arguments, state, name="release")
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_can_be_outlined_without_memory(name: str) -> None:
    arguments: dict[str, Any] = {"attribute-network": {"heads": {"a": 2}}, "stackgan-v2-discriminator": {"size": 64}}
    with pytest.raises(CheckpointError, match="release: (does not fit the model: .* is missing|its settings do not)"):
        build_network(NETWORKS[name], arguments.get(name, {}), {}, name="release")


BOMBS = [
    ("li2020", {"rnn_layers": 300}),
    ("li2020", {"rnn_layers": 60_000}),
    ("li2020", {"embedding_dim": 60_000}),
    ("li2020", {"embedding_dim": 10**6}),
    ("li2020", {"channels": [65_536] * 8}),
    ("li2020", {"channels": [8] * 10**6}),
    ("li2020", {"padded_frames": 10**9}),
    ("s2igan", {"rnn_layers": 20_000}),
    ("s2igan", {"embedding_dim": 65_536}),
    ("generator", {"width": 65_536}),
    ("generator", {"num_stages": 3000}),
    ("generator", {"residual_blocks": 65_536}),
    ("prior", {"blocks": 65_536}),
    ("prior", {"width": 65_536}),
    ("attribute", {"heads": {str(number): 2 for number in range(30_000)}}),
    ("attribute", {"width": 65_536}),
    ("reranker", {"image_size": 60_000}),
    ("hifigan", {"width": 65_536}),
    ("hifigan", {"rates": [2] * 900, "kernels": [4] * 900}),
    ("tacotron2", {"encoder_layers": 65_536}),
    ("tacotron2", {"decoder_rnn_dim": 65_536}),
]


@pytest.mark.parametrize(("kind", "change"), BOMBS)
def test_settings_that_ask_for_more_than_the_file_holds_cost_nothing(kind: str, change: dict[str, Any]) -> None:
    network, arguments, state = made(kind)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(CheckpointError, match="release: ") as caught:
        build_network(network, {**arguments, **change}, state, name="release")
    assert time.monotonic() - start < 5 and len(str(caught.value)) < 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


@pytest.mark.parametrize("settings", [None, [], "x", 3, [["width", 8]], {3: 4}, {"width": {}}])
def test_settings_that_are_no_settings(settings: Any) -> None:
    network, _, state = made("attribute")
    with pytest.raises(CheckpointError, match="release: its .*; export it again"):
        build_network(network, settings, state, name="release", fix="export it again")


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("value", ["8", 8.0, True, None, -1, 0, 10**30, [1], [[8] * 8], {}, float("nan")], ids=repr)
def test_a_setting_of_another_kind_or_size_is_one_error(kind: str, value: Any) -> None:
    network, arguments, state = made(kind)
    for key in arguments:
        if value == arguments[key] and type(value) is type(arguments[key]):
            continue
        try:
            module = build_network(network, {**arguments, key: value}, state, name="release")
        except CheckpointError as error:
            assert "\n" not in str(error)
        else:  # None where that is what a setting may be
            assert value is None or module.state_dict().keys() == state.keys()
            assert not isinstance(value, str | bool | float)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(kind=st.sampled_from(sorted(SMALL)), data=st.data())
def test_any_settings_are_a_network_or_our_error(kind: str, data: st.DataObject) -> None:
    network, arguments, state = made(kind)
    key = data.draw(st.sampled_from(sorted(arguments)) | st.text(max_size=5))
    try:
        module = build_network(network, {**arguments, key: data.draw(ANY)}, state, name="release")
    except CheckpointError as error:
        assert "\n" not in str(error)
    else:
        assert module.state_dict().keys() == state.keys()


def test_the_hooks_that_count_are_gone_again() -> None:
    network, arguments, state = made("generator")
    with pytest.raises(CheckpointError):
        build_network(network, {**arguments, "num_stages": 3000}, state, name="release")
    assert len(nn.Sequential(*(nn.Linear(1, 1) for _ in range(3000)))) == 3000


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def test_shipped_weights_paint_where_there_is_no_temporary_folder() -> None:
    """PyTorch's compiler, which asks for such a folder and takes seconds to load, has no part in it."""
    code = (
        "import sys, tempfile\n"
        "import numpy as np\n"
        "def none(): raise FileNotFoundError(2, 'No usable temporary directory found')\n"
        "tempfile._get_default_tempdir = none\n"
        "import speech2img\n"
        "pipe = speech2img.load('songbirds')\n"
        "pipe.generate(np.zeros((1, pipe.encoder.embedding_dim), np.float32))\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_what_the_machine_lacks_is_not_blamed_on_the_weights() -> None:
    def network() -> nn.Module:
        raise FileNotFoundError(2, "No usable temporary directory found")

    with pytest.raises(FileNotFoundError):
        build_network(network, {}, {}, name="weights")


def test_weights_enter_their_own_model() -> None:
    source, target = model(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    load_weights(target, source.state_dict(), name="songbirds")
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in target.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": None}, "0.weight is missing"),
        ({"2.weight": torch.ones(1)}, "2.weight is unknown"),
        ({"0.bias": torch.ones(5)}, r"0.bias has shape \(5,\) instead of \(4,\)"),
        ({"0.bias": torch.ones(4, dtype=torch.int64)}, "0.bias is torch.int64 instead of torch.float32"),
        ({"1.num_batches_tracked": torch.tensor(1.0)}, "1.num_batches_tracked is torch.float32 instead of torch.int64"),
    ],
)
def test_other_weights_are_refused_and_nothing_is_changed(change: dict[str, torch.Tensor | None], message: str) -> None:
    target = model()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    state = {name: value for name, value in ({**before, **change}).items() if value is not None}
    with pytest.raises(CheckpointError, match=f"songbirds: does not fit the model: {message}"):
        load_weights(target, state, name="songbirds")
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())


def test_a_long_list_of_differences_is_cut() -> None:
    with pytest.raises(CheckpointError, match="and 4 more; use the settings"):
        load_weights(nn.Linear(2, 2), model().state_dict(), name="x")


def test_sparse_weights_are_refused() -> None:
    state = {**nn.Linear(2, 2).state_dict(), "weight": torch.ones(2, 2).to_sparse()}
    with pytest.raises(UnsafeFileError, match="x: weight: is not a dense strided tensor"):
        load_weights(nn.Linear(2, 2), state, name="x")


@pytest.mark.parametrize("value", [-1, 3, 2**31, 1.5, float("nan"), None, True, "0.5", [0.5]])
@pytest.mark.parametrize("name", ["li2020", "prior", "tacotron2"])
def test_a_dropout_that_is_no_share_is_named(name: str, value: object) -> None:
    network, arguments, state = made(name)
    assert build_network(network, {**arguments, "dropout": 0.25}, state, name="r")
    with pytest.raises(CheckpointError, match="^r: its setting 'dropout' is "):
        build_network(network, {**arguments, "dropout": value}, state, name="r")
