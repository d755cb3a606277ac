"""Split pickles: read with care, as strangers wrote them."""

import pickle

import pytest

from speech2img.corpora.records.splits import read_split_pickles
from speech2img.errors import DataError, Speech2ImgError


def write(folder, names, classes, protocol=2):
    (folder / "filenames.pickle").write_bytes(pickle.dumps(names, protocol))
    (folder / "class_info.pickle").write_bytes(pickle.dumps(classes, protocol))


@pytest.mark.parametrize("protocol", range(6))
def test_read(tmp_path, protocol):
    write(tmp_path, ["001.A/x", "002.B/y"], [1, 2], protocol)
    assert read_split_pickles(tmp_path) == [("001.A/x", 1), ("002.B/y", 2)]


@pytest.mark.parametrize(
    "names, classes, reason",
    [
        (["001.A/x"], [1, 2], "1 file names but 2 class numbers"),
        ({"a": 1}, [1], "not a list of image names"),
        ([1], [1], "not a list of image names"),
        (["001.A/x"], ["1"], "not a list of class numbers"),
    ],
)
def test_nonsense_is_refused(tmp_path, names, classes, reason):
    write(tmp_path, names, classes)
    with pytest.raises(DataError, match=reason):
        read_split_pickles(tmp_path)


def test_hostile_pickle_does_not_run(tmp_path):
    write(tmp_path, ["001.A/x"], [1])
    (tmp_path / "filenames.pickle").write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "hit") + b"'\ntR.")
    with pytest.raises(Speech2ImgError):
        read_split_pickles(tmp_path)
    assert not (tmp_path / "hit").exists()


def test_missing(tmp_path):
    with pytest.raises(Speech2ImgError, match="filenames.pickle"):
        read_split_pickles(tmp_path)
