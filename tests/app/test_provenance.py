"""A picture says where it comes from, and both lines that it carries make it again."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from speech2img.app.provenance import Provenance, png_bytes, read_provenance, sha256, versions
from speech2img.cli.main import main
from speech2img.pipeline import SpeechToImage


def _made(toy: str, ogg: Path, **given: object) -> Provenance:
    facts = {"model": toy, "weights_sha256": "ab", "seed": 5, "num_images": 3, "recording": "recording.ogg"}
    return Provenance(**{**facts, "recording_sha256": sha256(ogg.read_bytes()), **given})  # type: ignore[arg-type]


def test_a_picture_carries_its_origin(toy: str, ogg: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    provenance = _made(toy, ogg, text="ein Vögelchen 🐦", voice="espeak de", versions=versions(), steps=8)
    data = png_bytes(image, provenance, 2)
    read = read_provenance(data)
    assert (read["seed"], read["number"], read["num_images"], read["steps"]) == ("5", "2", "3", "8")
    assert read["text"] == "ein Vögelchen 🐦" and read["recording_sha256"] == sha256(ogg.read_bytes())
    assert "guidance" not in read and read["weights_sha256"] == "ab" and "torch" in read["versions"]
    assert read["python"] == provenance.python_line(2) and read["shell"] == provenance.shell_line()
    assert data[:64].find(b"Software\0speech2img") > 0  # `generate` may write over it


def test_pictures_of_others_say_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    assert read_provenance((tmp_path / "x.png").read_bytes()) == {}


@pytest.mark.parametrize("count", [1, 3])
def test_both_lines_make_the_picture_again(
    toy: str, ogg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    shutil.copy(ogg, tmp_path / "recording.ogg")
    monkeypatch.chdir(tmp_path)
    provenance = _made(toy, ogg, num_images=count)
    expected = SpeechToImage.load(toy, device="cpu")(ogg, seed=5, num_images=count)
    image = expected if count == 1 else expected[count - 1]
    exec(provenance.python_line(count - 1), {})
    assert main(provenance.shell_line().split()[1:]) == 0
    by_shell = tmp_path / "pictures" / ("recording.png" if count == 1 else f"recording_{count - 1}.png")
    for path in (tmp_path / "picture.png", by_shell):
        assert np.abs(np.asarray(Image.open(path)).astype(int) - np.asarray(image)).max() <= 1


def test_steps_and_guidance_are_part_of_the_lines(toy: str, ogg: Path) -> None:
    provenance = _made(toy, ogg, model="my runs/a", num_images=1, steps=8, guidance=2.5)
    assert "load('my runs/a', steps=8, guidance=2.5)" in provenance.python_line()
    assert "--model 'my runs/a' recording.ogg --seed 5 --steps 8 --guidance 2.5 --out" in provenance.shell_line()
    assert provenance.facts()["shell"] == provenance.shell_line()
