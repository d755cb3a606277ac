"""Preparation by several processes: the files of one, a rank that is killed, one that cannot go on, waiting."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from speech2img.errors import DataError
from speech2img.features.image_features import load_features
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.storage.lock import run_lock
from speech2img.storage.reading import file_sha256

Start = Callable[..., Any]


@pytest.fixture(scope="module")
def encoder(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained encoder."""
    job = start("encoder", tmp_path_factory.mktemp("runs") / "encoder", ranks=1, steps=1)
    assert job.statuses == [0]
    return job.folder


@pytest.fixture(scope="module")
def corpus(start: Any, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with recordings, a teacher and a mel store."""
    return Path(shutil.copytree(start.root, tmp_path_factory.mktemp("corpus") / "root"))


@pytest.fixture
def verb(start: Start, corpus: Path, encoder: Path, tmp_path: Path) -> Start:
    """Run a verb on the corpus; parts are of a few rows."""
    argv = {
        "features": ["--teacher", str(corpus / "teacher"), "--device", "cpu", "--image-size", "8", "--name"],
        "extract": ["--run", str(encoder), "--device", "cpu", "--name"],
    }

    def run(verb: str, name: str, **more: Any) -> Any:
        words = [verb, "--root", str(corpus), *argv[verb], name]
        return start("verb", tmp_path / name, argv=words, small_parts=True, **more)

    return run


def taken(corpus: Path) -> dict[str, str]:
    """SHA-256 of everything that was made under the name new, which is taken away."""
    files = [path for path in corpus.rglob("*") if path.is_file() and "new" in str(path.relative_to(corpus))]
    assert not list(corpus.rglob("*.building"))
    found = {str(path.relative_to(corpus)): file_sha256(path) for path in files}
    for path in files:
        path.unlink()
    return found


@pytest.mark.parametrize(("which", "files"), [("features", 7), ("extract", 11)])
def test_ranks_make_the_files_of_one_process(which: str, files: int, verb: Start, corpus: Path) -> None:
    one = verb(which, "new", ranks=1)
    assert one.statuses == [0] and "new" in one.message(0)
    alone = taken(corpus)
    assert len(alone) == files
    two = verb(which, "new", ranks=2)
    assert two.statuses == [0, 0] and not two.message(1)
    assert taken(corpus) == alone

    killed = verb(which, "new", ranks=2, kill_at_part=[1, 2])
    assert killed.statuses == [130, -signal.SIGKILL] and "another process of the job is gone" in killed.message(0)
    kept = {path: path.stat().st_mtime_ns for path in corpus.rglob("*new*/parts/*.safetensors")}
    assert len(kept) >= 2 and len(list(corpus.rglob("*new*.h5"))) == 0
    assert verb(which, "new", ranks=3, kill_at_part=[2, 9]).statuses == [0, 0, 0]
    assert taken(corpus) == alone


def test_one_that_cannot_go_on_ends_all_with_its_status(verb: Start, corpus: Path) -> None:
    with run_lock(corpus / "derived" / "embeddings" / "held.building"):
        held = verb("extract", "held", ranks=2)
    assert held.statuses == [2, 2] and "working here" in held.message(0)


def test_what_is_not_divided_is_done_by_the_first(start: Start, tmp_path: Path) -> None:
    def prepare(root: Path, *, ranks: int) -> Any:
        return start("verb", tmp_path / "job", ranks=ranks, argv=["prepare", "folder", "--root", str(root)])

    for number in range(12):
        picture = tmp_path / "one" / "ab"[number % 2] / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * number, 9, 9)).save(picture)
        picture.with_suffix(".txt").write_text(f"bird number {number}\n")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    one = prepare(tmp_path / "one", ranks=1)
    assert one.statuses == [0], one.message(0)
    two = prepare(tmp_path / "two", ranks=2)
    assert two.statuses == [0, 0] and "12 pictures" in two.message(0) and not two.message(1)
    assert (tmp_path / "one" / "manifest.jsonl").read_bytes() == (tmp_path / "two" / "manifest.jsonl").read_bytes()

    (tmp_path / "empty").mkdir()
    job = prepare(tmp_path / "empty", ranks=2)
    assert job.statuses == [1, 1] and str(tmp_path / "empty") in job.message(0)
    assert "rank 1 of 2: the first process of the job stopped; see its message" in job.message(1)


@pytest.mark.parametrize("left", [0.0, 0.5, 0.95])
def test_damaged_features_and_embeddings_are_named(left: float, corpus: Path, tmp_path: Path) -> None:
    for path, load in (("features-teacher.h5", load_features), ("embeddings/encoder/embeddings.h5", load_embeddings)):
        bad = tmp_path / "derived" / path
        bad.parent.mkdir(parents=True, exist_ok=True)
        whole = (corpus / "derived" / path).read_bytes()
        bad.write_bytes(whole[: int(left * len(whole))])
        with pytest.raises(DataError, match=f"{bad.name}: damaged"):
            load(tmp_path, bad.parent.name if "embeddings" in path else "teacher")
