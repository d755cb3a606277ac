"""Extracted embeddings with frames: those of the pipeline, ragged, checked; without them every byte is as before."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import (
    embedding_folder,
    extract_embeddings,
    load_embeddings,
    write_embeddings,
)
from speech2img.models.encoders.registry import build_encoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.writing import save_release


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny speech encoder with a time step every four frames."""
    torch.manual_seed(0)
    settings = {"network": "s2igan", "channels": [4, 8], "embedding_dim": 16, "attention_dim": 4}
    tensors = {f"encoder.{name}": value for name, value in build_encoder(**settings).state_dict().items()}
    config = {"kind": "speech-encoder", "encoder": settings, "mel_preset": "s2igan"}
    folder = tmp_path_factory.mktemp("weights") / "encoder"
    save_release(folder, tensors, config, "# card")
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[[Path], Path], encoder: Path) -> Path:
    """Noise bursts of different lengths, with embeddings "plain" and, with frames, "whole"."""
    root = make_corpus(tmp_path_factory.mktemp("corpus"))
    extract_embeddings(encoder, root, name="plain", progress=False)
    assert main(["extract", "--run", str(encoder), "--root", str(root), "--name", "whole", "--frames"]) == 0
    return root


def test_frames_are_those_of_the_pipeline(corpus: Path, encoder: Path) -> None:
    manifest = Manifest.load(corpus)
    recordings = [corpus / str(caption.audio) for item in manifest.items for caption in item.captions]
    speech = SpeechToImage.load(encoder, device="cpu").encode_speech(recordings)
    stored = load_embeddings(corpus, "whole")
    assert stored.frames is not None and speech.frames is not None
    assert len(stored.frames) == len(recordings) and stored.frames.width == 16
    assert stored.frames.lengths.tolist() == [len(frames) for frames in speech.frames]
    assert len(set(stored.frames.lengths.tolist())) > 1, "the test needs different lengths"
    for mine, theirs in zip(stored.frames, speech.frames, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, atol=2e-3 * np.abs(theirs).max())


def test_what_is_written_without_frames_stays_the_same(corpus: Path) -> None:
    plain, whole = (embedding_folder(corpus, name) for name in ("plain", "whole"))
    assert not (plain / "frames.h5").exists() and load_embeddings(corpus, "plain").frames is None
    files = {path.relative_to(plain) for path in plain.rglob("*") if path.is_file()}
    renamed = {file: Path(str(file).replace("plain", "whole")) for file in files}
    assert {*renamed.values(), Path("frames.h5")} == {
        path.relative_to(whole) for path in whole.rglob("*") if path.is_file()
    }
    for file, other in renamed.items():
        assert (plain / file).read_bytes() == (whole / other).read_bytes(), file


def test_damaged_frames_are_named_when_they_are_read(corpus: Path, encoder: Path) -> None:
    extract_embeddings(encoder, corpus, name="damaged", frames=True, progress=False)
    path = embedding_folder(corpus, "damaged") / "frames.h5"
    frames = load_embeddings(corpus, "damaged").frames
    assert frames is not None
    data, wanted = bytearray(path.read_bytes()), frames[5].astype(np.float16).tobytes()
    place = bytes(data).index(wanted)
    data[place + 3] ^= 1
    path.write_bytes(bytes(data))
    stored = load_embeddings(corpus, "damaged")
    assert stored.frames is not None and np.isfinite(stored.frames[4]).all()
    with pytest.raises(DataError, match=f"{stored.ids[5]}.*differs from its checksum"):
        _ = stored.frames[5]
    path.write_bytes(bytes(data)[:-40])
    with pytest.raises(DataError, match="--frames"):
        load_embeddings(corpus, "damaged")


def test_frames_of_other_embeddings_are_refused_or_removed(corpus: Path) -> None:
    stored, manifest = load_embeddings(corpus, "whole"), Manifest.load(corpus)
    folder = embedding_folder(corpus, "other")
    lengths = np.ones(len(stored.ids), dtype=np.int64)
    write_embeddings(manifest, stored.embeddings, name="other", lengths=lengths, sha256="other", mel_preset="none")
    (folder / "frames.h5").write_bytes((embedding_folder(corpus, "whole") / "frames.h5").read_bytes())
    with pytest.raises(DataError, match="belongs to other embeddings"):
        load_embeddings(corpus, "other")
    write_embeddings(manifest, stored.embeddings, name="other", lengths=lengths, sha256="other", mel_preset="none")
    assert load_embeddings(corpus, "other").frames is None


def test_frames_need_an_encoder(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", "--features", "teacher", "--root", str(corpus), "--frames"]) != 0
    assert "only a speech encoder has them" in capsys.readouterr().err
