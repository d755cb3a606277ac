"""Small CUB and Oxford-102 folders as their authors pack them, with captions of Reed et al.'s layout."""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

CUB_CLASSES = {1: "001.Black_footed_Albatross", 2: "002.Laysan_Albatross", 5: "005.Crested_Auklet"}
CUB_PER_CLASS = 25
CUB_COUNTS = {"train": (2 * CUB_PER_CLASS, 2), "test": (CUB_PER_CLASS, 1)}
FLOWER_LABELS = [21] * 20 + [3] * 5 + [22] * 10 + [1] * 5
FLOWER_COUNTS = {"train": (30, 2), "test": (10, 2)}


def jpeg(width: int, height: int, color: tuple[int, int, int]) -> bytes:
    """A JPEG picture of one colour."""
    content = io.BytesIO()
    Image.new("RGB", (width, height), color).save(content, "JPEG")
    return content.getvalue()


def write_pictures(folder: Path, names: Sequence[str], picture: bytes) -> None:
    """Write pictures that look alike but have other bytes each (behind the end of the JPEG data)."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture + b"%d" % number)


def caption_lines(number: int) -> str:
    """Twelve captions of one picture, a blank line between them."""
    return "".join(f"a  bird with {k} feathers and {number} eyes \ufffd\n\n" for k in range(12))


@pytest.fixture(scope="session")
def make_cub() -> Callable[..., Path]:
    """Make a CUB folder: ``make_cub(root, texts="text")``."""

    def make(root: Path, *, texts: str = "text") -> Path:
        folder = root / "CUB_200_2011"
        each = range(CUB_PER_CLASS)
        names = [(number, f"{name}/{name[4:]}_{k:04d}_{k}") for number, name in CUB_CLASSES.items() for k in each]
        write_pictures(folder / "images", [f"{name}.jpg" for _, name in names], jpeg(40, 30, (9, 0, 0)))
        for number, (_, name) in enumerate(names):
            text = root / texts / f"{name}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(caption_lines(number), encoding="utf-8")
        lines = {
            "images.txt": [f"{k} {name}.jpg" for k, (_, name) in enumerate(names, start=1)],
            "image_class_labels.txt": [f"{k} {number}" for k, (number, _) in enumerate(names, start=1)],
            "bounding_boxes.txt": [f"{k} 2.0 3.0 38.0 20.0" for k in range(1, len(names) + 1)],
            "classes.txt": [f"{number} {name}" for number, name in CUB_CLASSES.items()],
        }
        for name, content in lines.items():
            (folder / name).write_text("\n".join(content) + "\n")
        return root

    return make


@pytest.fixture(scope="session")
def make_oxford() -> Callable[..., Path]:
    """Make an Oxford-102 folder: ``make_oxford(root, labels)``; captions lie in ``text_c10.zip`` if ``zipped``."""

    def make(root: Path, labels: Sequence[int] = FLOWER_LABELS, *, zipped: bool = False) -> Path:
        numbers = range(1, len(labels) + 1)
        write_pictures(root / "jpg", [f"image_{number:05d}.jpg" for number in numbers], jpeg(8, 8, (9, 0, 90)))
        savemat(root / "imagelabels.mat", {"labels": np.array([labels], np.uint8)}, do_compression=True)
        order = np.random.default_rng(0).permutation(len(labels)) + 1
        parts = {"trnid": order[:1020], "valid": order[1020:2040], "tstid": order[2040:]}
        savemat(root / "setid.mat", {name: ids[None].astype(np.uint16) for name, ids in parts.items()})
        texts = {
            f"text_c10/class_{label:05d}/image_{number:05d}.txt": caption_lines(number)
            for number, label in zip(numbers, labels, strict=True)
        }
        if zipped:
            with zipfile.ZipFile(root / "text_c10.zip", "w") as archive:
                for name, text in texts.items():
                    archive.writestr(name, text)
        else:
            for name, text in texts.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
        return root

    return make


@pytest.fixture
def cub(make_cub, tmp_path) -> Path:
    """A small CUB folder."""
    return make_cub(tmp_path / "cub")


@pytest.fixture
def oxford(make_oxford, tmp_path) -> Path:
    """A small Oxford-102 folder."""
    return make_oxford(tmp_path / "oxford")


@pytest.fixture(scope="session")
def cub_counts() -> dict[str, tuple[int, int]]:
    """Pictures and classes on both sides of the small CUB folder."""
    return dict(CUB_COUNTS)


@pytest.fixture(scope="session")
def flower_counts() -> dict[str, tuple[int, int]]:
    """Pictures and classes on both sides of the small Oxford-102 folder."""
    return dict(FLOWER_COUNTS)
