"""Recognisers by what they are given as: a run or release of ours, a folder of Whisper, or a command."""

from collections.abc import Callable, Mapping
from pathlib import Path

from speech2img.errors import ConfigError
from speech2img.recognition.base import Recogniser


def _transformer(given: str, device: str, beams: int) -> Recogniser:
    from speech2img.recognition.transformer import TransformerRecogniser

    return TransformerRecogniser.load(given, device=device, beams=beams)


def _faster_whisper(given: str, device: str, beams: int) -> Recogniser:
    from speech2img.recognition.faster_whisper import FasterWhisperRecogniser

    return FasterWhisperRecogniser(given, device=device, beams=beams)


def _command(given: str, device: str, beams: int) -> Recogniser:
    from speech2img.recognition.command import CommandRecogniser

    return CommandRecogniser(given)


RECOGNISERS: Mapping[str, Callable[[str, str, int], Recogniser]] = {
    "transformer": _transformer,  # a run of `train recogniser`, or an imported one
    "faster-whisper": _faster_whisper,  # a model folder of Whisper in CTranslate2's form
    "command": _command,  # any program
}
"""Kind -> how it is opened, from what is given, the device and the number of beams."""


def open_recogniser(given: str, *, kind: str | None = None, device: str = "auto", beams: int = 5) -> Recogniser:
    """Open a recogniser.

    Parameters
    ----------
    given : str
        A run or release folder, a model folder of Whisper, or for ``command`` a command line.
    kind : str, optional
        One of `RECOGNISERS`; by default a folder with ``model.bin`` is Whisper's, and everything else ours. A command
        is never guessed at.
    device : str
        As for `resolve_device`.
    beams : int
        Beginnings that are kept; 1 is quickest.

    Raises
    ------
    ConfigError
        If there is no such kind, or what it needs is not installed.
    CheckpointError
        If what is given is no recogniser.
    """
    # What is given is told apart by its files, but a program is started only where it is called one.
    if kind is None:
        kind = "faster-whisper" if (Path(given) / "model.bin").is_file() else "transformer"
    if kind not in RECOGNISERS:
        raise ConfigError.about(f"recogniser {kind}", "no such kind", f"choose among {', '.join(RECOGNISERS)}")
    if beams < 1:
        raise ConfigError.about("beams", f"{beams} is not positive", "give 1 or more")
    return RECOGNISERS[kind](given, device, beams)
