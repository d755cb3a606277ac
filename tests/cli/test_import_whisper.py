"""``speech2img import whisper-encoder``: three publishers' files of one network become one release."""

from pathlib import Path

import pytest
import torch
from helpers import whisper_files as files
from torch.nn import functional as F

from speech2img.cli.import_weights import import_published
from speech2img.cli.main import main
from speech2img.errors import CheckpointError
from speech2img.models.encoders.whisper import WhisperEncoder
from speech2img.models.published.whisper import convert_whisper_encoder
from speech2img.storage.releases.release import load_release, release_sha256

SETTINGS = {"n_mels": 80, "width": files.WIDTH, "num_layers": files.LAYERS, "max_positions": files.POSITIONS}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return files.whisper_files(tmp_path_factory.mktemp("published"))


def test_the_three_formats_give_the_same_weights(published: dict[str, Path], tmp_path: Path) -> None:
    for name, file in published.items():
        assert main(["import", "whisper-encoder", str(file), "--out", str(tmp_path / name)]) == 0
    assert len({release_sha256(tmp_path / name) for name in published}) == 1
    tensors, config = load_release(tmp_path / "openai")
    state = files.openai_state()
    query, key, value = tensors["layers.1.attention.qkv.weight"].chunk(3)
    for part, ours in {"query": query, "key": key, "value": value}.items():
        assert torch.equal(ours, state[f"encoder.blocks.1.attn.{part}.weight"].float())
    assert not tensors["layers.1.attention.qkv.bias"].chunk(3)[1].any()
    assert config["front_end"] == SETTINGS and config["kind"] == "acoustic-front-end"
    assert (config["network"], config["mel_preset"], config["model"]) == ("whisper", "whisper", "whisper 64x2")
    card = (tmp_path / "openai" / "CARD.md").read_text()
    assert "Copyright (c) 2022 OpenAI. MIT License" in card and config["source_sha256"] in card and "float16" in card


def test_values_beyond_float16_stay_float32(tmp_path: Path) -> None:
    state = files.openai_state(dtype=torch.float32)
    torch.save(state, tmp_path / "whisper.pt")
    import_published("whisper-encoder", tmp_path / "whisper.pt", tmp_path / "out")
    assert torch.equal(load_release(tmp_path / "out")[0]["conv1.weight"], state["encoder.conv1.weight"])


@pytest.mark.parametrize("alone", ["encoder.", ""])
def test_an_encoder_alone_is_enough(alone: str, tmp_path: Path) -> None:
    state = {name: value for name, value in files.openai_state().items() if name.startswith("encoder.")}
    torch.save({name.replace("encoder.", alone, 1): value for name, value in state.items()}, tmp_path / "encoder.pt")
    import_published("whisper-encoder", tmp_path / "encoder.pt", tmp_path / "out")
    assert load_release(tmp_path / "out")[1]["front_end"] == SETTINGS


def openai_encoder(state: dict[str, torch.Tensor], mel: torch.Tensor) -> torch.Tensor:
    """The published encoder in its own names, step by step (Radford et al. 2022), for one head."""
    weight = {name.removeprefix("encoder."): value.float() for name, value in state.items()}

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ weight[f"{name}.weight"].T + weight.get(f"{name}.bias", 0.0)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], weight[f"{name}.weight"], weight[f"{name}.bias"])

    x = F.gelu(F.conv1d(mel, weight["conv1.weight"], weight["conv1.bias"], padding=1))
    x = F.gelu(F.conv1d(x, weight["conv2.weight"], weight["conv2.bias"], padding=1, stride=2)).transpose(1, 2)
    x = x + weight["positional_embedding"][: x.shape[1]]
    for block in (f"blocks.{number}" for number in range(files.LAYERS)):
        h = norm(x, f"{block}.attn_ln")
        query, key, value = (linear(h, f"{block}.attn.{part}") for part in ("query", "key", "value"))
        scores = (query @ key.transpose(1, 2)) * files.WIDTH**-0.5
        x = x + linear(scores.softmax(dim=-1) @ value, f"{block}.attn.out")
        x = x + linear(F.gelu(linear(norm(x, f"{block}.mlp_ln"), f"{block}.mlp.0")), f"{block}.mlp.2")
    return norm(x, "ln_post")


def test_the_converted_network_computes_what_the_published_names_mean() -> None:
    state = files.openai_state()
    network = WhisperEncoder(**SETTINGS)
    network.load_state_dict(convert_whisper_encoder(state))
    mel = torch.randn(2, 80, 41)
    with torch.inference_mode():
        states, _ = network(mel, torch.tensor([41, 41]))
    torch.testing.assert_close(states[:, -1], openai_encoder(state, mel), atol=1e-4, rtol=1e-4)


def refused(file: Path, content: bytes, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one line that a file is refused with."""
    file.write_bytes(content)
    out = file.parent / "out"
    assert main(["import", "whisper-encoder", str(file), "--out", str(out), *options]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and file.name in lines[0] and not out.exists()
    return lines[0]


def test_another_size_than_asked_for_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], published: dict[str, Path]
) -> None:
    content = published["ctranslate2"].read_bytes()
    assert "is Whisper 64x2, and tiny.en was asked for" in refused(
        tmp_path / "model.bin", content, capsys, "--size", "tiny.en"
    )


def test_a_decoder_alone_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = files.ctranslate2_arrays(files.openai_state())
    decoder = {name: value for name, value in arrays.items() if name.startswith("decoder/")}
    assert "decoder alone" in refused(tmp_path / "model.bin", files.ctranslate2_bytes(decoder), capsys)
    state = {name: value for name, value in files.openai_state().items() if name.startswith("decoder.")}
    torch.save({"model_state_dict": state}, tmp_path / "decoder.pt")
    assert "decoder alone" in refused(tmp_path / "decoder.pt", (tmp_path / "decoder.pt").read_bytes(), capsys)


def test_quantised_weights_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = files.ctranslate2_arrays(files.openai_state())
    arrays["encoder/layer_0/ffn/linear_0/weight"] = torch.zeros(4 * files.WIDTH, files.WIDTH, dtype=torch.int8)
    line = refused(tmp_path / "model.bin", files.ctranslate2_bytes(arrays), capsys)
    assert "quantised (int8)" in line and "--quantization float16" in line


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999, 0.9999])
def test_a_truncated_file_is_refused(
    share: float, tmp_path: Path, capsys: pytest.CaptureFixture[str], published: dict[str, Path]
) -> None:
    for name, file in published.items():
        content = file.read_bytes()
        refused(tmp_path / f"{name.replace(' ', '')}.bin", content[: int(share * len(content))], capsys)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder/extra": torch.zeros(3)}, "'encoder/extra' is no array of Whisper"),
        ({"encoder/num_heads": torch.tensor(2, dtype=torch.int16)}, "2 heads at a width of 64"),
        ({"encoder/conv1/bias": torch.full((64,), float("nan"))}, "not finite"),
        ({"encoder/conv2/bias": torch.zeros(65)}, "does not fit"),
    ],
)
def test_arrays_that_whisper_does_not_have_are_named(
    change: dict[str, torch.Tensor], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = files.ctranslate2_arrays(files.openai_state()) | change
    assert message in refused(tmp_path / "model.bin", files.ctranslate2_bytes(arrays), capsys)


def test_a_size_is_told_by_width_layers_and_language() -> None:
    from speech2img.models.published.whisper import demand_size, published_names, whisper_size

    assert whisper_size({"width": 512, "num_layers": 6}) == "base"
    assert "tiny.en" in published_names() and "large.en" not in published_names()
    state = {
        "encoder.conv1.weight": torch.zeros(384, 80, 3, dtype=torch.float16),
        "encoder.positional_embedding": torch.zeros(1500, 384, dtype=torch.float16),
        "decoder.token_embedding.weight": torch.zeros(51_864, 0),
        **{f"encoder.blocks.{number}.mlp.0.weight": torch.zeros(4, 384) for number in range(4)},
    }
    demand_size(state, "tiny.en")
    with pytest.raises(ValueError, match=r"is Whisper tiny\.en, and tiny was asked for"):
        demand_size(state, "tiny")
    del state["decoder.token_embedding.weight"]
    demand_size(state, "tiny")
    with pytest.raises(ValueError, match=r"is Whisper tiny, and small\.en was asked for"):
        demand_size(state, "small.en")


def test_a_broken_query_is_refused() -> None:
    state = files.openai_state()
    del state["encoder.blocks.0.attn.value.weight"]
    with pytest.raises(ValueError, match=r"query\.weight has no key or value"):
        convert_whisper_encoder(state)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pt"):
        import_published("whisper-encoder", tmp_path / "none.pt", tmp_path / "out")


@pytest.mark.parametrize(
    "arrays", [{"encoder/num_heads": torch.tensor(float("inf"))}, {"encoder/conv1/weight": torch.tensor(1.0)}]
)
def test_arrays_that_break_the_conversion_are_one_line(
    arrays: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = files.ctranslate2_arrays(files.openai_state()) | arrays
    (tmp_path / "model.bin").write_bytes(files.ctranslate2_bytes(model))
    assert main(["import", "whisper-encoder", str(tmp_path / "model.bin"), "--out", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "model.bin" in lines[0]
