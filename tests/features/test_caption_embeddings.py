"""Captions read by a text encoder: any size of batch, resumed or not; what cannot be read is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import painted_corpus
from helpers.clip_states import VOCABULARY, WIDTH, clip_text_state
from helpers.recognisers import text_encoder_release

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features import caption_embeddings
from speech2img.features.caption_embeddings import extract_caption_embeddings, reads_captions
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.recognition.reading import TextReader
from speech2img.storage.releases.release import load_release, release_sha256


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return with_texts(painted_corpus.build(tmp_path / "corpus"), lambda row, k: f"{'abcdefg'[row % 7]} bird {'xyz'[k]}")


def with_texts(root: Path, text: Callable[[int, int], str]) -> Path:
    manifest = Manifest.load(root)
    items = [
        replace(item, captions=tuple(replace(one, text=text(row, one.index)) for one in item.captions))
        for row, item in enumerate(manifest.items)
    ]
    Manifest(root, manifest.corpus, items).save()
    return root


def test_batches_do_not_matter_and_an_interrupted_call_resumes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = text_encoder_release(tmp_path / "letters")
    folder = extract_caption_embeddings(letters, root, name="whole", device="cpu", progress=False)
    assert reads_captions(letters) and reads_captions(folder / "encoder")
    whole = load_embeddings(root, "whole")
    assert whole.sha256 == release_sha256(folder / "encoder") and whole.frames is None

    # Stopped at the third of six batches; the first two are not read again.
    monkeypatch.setattr(caption_embeddings, "BATCH", 5)
    read: list[int] = []
    encode = TextReader.encode_texts

    def counted(self: TextReader, texts: list[str]) -> object:
        read.append(len(texts))
        if len(read) == 3:
            raise KeyboardInterrupt
        return encode(self, texts)

    monkeypatch.setattr(TextReader, "encode_texts", counted)
    with pytest.raises(KeyboardInterrupt):
        extract_caption_embeddings(letters, root, name="parts", device="cpu", progress=False)
    extract_caption_embeddings(letters, root, name="parts", device="cpu", progress=False)
    assert sum(read) == 28 + 5
    assert np.abs(load_embeddings(root, "parts").embeddings - whole.embeddings).max() < 1e-5

    # What reads is taken too, under its own hash.
    monkeypatch.undo()
    again = extract_caption_embeddings(folder / "encoder", root, name="again", device="cpu", progress=False)
    assert np.array_equal(load_embeddings(root, "again").embeddings, whole.embeddings)
    assert load_release(again / "encoder")[1] == load_release(folder / "encoder")[1]


def test_what_cannot_be_read_is_named(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    letters = text_encoder_release(tmp_path / "letters")
    with pytest.raises(ConfigError, match=r"--frames: .*letters reads sentences alone; omit it"):
        extract_caption_embeddings(letters, root, frames=True, device="cpu", progress=False)
    with_texts(root, lambda row, k: "鳥" if (row, k) == (3, 1) else "a bird")
    with pytest.raises(DataError, match=r"captions without a word that .*letters knows: 001.Bird/3_1; write"):
        extract_caption_embeddings(letters, root, device="cpu", progress=False)
    speech = root / "derived" / "embeddings" / "encoder" / "encoder"
    assert not reads_captions(speech)
    with pytest.raises(CheckpointError, match="holds a 'speech-encoder' that reads no text; give a text encoder"):
        extract_caption_embeddings(speech, root, name="other", device="cpu", progress=False)

    # States of another size than the sentences.
    with_texts(root, lambda row, k: "a bird")
    torch.save(clip_text_state(embedding=WIDTH // 2), tmp_path / "clip.pt")
    (tmp_path / "merges.txt").write_text(VOCABULARY)
    words = ["import", "clip-text", str(tmp_path / "clip.pt"), "--vocabulary", str(tmp_path / "merges.txt")]
    assert main([*words, "--out", str(tmp_path / "clip")]) == 0
    capsys.readouterr()
    words = ["extract", "--run", str(tmp_path / "clip"), "--root", str(root), "--device", "cpu"]
    assert main([*words, "--frames"]) == 2
    assert f"clip have {WIDTH} numbers, its sentences {WIDTH // 2}; omit it" in capsys.readouterr().err
    assert main(words) == 0 and load_embeddings(root, "clip").width == WIDTH // 2
