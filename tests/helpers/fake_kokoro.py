"""What stands for Kokoro: packages ``kokoro_onnx`` and ``onnxruntime`` of a few lines, and a model folder for them.

The stand-in hums a note a voice, longer the slower; it fails on texts with "unspeakable" and hums nothing at "mute".
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

RUNTIME = """\
class SessionOptions:
    intra_op_num_threads = inter_op_num_threads = log_severity_level = 0
class Entry:
    def __init__(self, name, type): self.name, self.type = name, type
class InvalidProtobuf(Exception): pass
class InferenceSession:
    def __init__(self, path, options, providers):
        assert options.intra_op_num_threads == 1 and providers == ["CPUExecutionProvider"]
        words = open(path).read().split()
        if words[:1] != ["onnx"]:
            raise InvalidProtobuf("Protobuf parsing failed.")
        self.inputs = [Entry(*word.split(":")) for word in words[1:]]
    def get_inputs(self): return self.inputs
"""
KOKORO = """\
import numpy as np
class Kokoro:
    calls = []
    @classmethod
    def from_session(cls, session, voices_path):
        with np.load(voices_path) as arrays:
            assert arrays.files
        return cls()
    def create(self, text, voice, speed=1.0, lang="en-us"):
        assert 0.5 <= speed <= 2.0 and voice.shape == (510, 1, 256)
        self.calls.append((text, float(voice[0, 0, 0]), round(speed, 3), lang))
        if "unspeakable" in text:
            raise ValueError("Nothing to synthesize")
        t = np.arange(int(24000 * 0.07 * len(text) / speed)) / 24000
        return (0.0 if "mute" in text else 0.5) * np.sin(2 * np.pi * (200 + 9 * voice[0, 0, 0]) * t), 24000
"""
INPUTS = "onnx tokens:tensor(int64) style:tensor(float) speed:tensor(float)"


def make_packages(site: Path) -> Path:
    """Write both packages, to be put on the path."""
    site.mkdir()
    (site / "onnxruntime.py").write_text(RUNTIME)
    (site / "kokoro_onnx.py").write_text(KOKORO)
    facts = site / "kokoro_onnx-0.6.9.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: kokoro-onnx\nVersion: 0.6.9\n")
    return site


def styles(number: float) -> np.ndarray:
    """A voice, (510, 1, 256) float32."""
    return np.full((510, 1, 256), number, np.float32)


def make_model(folder: Path, names: Iterable[str], *, archive: bool = True, inputs: str = INPUTS) -> Path:
    """A model folder with voices whose hum tells their place in `names`, in either of the published forms."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kokoro-v1.0.onnx").write_text(inputs)
    voices = {name: styles(number) for number, name in enumerate(names)}
    if archive:
        with (folder / "voices-v1.0.bin").open("wb") as file:
            np.savez(file, **voices)  # type: ignore[arg-type]
        return folder
    (folder / "voices").mkdir(exist_ok=True)
    for name, voice in voices.items():
        voice.tofile(folder / "voices" / f"{name}.bin")
    return folder
