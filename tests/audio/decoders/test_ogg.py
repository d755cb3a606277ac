"""Ogg files: cut, changed and joined ones."""

import io

import numpy as np
import pytest
import soundfile

from speech2img.audio.decoders.ogg import ogg_streams
from speech2img.audio.facts import probe_audio
from speech2img.audio.io import read_audio
from speech2img.errors import AudioError


def ogg(subtype: str = "VORBIS", *, rate: int = 16_000, pitch: float = 300, seconds: float = 1.5) -> bytes:
    time = np.arange(int(rate * seconds)) / rate
    stream = io.BytesIO()
    soundfile.write(stream, 0.4 * np.sin(2 * np.pi * pitch * time), rate, format="OGG", subtype=subtype)
    return stream.getvalue()


def pitch_of(y: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(y)).argmax() * rate / len(y))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_every_cut_is_known(subtype: str) -> None:
    whole = ogg(subtype)
    assert ogg_streams("a.ogg", whole) == [whole]
    assert ogg_streams("a.ogg", whole + b"TAG" + bytes(125)) == [whole]
    for end in range(4, len(whole), 5):
        with pytest.raises(AudioError, match="a.ogg: damaged"):
            ogg_streams("a.ogg", whole[:end])


def test_what_follows_the_last_page_is_nothing_that_could_be_heard() -> None:
    whole, stream = ogg(), io.BytesIO()
    soundfile.write(stream, np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 16_000, format="WAV")
    for tail in (b"\n", bytes(3000), b"TAG" + bytes(125)):
        assert ogg_streams("a.ogg", whole + tail) == [whole]
    with pytest.raises(AudioError, match="a.ogg: damaged: no page"):
        ogg_streams("a.ogg", whole + stream.getvalue())


def test_changed_and_missing_pages_are_known() -> None:
    stream = io.BytesIO()
    soundfile.write(stream, np.random.default_rng(0).uniform(-0.5, 0.5, 60_000), 16_000, format="OGG")
    whole = stream.getvalue()
    starts = [at for at in range(len(whole)) if whole[at : at + 4] == b"OggS"]
    assert len(starts) > 4
    changed = bytearray(whole)
    changed[starts[2] + 60] ^= 1
    with pytest.raises(AudioError, match=f"the page at byte {starts[2]:,} has changed"):
        read_audio(bytes(changed), sample_rate=16_000)
    with pytest.raises(AudioError, match="are missing"):
        read_audio(whole[: starts[2]] + whole[starts[3] :], sample_rate=16_000)


def test_joined_streams_are_all_heard() -> None:
    low, high = ogg(pitch=300), ogg(pitch=900, seconds=1.0)
    y = read_audio(low + high, sample_rate=16_000)
    assert len(y) == 40_000
    assert pitch_of(y[2000:22_000], 16_000) == pytest.approx(300, abs=5)
    assert pitch_of(y[26_000:38_000], 16_000) == pytest.approx(900, abs=5)


def test_joined_streams_of_other_rates_and_channels() -> None:
    y = read_audio(ogg() + ogg("OPUS", rate=48_000, pitch=900), sample_rate=16_000)
    assert len(y) == pytest.approx(48_000, abs=10)
    assert pitch_of(y[26_000:46_000], 16_000) == pytest.approx(900, abs=5)


def test_joined_streams_are_as_long_together_as_one_may_be() -> None:
    assert probe_audio(ogg(seconds=14) * 2).seconds == pytest.approx(28)
    with pytest.raises(AudioError, match="42 s long"):
        read_audio(ogg(seconds=14) * 3, sample_rate=16_000)
    with pytest.raises(AudioError, match="101 recordings one after the other"):
        read_audio(ogg(seconds=0.1) * 101, sample_rate=16_000)


def test_real_oggs_are_whole(realdata: object) -> None:
    import zipfile
    from pathlib import Path

    assert isinstance(realdata, Path)
    with zipfile.ZipFile(realdata / "li2020_demo.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".ogg")]
        assert len(names) == 56
        for name in names:
            assert len(ogg_streams(name, archive.read(name))) == 1
