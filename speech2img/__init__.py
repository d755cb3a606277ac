"""speech2img: a spoken description straight into an image, with no text in between."""

import importlib.util
import sys
from os import PathLike
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from speech2img.pipeline import SpeechToImage

__version__ = "0.1.0"
__all__ = ["SpeechToImage", "__version__", "load"]


def _refuse(missing: str) -> NoReturn:
    """End the command in one line, or an import in an error, where the system lacks what every part needs."""
    message = (
        f"speech2img: runs on Linux (macOS: untested); Windows is not supported, WSL is ({missing} is missing here)"
    )
    name = (sys.argv or [""])[0]
    if name == "-m" or name.removesuffix(".exe").endswith("speech2img"):
        sys.exit(message)
    raise ImportError(message)


for _module in ("fcntl", "resource"):
    if importlib.util.find_spec(_module) is None:
        _refuse(_module)


def load(
    name_or_path: str | PathLike[str],
    *,
    generator: str | PathLike[str] | None = None,
    steps: int | None = None,
    device: str = "auto",
    trim: bool = True,
) -> "SpeechToImage":
    """Load a speech-to-image model: shipped weights by name, or a run or release folder.

    Parameters
    ----------
    name_or_path : str or path
        Name of shipped weights (``"hear-anyone"``, ``"songbirds"``), a run folder, or a release folder.
    generator : str or path, optional
        A second release whose generator is used.
    steps : int, optional
        Of weights that draw in steps (``"songbirds"``): fewer are quicker, more are finer; by default as released.
    device : str
        ``"auto"`` (CUDA where there is one, else CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
    trim : bool
        Leave out silence before and after the speech, and say so.

    Returns
    -------
    SpeechToImage
        Call it with a recording: ``image = pipe("bird.wav", seed=0)``.

    Raises
    ------
    speech2img.errors.CheckpointError
        If nothing of that name is there, or the weights are damaged.

    See Also
    --------
    speech2img.pipeline.SpeechToImage
    """
    from speech2img.pipeline import SpeechToImage

    return SpeechToImage.load(name_or_path, generator=generator, steps=steps, device=device, trim=trim)


def __getattr__(name: str) -> Any:
    if name == "SpeechToImage":
        from speech2img.pipeline import SpeechToImage

        return SpeechToImage
    raise AttributeError(f"module 'speech2img' has no attribute '{name}'")
