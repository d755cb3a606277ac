"""Files of teacher features and speech embeddings: what is read is what was written, or one error says why not."""

import io
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
import torch

from speech2img.cli.main import main
from speech2img.errors import ConfigError, DataError
from speech2img.features.image_features import build_teacher_features, feature_path, load_features
from speech2img.features.speech_embeddings import embedding_folder, load_embeddings
from speech2img.features.stores import demand_embeddings_or_nothing
from speech2img.storage.foreign.peer_embeddings import save_li2020_embeddings, save_s2igan_embeddings
from speech2img.storage.hdf5.seal import write_store
from speech2img.storage.hdf5.sources import demand_own_store
from speech2img.storage.releases.writing import copy_release, save_release

Damage = Callable[[bytes, int], Iterator[bytes]]
IDS = [f"bird/é{number}" for number in range(12)]
VALUES = np.random.default_rng(0).standard_normal((12, 2, 8)).astype(np.float32)
KINDS = ("features", "embeddings")


def write(root: Path, kind: str) -> Path:
    """A small file as it is written today."""
    path = feature_path(root, "x") if kind == "features" else embedding_folder(root, "x") / "embeddings.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "features":
        about: dict[str, str | int] = {"kind": "a", "source": "t", "sha256": "0" * 64, "views": 2, "side": 0}
        write_store(path, {"features": VALUES}, IDS, about)
    else:
        arrays = {"embeddings": VALUES[:, 0], "lengths": np.ones(12, dtype=np.int64)}
        write_store(path, arrays, IDS, {"sha256": "0" * 64, "mel_preset": "li2020"})
    return path


def everything(root: Path, kind: str) -> object:
    if kind == "features":
        found = load_features(root, "x")
        return found.ids, found.features.tobytes(), found.sha256, found.kind, found.source, found.side
    speech = load_embeddings(root, "x")
    return speech.ids, speech.embeddings.tobytes(), speech.sha256


@pytest.mark.parametrize("kind", KINDS)
def test_damage_never_becomes_a_number(
    kind: str, tmp_path: Path, flipped: Damage, damaged: Damage, hold_contract: Callable[..., int]
) -> None:
    path = write(tmp_path, kind)
    whole, expected = path.read_bytes(), everything(tmp_path, kind)
    assert hold_contract(path, flipped(whole, 300), lambda: everything(tmp_path, kind), expected) >= 300
    hold_contract(path, damaged(whole, 60), lambda: everything(tmp_path, kind), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_earlier_versions_are_read_or_refused(
    kind: str, tmp_path: Path, unseal: Callable[[Path], None], damaged: Damage, hold_contract: Callable[..., int]
) -> None:
    path = write(tmp_path, kind)
    expected = everything(tmp_path, kind)
    unseal(path)
    with h5py.File(path, "r+") as file:  # they wrote texts of any length
        del file["ids"]
        file["ids"] = IDS
    assert everything(tmp_path, kind) == expected
    hold_contract(path, damaged(path.read_bytes(), 40), lambda: everything(tmp_path, kind))


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    for kind, load in (("features", load_features), ("embeddings", load_embeddings)):
        path = write(tmp_path, kind)
        with h5py.File(path) as file:
            place = file[kind].id.get_offset() + file[kind].nbytes // 12 * 5
        data = bytearray(path.read_bytes())
        data[place] ^= 4
        path.write_bytes(data)
        with pytest.raises(DataError, match=rf"{path.name}: damaged: 'bird/é5' \(row 5\) differs .*; delete .* again"):
            load(tmp_path, "x")


def of_other_files(file: h5py.File, outside: Path) -> Iterator[Callable[[], object]]:
    """Ways to let ``features`` lie outside of the file."""
    layout = h5py.VirtualLayout((12, 2, 8), np.float32)
    layout[:] = h5py.VirtualSource(str(outside), "features", (12, 2, 8))
    yield lambda: file.create_virtual_dataset("features", layout)
    yield lambda: file.create_dataset("features", (12, 2, 8), np.float32, external=[(str(outside), 0, 768)])
    yield lambda: file.__setitem__("features", h5py.ExternalLink(str(outside), "/features"))
    yield lambda: file.__setitem__("features", h5py.SoftLink("/elsewhere"))


@pytest.mark.parametrize("way", range(4))
def test_nothing_outside_the_file_is_read(way: int, tmp_path: Path) -> None:
    outside = tmp_path / "outside.h5"
    with h5py.File(outside, "w") as file:
        file["features"] = VALUES
    path = feature_path(tmp_path, "x")
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["ids"], file["elsewhere"] = IDS, VALUES
        file.attrs.update(kind="a", source="t", sha256="0")
        list(of_other_files(file, outside))[way]()
    with pytest.raises(DataError, match=r"features-x\.h5: .*(other files|is a link)"):
        load_features(tmp_path, "x")


FLOAT8 = h5py.h5t.IEEE_F32LE.copy()
FLOAT8.set_fields(7, 3, 4, 0, 3)
FLOAT8.set_size(1)
LYING = {
    "rows that are not there": lambda f: f.create_dataset("features", (10**12, 2, 8), np.float32, chunks=(99, 2, 8)),
    "ids that are not there": lambda f: f.create_dataset("ids", (10**12,), "S8", chunks=(99,)),
    "texts that are not there": lambda f: f.create_dataset("ids", (10**9,), h5py.string_dtype(), chunks=(99,)),
    "compressed": lambda f: f.create_dataset("features", data=np.zeros((12, 2, 9999), np.float32), compression="gzip"),
    "compound": lambda f: f.__setitem__("features", np.zeros(12, dtype=[("a", "f4"), ("b", "i4")])),
    "references": lambda f: f.create_dataset("features", (12, 2, 8), h5py.ref_dtype),
    "of any length": lambda f: f.create_dataset("features", (12, 2, 8), h5py.vlen_dtype(np.float32)),
    "float8": lambda f: h5py.h5d.create(f.id, b"features", FLOAT8, h5py.h5s.create_simple((12, 2, 8))),
    "a long attribute": lambda f: f.attrs.__setitem__("kind", "x" * 4_000_000),
    "an array as attribute": lambda f: f.attrs.__setitem__("kind", np.arange(3)),
    "a group": lambda f: f.create_group("features"),
    "no views": lambda f: f.__setitem__("features", VALUES[:, 0]),
    "whole numbers": lambda f: f.__setitem__("features", VALUES.astype(int)),
    "not finite": lambda f: f.__setitem__("features", VALUES * np.inf),
    "other ids": lambda f: f.__setitem__("ids", IDS[1:]),
    "one long id": lambda f: f.__setitem__("ids", ["x" * 5_000_000, *IDS[1:]]),
    "not UTF-8": lambda f: f.__setitem__("ids", np.array([b"\xff"] * 12)),
}


@pytest.mark.parametrize("lie", LYING)
def test_what_is_no_plain_array_is_refused_at_once(lie: str, tmp_path: Path) -> None:
    path = feature_path(tmp_path, "x")
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file.attrs.update(kind="a", source="t", sha256="0")
        LYING[lie](file)
        if "ids" not in file:
            file["ids"] = IDS
        if "features" not in file:
            file["features"] = VALUES
    with pytest.raises(DataError, match=r"features-x\.h5: .*; delete it and run 'speech2img features' again"):
        load_features(tmp_path, "x")


def test_arrays_in_pieces_and_of_other_floats_are_read(tmp_path: Path) -> None:
    path = feature_path(tmp_path, "x")
    path.parent.mkdir()
    for content in ({"data": VALUES, "chunks": (5, 2, 3)}, {"data": VALUES.astype(">f8")}):
        with h5py.File(path, "w") as file:
            file["ids"] = IDS
            file.attrs.update(kind="a", source="t", sha256="0")
            file.create_dataset("features", **content)
        found = load_features(tmp_path, "x")
        assert found.features.dtype == np.float32 and found.width == 8
        np.testing.assert_array_equal(found.features, VALUES)
    found.demand_width(8, by="the encoder")
    with pytest.raises(DataError, match=r"features-x\.h5: its features have 8 numbers a picture, the encoder 16"):
        found.demand_width(16, by="the encoder")


def test_folders_pipes_and_holes_are_no_stores(tmp_path: Path) -> None:
    path = feature_path(tmp_path, "x")
    path.mkdir(parents=True)
    with pytest.raises(DataError, match=r"features-x\.h5"):
        load_features(tmp_path, "x")
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(DataError, match="not a regular file"):
        load_features(tmp_path, "x")
    path.unlink()
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match="sparse"):
        load_features(tmp_path, "x")


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "..", ".hidden", "", "x\0y", "a\\b"])
def test_a_name_is_no_path(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for load in (load_features, load_embeddings):
        with pytest.raises(ConfigError, match="no plain name"):
            load(tmp_path, name)
    for verb in (["features"], ["extract", "--features", "teacher"], ["extract", "--run", "r"]):
        assert main([*verb, "--root", str(tmp_path), f"--name={name}"]) == 2
        assert "--name: " in capsys.readouterr().err
    assert main(["extract", f"--features={name}", "--root", str(tmp_path)]) == 2
    assert not list(tmp_path.iterdir())


def test_only_releases_are_replaced_by_a_copy_of_the_teacher(tmp_path: Path) -> None:
    """A run that lies where the copy would go is another's."""
    tensors = {"a": torch.ones(2)}
    save_release(tmp_path / "new", tensors, {"kind": "x"}, "# new")
    save_release(tmp_path / "old", tensors, {"kind": "x"}, "# old")
    copy_release(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "CARD.md").read_text() == "# new"
    run = tmp_path / "derived" / "teacher-x"
    save_release(run / "export", tensors, {"kind": "x"}, "# run")
    with pytest.raises(ConfigError, match="teacher-x: holds other files"):
        copy_release(run / "export", run)
    copy_release(run / "export", run / "export")
    assert (run / "export" / "CARD.md").read_text() == "# run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["derived", "new", "old"]


def test_the_name_of_an_unfinished_folder_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unfinished"):
        embedding_folder(tmp_path, "x.building")


def foreign_files() -> dict[str, bytes]:
    """What somebody may keep under the name that we would write to."""
    own = io.BytesIO()
    with h5py.File(own, "w") as file:
        file["features"] = np.arange(8.0)
    return {"text": b"my thesis", "another program's HDF5": own.getvalue()}


@pytest.mark.parametrize("place", ["features-x.h5", "embeddings/x/embeddings.h5", "mels-li2020.h5", "images-8.h5"])
@pytest.mark.parametrize("what", foreign_files())
def test_stores_of_other_programs_are_not_replaced(place: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "derived" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(foreign_files()[what])
    link = path.with_name("link.h5")
    link.symlink_to(path)
    for found in (path, link):
        with pytest.raises(DataError, match=f"{found.name}: is there already, and no store of this package; move it"):
            demand_own_store(found, names=("features", "ids"))
    assert path.read_bytes() == foreign_files()[what]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_store_of_ours_may_be_replaced(kind: str, tmp_path: Path, unseal: Callable[[Path], None]) -> None:
    path = write(tmp_path, kind)
    whole = path.read_bytes()
    unseal(path)
    names = (kind, "ids", "sha256")
    for data in (whole, whole[:-20], whole[: len(whole) // 2], b"\0" * 100 + whole[100:], b"", path.read_bytes()):
        path.write_bytes(data)
        demand_own_store(path, names=names)


def test_embeddings_replace_only_embeddings_of_ours(tmp_path: Path) -> None:
    folder = embedding_folder(tmp_path, "x")
    spoken = [np.ones((2, 4), np.float32), np.zeros((2, 4), np.float32)]
    for save in (
        lambda: save_s2igan_embeddings(folder / "speech_embeddings_train.pickle", spoken),
        lambda: save_li2020_embeddings(folder / "train", np.array(spoken), np.ones((2, 2), np.int64), switch="x"),
        lambda: save_release(folder / "encoder", {}, {"kind": "embeddings-only"}, ""),
    ):
        save()
        demand_embeddings_or_nothing(folder, ["train"])
    (folder / "notes.txt").write_text("mine")
    demand_embeddings_or_nothing(folder, ["train"])
    for name in (
        "speech_embeddings_train.pickle",
        "train/audio_features_x.pickle",
        "train/audio_features_lens_x.pickle",
    ):
        ours = (folder / name).read_bytes()
        for protocol in range(6):  # what the published programs write
            (folder / name).write_bytes(pickle.dumps(spoken, protocol=protocol))
            with pytest.raises(DataError, match=rf"{name}: is there already, and no file of this package; move it"):
                demand_embeddings_or_nothing(folder, ["train"])
        (folder / name).write_bytes(ours)
    (folder / "encoder" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="encoder: holds other files"):
        demand_embeddings_or_nothing(folder, ["train"])


def test_extract_and_features_say_so_before_they_work(
    painted: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = painted.build(tmp_path / "corpus")
    ours = embedding_folder(root, "x") / "embeddings.h5"
    ours.parent.mkdir(parents=True)
    pickled = root / "train" / "image_features_x.pickle"
    for path in (ours, pickled):
        path.write_bytes(b"my own")
    before = sorted(root.rglob("*"))
    assert main(["extract", "--features", "teacher", "--root", str(root), "--name", "x"]) == 1
    assert f"{ours}: is there already, and no store of this package" in capsys.readouterr().err
    with pytest.raises(DataError, match="image_features_x.pickle: is there already, and no file of this package"):
        build_teacher_features(root, root / "teacher", name="x", device="cpu", workers=1, progress=False)
    assert sorted(root.rglob("*")) == before
    assert ours.read_bytes() == pickled.read_bytes() == b"my own"


@pytest.mark.parametrize("words", [["extract", "--run"], ["features", "--teacher"], ["evaluate", "--generated"]])
def test_a_link_that_leads_to_itself_is_one_line(
    words: list[str], painted: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = painted.build(tmp_path / "corpus")
    (tmp_path / "loop").symlink_to("loop")
    assert main([*words, str(tmp_path / "loop"), "--root", str(root)]) in (1, 2)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("speech2img: "), said
