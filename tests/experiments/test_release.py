"""Releases as they are shipped: what other shipped weights hold is not stored again, and a flow can be exchanged."""

import runpy
from pathlib import Path

import pytest
import torch

from speech2img.errors import ConfigError
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.shared_weights import SHARED
from speech2img.storage.releases.writing import save_release

RELEASE = runpy.run_path(str(Path(__file__).parents[2] / "experiments" / "release.py"))


@pytest.mark.parametrize(("encoder", "is_own"), [(["--encoder", "hear-anyone"], False), ([], True)])
def test_what_other_shipped_weights_hold_is_not_stored_again(
    tmp_path: Path, encoder: list[str], is_own: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    # The whole model of the package, as a run of its own that holds everything.
    tensors, config = load_release(find_release("songbirds"))
    front_end = load_release(find_release("hear-anyone"))[1][SHARED]
    save_release(tmp_path / "whole", tensors, {**config, SHARED: front_end}, "a card")
    (tmp_path / "card.md").write_text("# Birds\n")
    words = ["--model", str(tmp_path / "whole"), *encoder, "--card", str(tmp_path / "card.md"), "--steps", "8"]
    assert RELEASE["main"]([*words, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"sha256 {release_sha256(tmp_path / 'out')}\n")

    # The same tensors, less in the file.
    written, drawn = load_release(tmp_path / "out")
    assert {name: value.shape for name, value in written.items()} == {n: v.shape for n, v in tensors.items()}
    assert drawn["generator"]["steps"] == 8
    assert set(drawn[SHARED]) - set(front_end) == {"generator.codec.", *(() if is_own else ("encoder.", "confidence."))}
    whole, out = (sum(file.stat().st_size for file in (tmp_path / name).iterdir()) for name in ("whole", "out"))
    assert out < whole - 5_000_000 + (0 if not is_own else 4_500_000)
    assert is_own == (out > 15_000_000)


def test_an_encoder_of_another_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_release(tmp_path / "model", flow(1.0), {**CONFIG, "encoder": {"width": 3}, "generator": {}}, "a model")
    (tmp_path / "card.md").write_text("# Birds\n")
    words = ["--model", str(tmp_path / "model"), "--encoder", "hear-anyone", "--card", str(tmp_path / "card.md")]
    assert RELEASE["main"]([*words, "--out", str(tmp_path / "out")]) == 1
    assert "its encoder is not that of hear-anyone; compose them" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def flow(value: float, *, width: int = 3, mean: float = 0.0) -> dict[str, torch.Tensor]:
    """A latent flow of three tensors that say which features it is for, and one that was learned."""
    inside = {
        "sentence.mean": torch.full((2,), mean),
        "sentence.deviation": torch.ones(1),
        "reader_weight": torch.ones(4, 2),
        "position": torch.full((width,), value),
    }
    return {f"generator.flow.{name}": tensor for name, tensor in inside.items()}


CONFIG = {
    "kind": "speech-to-image",
    "trained_with": {"speech encoder": "5" * 64, "generator": "6" * 64, "generator's image codec": "7" * 64},
    "images_seen": 10,
}


def test_another_flow_paints_behind_the_same_prior(tmp_path: Path) -> None:
    save_release(
        tmp_path, flow(2.0), {**CONFIG, "trained_with": {"image codec": "8" * 64}, "images_seen": 50}, "a flow"
    )
    model = {**flow(1.0), "prior.basis": torch.full((2,), 3.0)}
    tensors, config = RELEASE["repainted"](model, CONFIG, str(tmp_path))
    assert tensors["generator.flow.position"].tolist() == [2.0] * 3 and tensors["prior.basis"].tolist() == [3.0] * 2
    assert config["images_seen"] == 50 and config["trained_with"] == {
        "speech encoder": "5" * 64,
        "generator": release_sha256(tmp_path),
        "generator's image codec": "8" * 64,
    }


@pytest.mark.parametrize(("other", "reason"), [({"width": 4}, "of other sizes"), ({"mean": 0.5}, "other features")])
def test_a_flow_for_something_else_is_refused(tmp_path: Path, other: dict[str, int], reason: str) -> None:
    save_release(tmp_path, flow(2.0, **other), CONFIG, "a flow")
    with pytest.raises(ConfigError, match=reason):
        RELEASE["repainted"](flow(1.0), CONFIG, str(tmp_path))


LATENT_FLOW = {"network": "latent-flow", "steps": 12, "solver": "euler", "guidance_scale": 2.0}


@pytest.mark.parametrize(
    ("generator", "words", "reason"),
    [
        (None, [], "has no generator"),
        (LATENT_FLOW, ["--steps", "-7"], "steps must be 4 to 50"),
        (LATENT_FLOW, ["--guidance", "nan"], "sampler.guidance_scale: nan is out of range"),
        (LATENT_FLOW, ["--num-candidates", "-5"], "--num-candidates -5: sampling options out of range"),
        (LATENT_FLOW, ["--temperature", "inf"], "--temperature inf: not finite"),
        (LATENT_FLOW, ["--card", "none.md"], "none.md: No such file"),
        (LATENT_FLOW, ["--card", "bad.md"], "bad.md: is not text in UTF-8"),
        ({"network": "stackgan"}, ["--steps", "8"], "the model has no latent flow"),
    ],
)
def test_what_cannot_be_released_is_one_line(
    generator: dict[str, object] | None,
    words: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    config = CONFIG if generator is None else {**CONFIG, "generator": generator}
    save_release(tmp_path / "model", flow(1.0), config, "a model")
    (tmp_path / "card.md").write_text("# Birds\n")
    (tmp_path / "bad.md").write_bytes(b"\xff")
    given = ["--model", "model", "--card", "card.md", "--out", "out", *words]
    assert RELEASE["main"](given) == 1
    said = capsys.readouterr().err
    assert said.startswith("release: ") and reason in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_flow_is_not_exchanged_where_there_is_none(tmp_path: Path) -> None:
    save_release(tmp_path, {"generator.width": torch.ones(1)}, CONFIG, "no flow")
    with pytest.raises(ConfigError, match="has no latent flow"):
        RELEASE["repainted"]({"generator.width": torch.ones(1)}, CONFIG, str(tmp_path))
