"""Whose folder it is: which corpus a folder holds, before anything is written into it."""

from pathlib import Path

from speech2img.corpora.records.manifest import FORMAT, MANIFEST_NAME, MAX_LINE
from speech2img.errors import ConfigError, DataError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.reading import open_regular, parse_json


def corpus_in(root: Path) -> str | None:
    """Name of the corpus whose manifest lies in a folder, damaged or not; None if there is none.

    Raises
    ------
    ConfigError
        If the file of that name was not made by this library: it is not to be replaced.
    DataError
        If it cannot be read.
    """
    path = root / MANIFEST_NAME
    with disk_errors(path):
        if not path.exists() and not path.is_symlink():
            return None
        with open_regular(path) as file:
            line = file.read(MAX_LINE).partition(b"\n")[0]
    try:
        header = parse_json(line, allow_nan=True)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT or not isinstance(header.get("corpus"), str):
        raise ConfigError.about(path, "was not made by this library", "move it away, or give another --root")
    return str(header["corpus"])


def refuse_other_corpus(root: Path, name: str) -> None:
    """ConfigError if a folder holds another corpus, or a manifest that is not ours; DataError if it is no folder."""
    if root.exists() and not root.is_dir():
        raise DataError.about(root, "is a file", "give a folder as --root")
    owner = corpus_in(root)
    if owner not in (None, name):
        raise ConfigError.about(root, f"holds the corpus {owner}, not {name}", "give another --root")
