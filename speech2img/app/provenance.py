"""Where a picture comes from, inside its PNG: model, weights, seed, recording, and two lines that make it again."""

import hashlib
import io
import platform
import shlex
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

SOFTWARE = "speech2img"
_RECORDED = ("seed", "number", "num_images", "steps", "guidance", "model", "weights_sha256")
_VERSIONS = ("speech2img", "torch", "numpy", "soxr", "pillow")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What made the pictures of one recording."""

    model: str
    """As it was given to ``serve``."""
    weights_sha256: str
    seed: int
    num_images: int
    recording: str
    """Name of the recording's file beside the pictures."""
    recording_sha256: str
    steps: int | None = None
    """None: as released."""
    guidance: float | None = None
    """None: as released."""
    text: str | None = None
    """What was typed, where it was."""
    voice: str | None = None
    """Engine and voice that spoke it, with speed and pitch."""
    versions: str = ""
    """Of what computed it."""

    def python_line(self, number: int = 0) -> str:
        """A line of Python that makes the picture of this number again."""
        drawn = "".join(f", {name}={value!r}" for name, value in self._drawn().items())
        several = f", num_images={self.num_images}" if self.num_images > 1 else ""
        which = f"[{number}]" if self.num_images > 1 else ""
        load = f"import speech2img; speech2img.load({self.model!r}{drawn})"
        return f'{load}({self.recording!r}, seed={self.seed}{several}){which}.save("picture.png")'

    def shell_line(self) -> str:
        """A line of shell that makes all pictures of the recording again."""
        drawn = "".join(f" --{name} {value}" for name, value in self._drawn().items())
        several = f" --num-images {self.num_images}" if self.num_images > 1 else ""
        model, recording = shlex.quote(self.model), shlex.quote(self.recording)
        return f"speech2img generate --model {model} {recording} --seed {self.seed}{several}{drawn} --out pictures"

    def facts(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {**asdict(self), "python": self.python_line(), "shell": self.shell_line()}

    def _drawn(self) -> dict[str, int | float]:
        drawn = {"steps": self.steps, "guidance": self.guidance}
        return {name: value for name, value in drawn.items() if value is not None}


def png_bytes(image: np.ndarray, provenance: Provenance, number: int) -> bytes:
    """A picture (S, S, 3) uint8 as PNG, with its origin as text inside.

    Parameters
    ----------
    image : np.ndarray [shape=(S, S, 3), uint8]
        The picture.
    provenance : Provenance
        Where it comes from.
    number : int >= 0
        Which of the recording's pictures it is.
    """
    information = PngInfo()
    information.add_text("Software", SOFTWARE)  # first: `generate` may write over what begins so
    values = {**asdict(provenance), "number": number}
    for name in (*_RECORDED, "recording_sha256", "text", "voice", "versions"):
        if values[name] is not None:
            information.add_text(f"speech2img:{name}", str(values[name]))
    information.add_text("speech2img:python", provenance.python_line(number))
    information.add_text("speech2img:shell", provenance.shell_line())
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", pnginfo=information)
    return buffer.getvalue()


def read_provenance(png: bytes) -> dict[str, str]:
    """What `png_bytes` wrote into a picture, by its names; empty for pictures of other programs."""
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        texts = getattr(image, "text", {})
    return {
        name.removeprefix("speech2img:"): str(text) for name, text in texts.items() if name.startswith("speech2img:")
    }


def sha256(data: bytes) -> str:
    """Digest of a recording's file."""
    return hashlib.sha256(data).hexdigest()


def versions() -> str:
    """Versions of what computes a picture, in one line."""
    named = [f"Python {platform.python_version()}"]
    for name in _VERSIONS:
        try:
            named.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(named)
