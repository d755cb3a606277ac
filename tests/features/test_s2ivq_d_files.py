"""S2IVQ-D's embedding files: what its own loader opens, read back equal, in one language and in two."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import peer_parts
from speech2img.errors import DataError
from speech2img.features.imported_embeddings import import_embeddings, write_s2ivq_d_embeddings
from speech2img.features.speech_embeddings import load_embeddings, write_embeddings

WIDTH = 6


@pytest.fixture
def corpus(tmp_path: Path, make_corpus: Callable[[Path], Path]) -> Path:
    """The tiny corpus with embeddings drawn at random."""
    root = make_corpus(tmp_path)
    _store(Manifest.load(root))
    return root


def _store(manifest: Manifest) -> None:
    count = sum(len(item.captions) for item in manifest.items)
    embeddings = np.random.default_rng(0).standard_normal((count, WIDTH)).astype(np.float32)
    lengths = np.ones(count, dtype=np.int64)
    write_embeddings(manifest, embeddings, name="drawn", lengths=lengths, sha256="ab" * 32, mel_preset="none")


def _spoken_twice(root: Path) -> Manifest:
    """The corpus with captions that take turns in two languages."""
    manifest = Manifest.load(root)
    items = []
    for item in manifest.items:
        captions = [*item.captions, *item.captions][:4]
        said = [
            replace(c, index=k, audio=f"audio/{item.id}_{k}.wav", language=("en", "ar")[k % 2])
            for k, c in enumerate(captions)
        ]
        items.append(replace(item, captions=tuple(said)))
    manifest = Manifest(root, manifest.corpus, items, meta=manifest.meta)
    manifest.save()
    _store(manifest)
    return manifest


def test_their_loader_finds_an_array_and_the_names_of_its_images(corpus: Path) -> None:
    folder = write_s2ivq_d_embeddings(corpus, "drawn")
    manifest, stored = Manifest.load(corpus), load_embeddings(corpus, "drawn")
    for part, rows in peer_parts(manifest).items():
        array = pickle.loads((folder / f"speech/speech_embeddings_{part}.pickle").read_bytes())
        names = pickle.loads((folder / part / "filenames.pickle").read_bytes())
        count = min(len(manifest.items[row].captions) for row in rows)
        assert isinstance(array, np.ndarray) and array.shape == (len(rows), count, WIDTH)
        for row, name, own in zip(rows, names, array, strict=True):
            assert (corpus / "images" / name).is_file() and (corpus / "images" / name) == corpus / manifest.items[
                row
            ].image
            start = sum(len(item.captions) for item in manifest.items[:row])
            np.testing.assert_array_equal(own, stored.embeddings[start : start + count])


def test_they_are_read_back_equal(corpus: Path) -> None:
    folder = write_s2ivq_d_embeddings(corpus, "drawn")
    import_embeddings(folder / "speech", corpus, name="back")
    ours, back = load_embeddings(corpus, "drawn"), load_embeddings(corpus, "back")
    assert back.ids == ours.ids
    np.testing.assert_array_equal(back.embeddings, ours.embeddings)


def test_the_command_line_writes_them_beside_ours(corpus: Path) -> None:
    folder = write_s2ivq_d_embeddings(corpus, "drawn")
    command = ["extract", "--root", str(corpus), "--pickles", str(folder / "speech"), "--name", "again"]
    assert main(command) == 0 and not (folder.parents[1] / "again" / "s2ivq-d").exists()
    assert main([*command, "--format", "s2ivq-d"]) == 0
    written = folder.parents[1] / "again" / "s2ivq-d"
    for path in folder.rglob("*.pickle"):
        assert (written / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_two_languages_have_a_file_each_and_come_back_in_their_places(corpus: Path) -> None:
    manifest = _spoken_twice(corpus)
    folder = write_s2ivq_d_embeddings(corpus, "drawn")
    for part, rows in peer_parts(manifest).items():
        for language in ("en", "ar"):
            array = pickle.loads((folder / f"speech/speech_embeddings_{part}_{language}.pickle").read_bytes())
            assert array.shape == (len(rows), 2, WIDTH)
    import_embeddings(folder / "speech", corpus, name="back")
    ours, back = load_embeddings(corpus, "drawn"), load_embeddings(corpus, "back")
    np.testing.assert_array_equal(back.embeddings, ours.embeddings)
    # Without one of them, and with fewer utterances of one.
    path = folder / "speech" / "speech_embeddings_train_ar.pickle"
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(DataError, match="train_ar.pickle: is missing, and captions are in en, ar"):
        import_embeddings(folder / "speech", corpus, name="back")
    path.write_bytes(pickle.dumps(pickle.loads(kept)[:, :1], 4))
    with pytest.raises(DataError, match="train_ar.pickle: 1 utterances of .*, the corpus has 2"):
        import_embeddings(folder / "speech", corpus, name="back")


def test_files_of_other_programs_stay_and_a_caption_must_be_there(corpus: Path) -> None:
    folder = write_s2ivq_d_embeddings(corpus, "drawn")
    path = folder / "speech" / "speech_embeddings_train.pickle"
    path.write_bytes(pickle.dumps(np.zeros((1, 1, 2)), 2))
    with pytest.raises(DataError, match="is there already, and no file of this package"):
        write_s2ivq_d_embeddings(corpus, "drawn")
    manifest = _spoken_twice(corpus)
    first = replace(manifest.items[0], captions=tuple(replace(c, language="en") for c in manifest.items[0].captions))
    Manifest(corpus, manifest.corpus, [first, *manifest.items[1:]], meta=manifest.meta).save()
    with pytest.raises(DataError, match="has no caption in 'ar'"):
        write_s2ivq_d_embeddings(corpus, "drawn")
