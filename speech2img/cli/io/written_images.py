"""Generated pictures as files: each says that it was made here, and none replaces a file that was not."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from speech2img.encoded_speech import TRANSCRIPT
from speech2img.errors import ConfigError
from speech2img.storage.atomic import atomic_path, disk_errors
from speech2img.storage.reading import open_regular

SOFTWARE = "speech2img"
_MARK = b"tEXtSoftware\0" + SOFTWARE.encode()
_HEAD_BYTES = 512


def require_own(paths: Iterable[Path]) -> None:
    """Check that nothing would be lost under some names: what is there was made by `write_image`.

    Parameters
    ----------
    paths : iterable of Path
        Where pictures are to be written.

    Raises
    ------
    ConfigError
        If one of them is a link, a folder, or a file without the mark of this package.
    """
    for path in paths:
        if not (path.exists() or path.is_symlink()):
            continue
        own = False
        if path.is_file() and not path.is_symlink():
            with disk_errors(path), open_regular(path) as file:
                own = _MARK in file.read(_HEAD_BYTES)
        if not own:
            fix = "choose another --out, or move that file away"
            raise ConfigError.about(path, "is there already and was not made by speech2img", fix)


def write_image(path: Path, image: np.ndarray, *, transcript: str | None = None) -> None:
    """Write a picture (S, S, 3) uint8 as PNG, whole or not at all; with the text that a cascade read, if it did."""
    information = PngInfo()
    information.add_text("Software", SOFTWARE)
    if transcript is not None:
        information.add_itxt(TRANSCRIPT, transcript)
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG", pnginfo=information)
