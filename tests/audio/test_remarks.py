"""What is said of recordings that are heard but may be misheard, and of silence that was left out."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.inputs import Heard, hear
from speech2img.audio.remarks import RecordingWarning, Remarks

RATE = 16_000


def speech(*seconds: float, noise: float = 0.0) -> np.ndarray:
    """Syllables and silence in turn."""
    rng = np.random.default_rng(0)
    parts = []
    for n, length in enumerate(seconds):
        t = np.arange(int(length * RATE)) / RATE
        syllables = rng.standard_normal(len(t)) * (0.05 + np.square(np.sin(2 * np.pi * 2 * t)))
        parts.append(0.1 * syllables if n % 2 == 0 else 0 * syllables)
    y = np.concatenate(parts)
    return (y + noise * rng.standard_normal(len(y))).astype(np.float32)


def said(*heard: Heard) -> list[str]:
    remarks = Remarks(RATE)
    for one in heard:
        remarks.add(one)
    return remarks.lines()


@pytest.mark.parametrize("rate", [4000, 8000, 11_025, 15_999])
def test_a_low_rate_is_said(rate: int) -> None:
    y = speech(2)[: 2 * rate]
    (line,) = said(hear((rate, y), sample_rate=RATE, name="bird.wav"))
    assert line.startswith(f"bird.wav: recorded at {rate:,} Hz, so nothing above {rate // 2:,} Hz is in it")


@pytest.mark.parametrize(
    ("y", "seconds"), [(speech(2, 4, 2), 4), (speech(0, 5, 2), 5), (speech(3, 9), 9), (speech(2, 6, 2, noise=5e-4), 6)]
)
def test_a_long_silence_is_said(y: np.ndarray, seconds: int) -> None:
    (line,) = said(Heard("bird.wav", y, RATE))
    assert f"bird.wav: {seconds} s of its {len(y) / RATE:.0f} s are silence in one piece" in line


@pytest.mark.parametrize("y", [speech(3), speech(2, 1.5, 2, 1.5, 2), speech(1, 2.5, 1), speech(2, 5, 2, noise=0.02)])
def test_pauses_and_noise_are_no_silence(y: np.ndarray) -> None:
    assert said(Heard("bird.wav", y, RATE)) == []


def test_of_many_three_are_named_and_the_others_counted() -> None:
    lines = said(*(Heard(f"{n}.wav", speech(1), 8000) for n in range(1200)))
    assert [line.split(":")[0] for line in lines] == ["0.wav", "1.wav", "2.wav"]
    assert lines[-1].endswith("(1,197 more recordings are like it)")


def test_silence_left_out_is_said_first() -> None:
    remarks = Remarks(RATE)
    remarks.add(Heard("a.wav", speech(2), 8000), before=4.95)
    remarks.add(Heard("b.wav", speech(2), RATE), before=0.5, after=1.25)
    first, second, third = remarks.lines()
    assert first == "a.wav: silence left out: 5.0 s before the speech"
    assert second == "b.wav: silence left out: 0.5 s before and 1.2 s after the speech"
    assert third.startswith("a.wav: recorded at 8,000 Hz")


def test_it_is_a_warning_of_its_own_kind() -> None:
    remarks = Remarks(RATE)
    remarks.add(Heard("bird.wav", speech(1), 8000))
    with pytest.warns(RecordingWarning, match="bird.wav: recorded at 8,000 Hz"):
        remarks.warn()


def test_nothing_is_said_of_people_who_speak_in_pauses(realdata: Path) -> None:
    with zipfile.ZipFile(realdata / "spokencoco_10x5.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".wav")]
        assert len(names) == 50
        assert said(*(hear(archive.read(name), sample_rate=RATE, name=name) for name in names)) == []
