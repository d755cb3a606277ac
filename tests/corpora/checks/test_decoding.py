"""Every file of a corpus is read once: what was found is remembered until the file changes."""

from pathlib import Path

import pytest
from helpers.own_folder import write_file

from speech2img.corpora.checks import decoding as probing
from speech2img.corpora.checks.decoding import describe_recordings, probe_images, probe_recordings, refuse_unusable
from speech2img.errors import DataError, DiskFullError


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    names = [f"{number}.wav" for number in range(5)]
    for number, name in enumerate(names):
        write_file(tmp_path / name, number, sample_rate=8000 + 1000 * number)
    (tmp_path / "3.wav").write_bytes(b"RIFF")
    return names


def count_reads(monkeypatch) -> list[str]:
    read: list[str] = []
    real = probing.probe_audio

    def counting(path):
        read.append(path.name)
        return real(path)

    monkeypatch.setattr(probing, "probe_audio", counting)
    return read


def test_remembered_until_it_changes(files, tmp_path, monkeypatch):
    read = count_reads(monkeypatch)
    facts, unusable = probe_recordings(tmp_path, [*files, "0.wav"], progress=False)
    assert sorted(read) == files and sorted(facts) == ["0.wav", "1.wav", "2.wav", "4.wav"]
    assert (facts["2.wav"].sample_rate, facts["2.wav"].channels) == (10_000, 1)
    assert list(unusable) == ["3.wav"] and "not a readable recording" in unusable["3.wav"]
    read.clear()
    again = probe_recordings(tmp_path, files, progress=False)
    assert again == (facts, unusable) and read == ["3.wav"]
    write_file(tmp_path / "1.wav", 9, sample_rate=22_050)
    read.clear()
    assert probe_recordings(tmp_path, files, progress=False)[0]["1.wav"].sample_rate == 22_050
    assert sorted(read) == ["1.wav", "3.wav"]


def test_an_interrupted_look_goes_on(files, tmp_path, monkeypatch):
    monkeypatch.setattr(probing, "_BATCH", 2)
    real = probing.probe_audio

    def interrupted(path):
        if path.name == "4.wav":
            raise KeyboardInterrupt
        return real(path)

    monkeypatch.setattr(probing, "probe_audio", interrupted)
    with pytest.raises(KeyboardInterrupt):
        probe_recordings(tmp_path, files, workers=1, progress=False)
    monkeypatch.undo()
    read = count_reads(monkeypatch)
    assert len(probe_recordings(tmp_path, files, progress=False)[0]) == 4
    assert sorted(read) == ["3.wav", "4.wav"]


def test_pictures(tmp_path):
    write_file(tmp_path / "a.png", 0)
    for _ in range(2):
        assert probe_images(tmp_path, ["a.png", "b.png"], progress=False)[0] == {"a.png": (20, 24)}


@pytest.mark.parametrize("line", ['{"key": "0.wav", "stamp": "x", "facts": 3}', '{"key": "0.wav"}', "garbage"])
def test_a_damaged_memory_is_not_trusted(files, tmp_path, line, monkeypatch, capsys):
    probe_recordings(tmp_path, files[:1], progress=False)
    (tmp_path / "derived/prepare/recordings.jsonl").write_text(line + "\n")
    read = count_reads(monkeypatch)
    facts, _ = probe_recordings(tmp_path, files[:1], progress=False)
    assert ("1 damaged lines" in capsys.readouterr().err) == (line == "garbage")
    assert facts["0.wav"].sample_rate == 8000 and read == ["0.wav"]


def test_all_unusable_files_are_listed(tmp_path):
    refuse_unusable(tmp_path, {}, total=3, fix="repair them")
    bad = {f"{number}.wav": f"{tmp_path}/{number}.wav: silent" for number in range(5)}
    with pytest.raises(DataError, match=r"5 of 9 files cannot be used: 0.wav: silent \| 1.wav: silent .*all of them"):
        refuse_unusable(tmp_path, bad, total=9, fix="repair them")
    assert len((tmp_path / "derived/prepare/unusable.txt").read_text().splitlines()) == 5


def test_a_full_disk_is_no_unusable_file(files, tmp_path, monkeypatch):
    def full(path):
        raise DiskFullError("full")

    monkeypatch.setattr(probing, "probe_audio", full)
    with pytest.raises(DiskFullError):
        probe_recordings(tmp_path, files, progress=False)


def test_described_in_one_line():
    summary = {"recordings": 50, "hours": 1.5, "sample_rates": [8000, 44_100], "speakers": 0}
    assert describe_recordings(summary) == "50 recordings of people, 1.50 h, 8/44.1 kHz, speakers unknown"
