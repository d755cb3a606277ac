"""The corpus folder in CUB's own layout: claiming a folder for a corpus, and the files beside its pictures."""

import os
from collections.abc import Mapping
from pathlib import Path

from speech2img.corpora.records.claims import refuse_other_corpus
from speech2img.corpora.records.manifest import MANIFEST_NAME, Item, Manifest
from speech2img.corpora.records.splits import AUDIO, IMAGES, class_number, write_split_files
from speech2img.errors import ConfigError
from speech2img.storage.atomic import disk_errors, temp_name, write_json, write_text
from speech2img.storage.reading import read_json

RECIPE_NAME = "corpus.json"


def claim_folder(root: Path, recipe: Mapping[str, object]) -> None:
    """Say in a folder which corpus it holds, or check that it is the same one.

    Parameters
    ----------
    root : Path
        The corpus folder; made if it is not there.
    recipe : Mapping[str, object]
        ``corpus`` and everything that decides the corpus's content (plain JSON).

    Raises
    ------
    ConfigError
        If the folder holds another corpus, the same one made with other settings, or files that are not ours.
    DataError
        If it cannot be made.
    """
    refuse_other_corpus(root, str(recipe["corpus"]))
    path = root / RECIPE_NAME
    fix = "give another --root, or the settings this folder was made with"
    if path.is_file():
        claimed = read_json(path)
        if claimed != dict(recipe):
            raise ConfigError.about(root, f"holds {_describe(claimed)}, asked for was {_describe(recipe)}", fix)
        return
    if (root / MANIFEST_NAME).exists() or (root / IMAGES).parent.exists():
        raise ConfigError.about(root, f"holds a corpus that is not {_describe(recipe)}", "give another --root")
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    write_json(path, dict(recipe))


def _describe(recipe: object) -> str:
    if not isinstance(recipe, Mapping):
        return "an unknown corpus"
    settings = ", ".join(f"{key} {value}" for key, value in recipe.items() if key != "corpus")
    return f"{recipe.get('corpus', 'an unknown corpus')} ({settings})"


def image_path(item_id: str) -> str:
    """Path of a picture relative to the corpus folder."""
    return f"{IMAGES}/{item_id}.jpg"


def audio_path(voice_folder: str, item_id: str, index: int) -> str:
    """Path of a recording relative to the corpus folder."""
    return f"{AUDIO}/{voice_folder}/{item_id}_{index}.wav"


def write_layout(manifest: Manifest) -> None:
    """Write everything of CUB's layout but the pictures: index files, captions as text, split files, then the manifest.

    Parameters
    ----------
    manifest : Manifest
        The corpus; its manifest is written last, so a folder with a manifest is complete.
    """
    # The files of CUB-200-2011.
    root = manifest.root / "CUB_200_2011"
    items = manifest.items
    classes = sorted({(class_number(item), item.class_name) for item in items})
    numbered = list(enumerate(items, start=1))
    _write_lines(root / "images.txt", [f"{n} {item.id}.jpg" for n, item in numbered])
    _write_lines(root / "image_class_labels.txt", [f"{n} {class_number(item)}" for n, item in numbered])
    _write_lines(root / "classes.txt", [f"{number} {name}" for number, name in classes])
    boxes = [f"{n} {' '.join(f'{value:.1f}' for value in item.box)}" for n, item in numbered if item.box is not None]
    _write_lines(root / "bounding_boxes.txt", boxes)
    # Captions and split files, then the manifest: it is there only when all else is.
    for item in items:
        _write_captions(manifest.root, item)
    write_split_files(manifest)
    os.sync()
    manifest.save()


def _write_captions(root: Path, item: Item) -> None:
    path = root / "text" / f"{item.id}.txt"
    text = "".join(f"{caption.text}\n" for caption in item.captions)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_quickly(path, text.encode())


def write_quickly(path: Path, data: bytes) -> None:
    """Write one of many files: whole or absent if the process dies, but without waiting for the disk.

    A file lost to a power cut is noticed by ``is_whole_jpeg`` and made again; ``write_layout`` waits for the disk once,
    before it writes the manifest. (Waiting for each of 13,600 files takes minutes.)

    Raises
    ------
    DiskFullError, DataError
        As ``storage.atomic.atomic_path``.
    """
    temp = temp_name(path)
    with disk_errors(path, len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temp.write_bytes(data)
            os.replace(temp, path)
        finally:
            temp.unlink(missing_ok=True)


def is_whole_jpeg(path: Path) -> bool:
    """Whether a file begins and ends as a JPEG picture does."""
    try:
        with path.open("rb") as file:
            begin = file.read(2)
            file.seek(-2, os.SEEK_END)
            return begin == b"\xff\xd8" and file.read(2) == b"\xff\xd9"
    except OSError:
        return False


def _write_lines(path: Path, lines: list[str]) -> None:
    write_text(path, "".join(f"{line}\n" for line in lines))
