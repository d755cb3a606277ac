"""``speech2img import clip-text``: CLIP's text side and its vocabulary become a release."""

import gzip
from pathlib import Path

import pytest
import torch
from helpers.clip_states import TOKENS, VOCABULARY, clip_text_state
from helpers.trainer_checkpoints import imported, lightning

from speech2img.cli.main import main
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.storage.releases.release import load_release, strip_prefix

pytestmark = pytest.mark.usefixtures("foreign_module")


def test_the_release_reads_captions(tmp_path: Path) -> None:
    state = clip_text_state()
    torch.save(state, tmp_path / "plain.pt")
    within = {f"transformer.condition_emb.{name}": value for name, value in state.items()}
    torch.save({"model": within, "last_epoch": 3}, tmp_path / "cub_pretrained.pth")
    (tmp_path / "bpe.txt.gz").write_bytes(gzip.compress(VOCABULARY.encode()))
    (tmp_path / "merges.txt").write_text(VOCABULARY)
    plain = imported("clip-text", tmp_path / "plain.pt", tmp_path / "a", "--vocabulary", str(tmp_path / "bpe.txt.gz"))
    options = ["--vocabulary", str(tmp_path / "merges.txt")]
    ours = imported("clip-text", tmp_path / "cub_pretrained.pth", tmp_path / "b", *options)
    assert all(torch.equal(ours[name], value) for name, value in plain.items())
    tensors, config = load_release(tmp_path / "b")
    assert config["kind"] == "text-encoder"
    encoder = build_text_encoder(**config["text_encoder"])
    encoder.load_state_dict(strip_prefix(tensors, "text_encoder."))
    assert encoder.eval().encode(["the bird is red"]).words.shape == (1, 64, 77)


def test_what_it_cannot_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, vocabulary = tmp_path / "clip.pt", tmp_path / "merges.txt"
    command = ["import", "clip-text", str(file), "--out", str(tmp_path / "out")]
    torch.save(lightning(clip_text_state(tokens=TOKENS + 1), "model."), file)
    assert main(command) == 2
    assert "clip-text: its vocabulary is a file of its own; add --vocabulary" in capsys.readouterr().err
    command += ["--vocabulary", str(vocabulary)]
    for content, message in (
        (VOCABULARY.encode(), "merges.txt: has 8 pairs of pieces, and the network wants 9"),
        (VOCABULARY.replace("t h\n", "t h e\n").encode() + b"a b\n", "merges.txt: line 1 of the vocabulary is no pair"),
        (b"\xff\xfe\x00", "merges.txt: is no text of UTF-8"),
        (gzip.compress(VOCABULARY.encode())[:-9], "merges.txt"),
    ):
        vocabulary.write_bytes(content)
        assert main(command) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and message in lines[0] and not (tmp_path / "out").exists()
    vocabulary.unlink()
    assert main(command) == 1 and "merges.txt" in capsys.readouterr().err
