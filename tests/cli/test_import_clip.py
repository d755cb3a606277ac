"""``speech2img import clip-text`` and ``clip-image``: CLIP's sides, and a vocabulary, become releases."""

import gzip
from pathlib import Path

import pytest
import torch
from helpers.clip_images import image_side_state
from helpers.clip_states import TOKENS, VOCABULARY, clip_text_state
from helpers.trainer_checkpoints import imported, lightning
from torch import nn

from speech2img.cli.main import main
from speech2img.features.registry import load_extractor
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


def as_program(state: dict[str, torch.Tensor], file: Path) -> None:
    """Save a state as a TorchScript program of nested modules, as CLIP's own files are."""
    root = nn.Module()
    for name, value in state.items():
        module, (*path, last) = root, name.split(".")
        for part in path:
            if part not in dict(module.named_children()):
                module.add_module(part, nn.Module())
            module = module.get_submodule(part)
        module.register_buffer(last, value)
    torch.jit.save(torch.jit.script(root), file)


def test_a_torchscript_file_gives_both_sides_and_is_not_run(tmp_path: Path) -> None:
    text, image = clip_text_state(), {f"visual.{name}": value for name, value in image_side_state().items()}
    (tmp_path / "merges.txt").write_text(VOCABULARY)
    as_program(text | image | {"logit_scale": torch.ones(())}, tmp_path / "RN50x64.pt")
    torch.save(text | image, tmp_path / "state.pt")
    for source, options in (("clip-text", ["--vocabulary", str(tmp_path / "merges.txt")]), ("clip-image", [])):
        found, wanted = (
            imported(source, tmp_path / f"{name}.pt", tmp_path / f"{source}-{name}", *options)
            for name in ("RN50x64", "state")
        )
        assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert load_extractor(tmp_path / "clip-image-RN50x64").kind == "clip-image"
