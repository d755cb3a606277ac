"""Split files in the layouts of the published code, written from the manifest.

``<split>/filenames.pickle`` and ``class_info.pickle`` as StackGAN-v2 and AttnGAN read them (class numbers from 1, as in
CUB), and ``<split>.json`` as Li et al. 2020 read it. ``val`` and ``test_seen`` get folders of their own, so the
published code can be pointed at any part; its ``train`` never contains a validation picture.
"""

from collections.abc import Sequence
from pathlib import Path

from speech2img.corpora.manifest import Item, Manifest
from speech2img.errors import DataError
from speech2img.storage.atomic import write_json
from speech2img.storage.pickles import load_pickle, save_pickle

IMAGES = "CUB_200_2011/images"
AUDIO = "CUB_200_2011_audio/audio"


def write_split_files(manifest: Manifest) -> None:
    """Write the pickles and the JSON file of every split of a manifest into its folder.

    Parameters
    ----------
    manifest : Manifest
        A corpus in CUB's folder layout.
    """
    for split in manifest.splits:
        items = manifest.split(split)
        _write_pickles(manifest.root / split, items)
        write_json(manifest.root / f"{split}.json", li2020_split(items, split))


def write_zero_shot_pickles(manifest: Manifest) -> None:
    """Write the pickles of the published two-part split (``train`` with validation pictures, ``test``) where absent."""
    for name in ("train", "test"):
        folder = manifest.root / name
        items = [item for item in manifest.items if (item.split == "test") == (name == "test")]
        if not (folder / "filenames.pickle").is_file():
            _write_pickles(folder, items)


def _write_pickles(folder: Path, items: Sequence[Item]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_pickle(folder / "class_info.pickle", [class_number(item) for item in items])
    save_pickle(folder / "filenames.pickle", [item.id for item in items])


def class_number(item: Item) -> int:
    """CUB's number of an item's class, from 1: the number before the dot of its folder, else ``class_id + 1``."""
    number = item.class_name.partition(".")[0]
    return int(number) if number.isdecimal() else item.class_id + 1


def li2020_split(items: Sequence[Item], split: str) -> dict[str, object]:
    """One split in the JSON layout of Li et al. 2020 (birds).

    Parameters
    ----------
    items : sequence of Item
        The pictures.
    split : str
        Name of the split: the folder where the features of its pictures lie.

    Returns
    -------
    dict
        ``image_base_path``, ``audio_base_path``, ``image_feature_path`` (relative to the corpus folder) and ``data``:
        one object a picture with ``image``, ``class``, and the lists ``audio`` and ``text``.
    """
    data = [
        {
            "image": item.image.removeprefix(f"{IMAGES}/"),
            "class": item.class_name,
            "text": [caption.text for caption in item.captions],
            "audio": [caption.audio.removeprefix(f"{AUDIO}/") for caption in item.captions if caption.audio],
        }
        for item in items
    ]
    return {
        "image_base_path": IMAGES,
        "audio_base_path": AUDIO,
        "image_feature_path": f"{split}/image_features_googlenet.pickle",
        "data": data,
    }


def read_split_pickles(folder: str | Path) -> list[tuple[str, int]]:
    """Read ``filenames.pickle`` and ``class_info.pickle`` of one split.

    Parameters
    ----------
    folder : str or Path
        Folder that holds both.

    Returns
    -------
    list of (str, int)
        Image id (``class folder/name``) and class number from 1.

    Raises
    ------
    DataError
        If the two do not belong together or hold something else.
    """
    folder = Path(folder)
    names = load_pickle(folder / "filenames.pickle")
    classes = load_pickle(folder / "class_info.pickle")
    fix = "take both files from the same download of the zero-shot split"
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise DataError.about(folder / "filenames.pickle", "not a list of image names", fix)
    if not isinstance(classes, (list, tuple)) or not all(isinstance(number, int) for number in classes):
        raise DataError.about(folder / "class_info.pickle", "not a list of class numbers", fix)
    if len(names) != len(classes):
        raise DataError.about(folder, f"{len(names)} file names but {len(classes)} class numbers", fix)
    return list(zip(names, classes, strict=True))
