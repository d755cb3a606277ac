"""``calibrate``: a release learns from recordings to tell how sure it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech2img.cli.main import main
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import release_sha256

RATE = 16_000


@pytest.fixture
def places(tmp_path: Path, make_release: Callable[..., Path]) -> tuple[Path, Path, Path]:
    """A release of random weights, a folder of hums and one of hisses."""
    rng, time = np.random.default_rng(0), np.arange(RATE // 2) / RATE
    for number in range(60):
        hum = sum(np.sin(2 * np.pi * rng.uniform(140, 160) * k * time) for k in range(1, 8))
        hiss = 0.1 * rng.standard_normal(len(time))
        for kind, wave in (("hums/below", 0.03 * hum * (0.2 + np.square(2 * time))), ("hisses", hiss)):
            (tmp_path / kind).mkdir(parents=True, exist_ok=True)
            soundfile.write(tmp_path / kind / f"{number}.wav", wave, RATE)
    return make_release(tmp_path / "tiny"), tmp_path / "hums", tmp_path / "hisses"


def _argv(release: Path, inside: Path, outside: Path) -> list[str]:
    return ["calibrate", "--model", str(release), "--inside", str(inside), "--outside", str(outside),
            "--components", "8", "--device", "cpu"]  # fmt: skip


def test_a_calibrated_release_tells_hums_from_hisses(
    places: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    release, hums, hisses = places
    before = release_sha256(release)
    assert main(_argv(*places)) == 0
    said = capsys.readouterr().out
    assert "60 recordings inside, 60 outside; low is below" in said and release_sha256(release) in said
    assert release_sha256(release) != before
    pipe = SpeechToImage.load(release, device="cpu")
    sure = [pipe.confidence(pipe.encode_speech(sorted(folder.rglob("*.wav"))[:20])) for folder in (hums, hisses)]
    assert sure[0] is not None and sure[1] is not None and sure[0].mean() > 0.8 > 0.2 > sure[1].mean()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "songbirds"}, "songbirds: no such folder; give a run or release folder"),
        ({"inside": "nowhere"}, "nowhere: no such file or folder"),
        ({"outside": "empty"}, "empty: no recordings in it"),
        ({"outside": "few"}, "recordings outside: 1, too few to learn from; give 50 or more"),
        ({"outside": "broken"}, "text.wav"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    places: tuple[Path, Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "few", "broken"):
        Path(folder).mkdir()
    Path("few/one.wav").write_bytes((places[1] / "below" / "0.wav").read_bytes())
    for number in range(50):
        Path(f"broken/{number}.wav").write_bytes((places[2] / f"{number}.wav").read_bytes())
    Path("broken/text.wav").write_text("no sound")
    before = release_sha256(places[0])
    chosen = dict(zip(("model", "inside", "outside"), map(str, places), strict=True)) | change
    assert main(_argv(*map(Path, chosen.values()))) in (1, 2)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img: ")]
    assert words in lines[-1]
    assert release_sha256(places[0]) == before
