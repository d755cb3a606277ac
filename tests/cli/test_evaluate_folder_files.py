"""``speech2img evaluate --generated``: files of any kind, and one line for all that cannot be measured."""

import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.folder_evaluations import Run, StubReader, metric_row, random_pictures, refused_line
from PIL import Image

from speech2img.cli.main import main


def _bomb(path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_bomb, "pixels"),
        (_truncate, "5.png"),
        (lambda path: path.write_bytes(b""), "5.png: the file is empty"),
        (lambda path: path.write_text("words"), "5.png: not a picture"),
        (lambda path: Image.new("RGB", (9, 9)).save(path), "2/5.png: 9 x 9 pixels; 0/0.png has 20 x 16"),
        (
            lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(40)),
            "5.png: a format that is not read (image/heic)",
        ),
        (
            lambda path: (path.unlink(), path.with_suffix(".ppm").write_text("P3 1 1 9 1 2 3")),
            "5.ppm: a format that is",
        ),
    ],
)
def test_a_bad_picture_is_named(
    spoil: Callable[[Path], Any],
    words: str,
    folders: tuple[Path, Path],
    stub: type[StubReader],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(folders[0] / "2" / "5.png")
    line = refused_line(capsys, tmp_path, "--generated", folders[0], "--real", folders[1], "--network", "net")
    assert words in line


def test_grey_alpha_and_16_bits_are_read_as_rgb(folders: tuple[Path, Path], run: Run) -> None:
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 256, (16, 20), dtype=np.uint8)
    argv = ("--generated", folders[0], "--real", folders[1], "--taps", "pool64")
    values = []
    for picture in (
        Image.fromarray(grey),
        Image.fromarray(grey.astype(np.uint16) * 257),
        Image.fromarray(grey).convert("RGBA"),
        Image.fromarray(np.repeat(grey[..., None], 3, axis=2)),
    ):
        picture.save(folders[0] / "2" / "5.png")
        values.append(metric_row(run(*argv), "kernel_distance", "pool64")["value"])
    assert values == pytest.approx(values[-1:] * 4, rel=1e-6)


def test_what_cannot_be_compared_is_one_line(
    folders: tuple[Path, Path],
    stub: type[StubReader],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, photos = folders
    (tmp_path / "empty").mkdir()
    one = random_pictures(tmp_path / "one", 1, seed=3)
    stats = tmp_path / "s.npz"
    assert main(["evaluate", "--network", "net", "--real", str(photos), "--taps", "pool64", "--save-stats", str(stats),
                 "--out", str(tmp_path / "w")]) == 0  # fmt: skip
    broken, odd, nan = tmp_path / "broken.npz", tmp_path / "odd.npz", tmp_path / "nan.npz"
    broken.write_bytes(stats.read_bytes()[:300])
    np.savez(odd, mu=np.zeros(7), sigma=np.eye(7))
    np.savez(nan, mu=np.full(64, np.nan), sigma=np.eye(64))
    net = ("--network", "net")
    for argv, words in (
        (("--generated", tmp_path / "empty", "--real", photos, *net), "empty: holds no pictures"),
        (("--generated", tmp_path / "none", "--real", photos, *net), "none: no such folder"),
        (("--generated", one, "--real", photos, *net), "one: holds one picture"),
        (("--generated", made, "--retrieval", *net), "no real pictures; give --real"),
        (("--generated", stats, *net), "no real pictures; give --real"),
        (("--generated", made, "--real", photos, "--retrieval", "--protocol", "stackgan", *net), "ranks no pictures"),
        (("--generated", made, "--classifier", tmp_path / "none"), "no folder and no shipped weights"),
        (("--generated", made), "no network reads the pictures; give --network with Inception's weights"),
        (("--generated", made, "--real", photos), "no network reads the pictures; give --network"),
        (("--generated", made, "--real", broken, *net), "broken.npz: no statistics"),
        (("--generated", made, "--real", odd, *net), "odd.npz: statistics in 7 dimensions"),
        (("--generated", made, "--real", nan, *net), "mu is not finite"),
        (("--generated", made, "--real", stats, "--taps", "pool192", *net), "statistics of pool64, not of pool192"),
        (("--generated", made, "--real", stats, "--protocol", "clean", *net), "resize"),
        (("--generated", stats, "--real", stats, "--protocol", "clean"), "resized by legacy, protocol clean by clean"),
        (("--generated", made, "--real", stats, photos, *net), "give it alone"),
        (("--generated", made, "--real", photos, "--candidates", 2, *net), "--candidates: only for --model"),
        (("--model", "m", "--root", "r", "--generated", made), "--generated: not for --model"),
        ((), "nothing to measure"),
        (("--root", "x"), "give --model with --root"),
        (("--model", "m"), "no corpus to measure it on"),
        (("--real", photos, *net), "no generated pictures"),
        (("--generated", made, "--real", photos, "--fit", "squash", *net), "give a side in pixels"),
        (("--generated", made, "--list-real", tmp_path / "none.txt", *net), "none.txt"),
    ):
        assert words in refused_line(capsys, tmp_path, *argv), argv
    monkeypatch.setattr(stub, "weights_sha256", "cd" * 32)
    line = refused_line(capsys, tmp_path, "--generated", made, "--real", stats, *net)
    assert "s.npz" in line and "weights_sha256" in line and stub.pictures == 80
    monkeypatch.setattr(stub, "spoiled", True)
    assert "is not finite; check the weights" in refused_line(
        capsys, tmp_path, "--generated", made, "--real", photos, *net
    )


def test_files_that_are_not_used_are_listed_and_counted(
    folders: tuple[Path, Path], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, photos = folders
    (made / "@eaDir").mkdir()
    for name in ("@eaDir/0.png", "._0.png"):
        shutil.copy(made / "0" / "0.png", made / name)
    (made / "notes.txt").write_text("words")
    (photos / "0" / "0.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    with Image.open(photos / "0" / "0.png") as frame:
        frame.save(photos / "moving.gif", save_all=True, append_images=[frame.rotate(90)])
    report = run("--generated", made, "--real", photos, "--taps", "pool64")
    assert report["metrics"][0]["details"]["generated"]["n"] == 70
    assert "generated: 3 entries of the folder not used" in " ".join(report["notes"])
    assert "real: of 1 animated or several-page files the first picture was taken: moving.gif." in report["notes"]
    text = (tmp_path / "out" / "report.md").read_text()
    for line in (
        "- generated: ._0.png: made by macOS",
        "- generated: @eaDir/: made by a Synology disk station",
        "- generated: notes.txt: no picture (.txt)",
        "- real: 0/0.wav: no picture (audio/wav)",
    ):
        assert line in text
    capsys.readouterr()
    stats = ["--save-stats", str(tmp_path / "s.npz"), "--taps", "pool64", "--out", str(tmp_path / "stats")]
    assert main(["evaluate", "--network", "net", "--real", str(photos), *stats]) == 0
    assert "- real: 0/0.wav: no picture (audio/wav)" in capsys.readouterr().out


def test_pictures_that_repeat_each_other_are_told(tmp_path: Path, run: Run) -> None:
    made, photos = random_pictures(tmp_path / "made", 70, seed=0), random_pictures(tmp_path / "photos", 80, seed=1)
    some = run("--generated", made, "--real", photos, "--taps", "pool64")
    assert not any("identical" in note or "repeat" in note for note in some["notes"])
    for path in made.glob("[12]/*.png"):
        shutil.copy(made / "0" / "0.png", path)
    many = run("--generated", made, "--real", photos, "--taps", "pool64")
    assert any(note.startswith("generated: only 24 of 70 pictures are different") for note in many["notes"])
    for path in made.glob("0/*.png"):
        if path.name != "0.png":
            shutil.copy(made / "0" / "0.png", path)
    same = run("--generated", made, "--real", photos, "--taps", "pool64", "logits")
    assert sum(note.startswith("generated: all 70 pictures are identical") for note in same["notes"]) == 1
    assert metric_row(same, "frechet_distance", "pool64")["value"] > 0
    twice = run("--generated", photos, "--real", photos, "--taps", "pool64")
    assert "both sets are the very same pictures" in metric_row(twice, "frechet_distance", "pool64")["warnings"]


def test_photographs_are_turned_unless_the_protocol_reads_them_as_stored(tmp_path: Path, run: Run) -> None:
    made = random_pictures(tmp_path / "made", 40, seed=0, size=(16, 20))
    phone, upright = tmp_path / "phone", tmp_path / "upright"
    phone.mkdir(), upright.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(phone / f"{number}.png", exif=exif)
        Image.fromarray(np.ascontiguousarray(pixels.swapaxes(0, 1)[:, ::-1])).save(upright / f"{number}.png")
    options = ("--taps", "pool64", "--fit", "each", "--allow-small")
    turned, plain = (
        metric_row(run("--generated", made, "--real", real, *options), "frechet_distance", "pool64")["value"]
        for real in (phone, upright)
    )
    assert turned == plain
    options = ("--taps", "pool64", "--fit", "each", "--protocol", "pytorch-fid")
    stored = metric_row(run("--generated", made, "--real", phone, *options), "frechet_distance", "pool64")["value"]
    assert stored != turned
    for path in phone.iterdir():
        Image.open(path).convert("RGB").save(path, exif=b"")
    untagged = metric_row(run("--generated", made, "--real", phone, *options), "frechet_distance", "pool64")["value"]
    assert stored == untagged
