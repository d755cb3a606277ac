"""``speech2img import hubert-encoder`` and ``speechclip-encoder``: the published files become what hears with them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.hubert_states import EMBEDDING, STATES, WIDTH, speechclip_state, waveform

from speech2img.audio.front_ends import load_front_end
from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.models.encoders.layer_mix import LayerMix, normalized_states
from speech2img.models.encoders.parallel_branch import ParallelBranch
from speech2img.models.published.speechclip import convert_speechclip_parallel
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_release, strip_prefix


@pytest.mark.parametrize("large", [False, True])
def test_a_speechclip_checkpoint_encodes_recordings(large: bool, tmp_path: Path) -> None:
    state = speechclip_state(large=large)
    beside = {"clip.model.x": torch.zeros(2), "criterion.temperature": torch.zeros(())}
    torch.save({"state_dict": state | beside, "epoch": 3}, tmp_path / "best.ckpt")
    for source in ("hubert-encoder", "speechclip-encoder"):
        assert main(["import", source, str(tmp_path / "best.ckpt"), "--out", str(tmp_path / source)]) == 0
    _, config = load_release(tmp_path / "speechclip-encoder")
    assert config["encoder"]["front_end"] == ("hubert-large" if large else "hubert-base")
    assert config["encoder"]["normalized"] is large and config["encoder"]["embedding_dim"] == EMBEDDING

    front_end = load_front_end(tmp_path / "hubert-encoder").network
    trained = convert_speechclip_parallel(state)
    mix, branch = LayerMix(STATES), ParallelBranch(WIDTH, 8, EMBEDDING).eval()
    mix.load_state_dict(strip_prefix(trained, "mix."))
    branch.load_state_dict(strip_prefix(trained, "adapter."))
    sound = waveform(9_000)
    with torch.inference_mode():
        states, lengths = front_end(torch.from_numpy(sound)[None, None], torch.tensor([9_000]))
        expected = branch(mix(normalized_states(states) if large else states), lengths).sentence[0]
    pipe = SpeechToImage.load(tmp_path / "speechclip-encoder", device="cpu")
    np.testing.assert_allclose(pipe.encode((16_000, sound)), expected, atol=1e-5)


def test_s2ivq_ds_encoder_is_the_large_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": speechclip_state(large=True)}, tmp_path / "large.ckpt")
    torch.save({"state_dict": speechclip_state(large=False)}, tmp_path / "base.ckpt")
    for source in ("speechclip-encoder", "s2ivq-d-encoder"):
        assert main(["import", source, str(tmp_path / "large.ckpt"), "--out", str(tmp_path / source)]) == 0
    tensors, wanted = (load_release(tmp_path / name)[0] for name in ("s2ivq-d-encoder", "speechclip-encoder"))
    assert tensors.keys() == wanted.keys() and all(torch.equal(tensors[name], wanted[name]) for name in wanted)
    assert main(["import", "s2ivq-d-encoder", str(tmp_path / "base.ckpt"), "--out", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "hears through hubert-base, and S2IVQ-D's through hubert-large" in lines[0]


def test_extract_hears_a_corpus_through_it(tmp_path: Path, make_corpus: Callable[[Path], Path]) -> None:
    torch.save({"state_dict": speechclip_state(large=True)}, tmp_path / "large.ckpt")
    release, corpus = tmp_path / "encoder", make_corpus(tmp_path)
    assert main(["import", "s2ivq-d-encoder", str(tmp_path / "large.ckpt"), "--out", str(release)]) == 0
    assert main(["extract", "--run", str(release), "--root", str(corpus), "--device", "cpu"]) == 0
    stored = load_embeddings(corpus, "encoder")
    recordings = [corpus / str(caption.audio) for item in Manifest.load(corpus).items for caption in item.captions]
    wanted = SpeechToImage.load(release, device="cpu", trim=False).encode_paths(recordings[:3])
    np.testing.assert_allclose(stored.embeddings[:3], wanted, atol=1e-4)
    assert len(stored.embeddings) == len(recordings) and stored.width == EMBEDDING


def test_what_lacks_a_part_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = speechclip_state(large=False)
    trained = {name: value for name, value in state.items() if "audio_encoder.encoder" not in name}
    torch.save({"state_dict": trained}, tmp_path / "trained.ckpt")
    for source, message in (("speechclip-encoder", "holds no HuBERT"), ("hubert-encoder", "no array of HuBERT")):
        assert main(["import", source, str(tmp_path / "trained.ckpt"), "--out", str(tmp_path / "out")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and message in lines[0] and "trained.ckpt" in lines[0]


@pytest.mark.parametrize("change", ["scalars", "types", "norm"])
def test_arrays_that_break_the_conversion_are_one_line(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = speechclip_state(large=False)
    attention = "audio_encoder.encoder.encoder.layers.1.self_attn"
    if change == "scalars":
        state |= {f"{attention}.{part}_proj.weight": torch.tensor(1.0) for part in "qkv"}
    elif change == "types":
        state[f"{attention}.k_proj.weight"] = state[f"{attention}.k_proj.weight"].to(torch.int8)
    else:
        state["audio_encoder.encoder.encoder.pos_conv.0.weight_v"] = torch.ones(1, 1, 1)
    torch.save({"state_dict": state}, tmp_path / "best.ckpt")
    for source in ("speechclip-encoder", "hubert-encoder"):
        assert main(["import", source, str(tmp_path / "best.ckpt"), "--out", str(tmp_path / "out")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and "best.ckpt" in lines[0]
