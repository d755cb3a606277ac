"""Every reader of files that come from elsewhere or lie around for long, with a small real file for each."""

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import torch
from more_readers import MORE_READERS
from mutants import Reader
from PIL import Image

from speech2img.audio.io import read_audio
from speech2img.audio.mel import mel_preset
from speech2img.audio.store import MelStore, build_mel_store
from speech2img.audio.wav import write_wav
from speech2img.config import dump_toml, load_settings
from speech2img.corpora.folder.table import read_table
from speech2img.corpora.records.items import Item, recorded_caption
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import read_names, read_numbers
from speech2img.images.io import read_image
from speech2img.images.store import ImageStore, build_image_store
from speech2img.metrics.images.statistics_files import load_statistics
from speech2img.metrics.report.charts import read_curves
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.foreign.archives import extract_archive
from speech2img.storage.foreign.peer_embeddings import load_s2igan_embeddings, save_s2igan_embeddings
from speech2img.storage.foreign.pickles import load_pickle, save_pickle
from speech2img.storage.foreign.torch_files import load_torch_file
from speech2img.storage.journal import Journal
from speech2img.storage.reading import read_json
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release
from speech2img.training.run import LoopSettings


def _sound(kind: str) -> Callable[[Path], object]:
    y = 0.4 * np.sin(np.arange(8000) / 9).astype(np.float32)
    return lambda path: soundfile.write(path, y, 16_000, format=kind)


def _read_sound(path: Path) -> object:
    y = read_audio(path, sample_rate=16_000)
    assert y.ndim == 1 and y.size and np.isfinite(y).all()
    return y.sum()


def _picture(kind: str) -> Callable[[Path], object]:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return lambda path: Image.fromarray(pixels).save(path, kind)


def _read_picture(path: Path) -> object:
    image = read_image(path)
    assert image.mode == "RGB" and image.width * image.height <= 25_000_000
    return image.size


def _items() -> list[Item]:
    captions = tuple(
        recorded_caption(k, f"wav/{k}.wav", text="a red bird", speaker=None, language="en") for k in range(3)
    )
    return [
        Item(f"bird{n}", f"{n}.png", n, f"{n}.class", "train", (1.0, 2.0, 8.0, 9.0), None, captions) for n in range(4)
    ]


def _manifest(path: Path) -> None:
    path.mkdir()
    Manifest(path, "folder", _items(), meta={"notes": ["one"], "seed": 3}).save()


def _table(path: Path) -> None:
    path.write_text("image,audio,class,split\n" + "".join(f"x/{k}.jpg,s/{k}.wav,robin,train\n" for k in range(6)))


def _journal(path: Path) -> None:
    journal = Journal(path)
    for number in range(5):
        journal.add(f"item {number}", seconds=1.5, sha256="0" * 64)


def _checkpoint(path: Path) -> None:
    store = CheckpointStore(path)
    for step in (1, 2):
        store.save(step, {"model": {"weight": torch.arange(6.0)}, "step": step}, {"task": "toy", "rate": 0.1})


def _newest(path: Path) -> object:
    """The newest sound checkpoint: damage may cost the newest, never change one."""
    store = CheckpointStore(path)
    newest = store.latest()
    if newest is None:
        return None
    state, settings = store.load(newest)
    return {2: "sound", 1: "sound"}[state["step"]], state["model"]["weight"].tolist(), settings


def _release(path: Path) -> None:
    save_release(path, {"a.weight": torch.arange(12.0).reshape(3, 4)}, {"kind": "toy", "width": 3}, "# card")


def _load_release(path: Path) -> object:
    tensors, config = load_release(path)
    return {name: tensor.tolist() for name, tensor in tensors.items()}, config


def _statistics(path: Path) -> None:
    np.savez(path, mu=np.zeros(8), sigma=np.eye(8))


def _torch_file(path: Path) -> None:
    torch.save({"model": {"weight": torch.arange(8.0), "step": 3}, "names": ["a", "b"]}, path)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/one.txt", "one " * 50)
        archive.writestr("two.txt", "two")


def _tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in ("a/one.txt", "two.txt"):
            info = tarfile.TarInfo(name)
            info.size = 100
            archive.addfile(info, io.BytesIO(bytes(100)))


def _unpack(path: Path) -> object:
    out = path.with_name("unpacked")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    return len(extract_archive(path, out))


def _mels(path: Path) -> None:
    folder = path.with_name("recordings")
    folder.mkdir(exist_ok=True)
    for number in range(3):
        y = 0.1 * np.random.default_rng(number).standard_normal(3000).astype(np.float32)
        write_wav(folder / f"{number}.wav", y, sample_rate=16_000)
    entries = [(f"{number}", folder / f"{number}.wav") for number in range(3)]
    build_mel_store(path, entries, preset=mel_preset("li2020"), progress=False)


def _read_mels(path: Path) -> object:
    store = MelStore(path)
    return [(name, store.read(store.index(name)).tobytes()) for name in store.ids]


def _images(path: Path) -> None:
    folder = path.with_name("pictures")
    folder.mkdir(exist_ok=True)
    for number in range(3):
        _picture("PNG")(folder / f"{number}.png")
    build_image_store(path, [(f"{n}", folder / f"{n}.png", None) for n in range(3)], size=8, progress=False)


def _read_images(path: Path) -> object:
    store = ImageStore(path)
    return store.ids, store.read(range(len(store))).tobytes()


@dataclass(frozen=True)
class _Settings:
    """Settings as a user writes them."""

    width: int = 8
    """Hidden units."""
    rates: tuple[float, ...] = (0.1, 0.01)
    """Learning rates."""
    name: str = "toy"
    """What it is called."""
    loop: LoopSettings = field(default_factory=LoopSettings)
    """How long."""


def _npz_pickle(path: Path) -> None:
    save_s2igan_embeddings(path, [np.ones((2, 4), np.float32), np.zeros((1, 4), np.float32)])


READERS: tuple[Reader, ...] = (
    *(
        Reader(kind.lower(), _sound(kind), _read_sound, f".{kind.lower()}")
        for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF")
    ),
    *(
        Reader(kind.lower(), _picture(kind), _read_picture, f".{kind.lower()}")
        for kind in ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF")
    ),
    Reader("manifest", _manifest, lambda path: len(Manifest.load(path).items)),
    Reader("table", _table, lambda path: len(read_table(path)[0]), ".csv"),
    Reader("list of names", lambda path: save_pickle(path, ["1.a/x", "1.a/y"]), read_names, ".pickle"),
    Reader("list of numbers", lambda path: save_pickle(path, [1, 2, 3]), read_numbers, ".pickle"),
    Reader("json", lambda path: path.write_text('{"a": [1, 2.5, {"b": null}], "c": "text"}'), read_json, ".json"),
    Reader(
        "settings",
        lambda path: path.write_text(dump_toml(_Settings())),
        lambda path: load_settings(_Settings, file=path),
        ".toml",
    ),
    Reader(
        "curves", lambda path: path.write_text('{"step": 1, "kind": "train", "loss": 0.5}\n' * 4), read_curves, ".jsonl"
    ),
    Reader("journal", _journal, lambda path: len(Journal(path).done), ".jsonl"),
    Reader("checkpoint", _checkpoint, _newest, sealed=True),
    Reader("release", _release, _load_release, sealed=True),
    Reader("mel store", _mels, _read_mels, ".h5", sealed=True),
    Reader("image store", _images, _read_images, ".h5", sealed=True),
    Reader("pickle", lambda path: save_pickle(path, {"a": [1, 2.0, "x"], "b": np.arange(6)}), load_pickle, ".pickle"),
    Reader("embedding pickle", _npz_pickle, lambda path: len(load_s2igan_embeddings(path)), ".pickle"),
    Reader("torch file", _torch_file, load_torch_file, ".pth"),
    Reader("statistics", _statistics, load_statistics, ".npz"),
    *MORE_READERS,
    Reader("zip", _zip, _unpack, ".zip"),
    Reader("tar", _tar, _unpack, ".tar.gz"),
)
