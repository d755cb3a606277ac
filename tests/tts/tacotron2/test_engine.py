"""The Tacotron 2 engine: the protocol kept, one bad text no harm to others, and every missing thing named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.voice import SIZES, make_voice

from speech2img.errors import CheckpointError, ConfigError, SynthesisError
from speech2img.models.tts.hifigan import HifiGan
from speech2img.storage.releases.writing import save_release
from speech2img.tts.base import BatchSynthesizer, SpeechRequest, SpeechUnfinishedError, Synthesizer
from speech2img.tts.tacotron2.engine import MAX_CHARACTERS, Tacotron2Options, Tacotron2Synthesizer

VOCODER: dict[str, Any] = {"width": 16, "rates": [8, 8, 4], "kernels": [16, 16, 8], "block": "2"}
LOOSE = Tacotron2Options(rows=4, max_steps=400, min_coverage=0.0)
CAPTIONS = ["a small red bird", "this bird is 12 cm long", "the crown is grey, the belly white", "a bird", "wings!"]


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voice(tmp_path_factory.mktemp("releases") / "voice")


@pytest.fixture(scope="module")
def vocoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("releases") / "vocoder"
    config = {"kind": "vocoder", "mel_preset": "tacotron2", "hifigan": VOCODER}
    save_release(folder, HifiGan(**VOCODER).state_dict(), config, "# card", half=False)
    return folder


@pytest.fixture(scope="module")
def engine(voice: Path, vocoder: Path) -> Tacotron2Synthesizer:
    return Tacotron2Synthesizer(voice, vocoder=vocoder, options=LOOSE)


def requests(**changes: Any) -> list[SpeechRequest]:
    return [SpeechRequest(text, "tacotron2", **changes) for text in CAPTIONS]


def sound_of(result: np.ndarray | SynthesisError) -> np.ndarray:
    assert isinstance(result, np.ndarray), result
    return result


def test_it_is_a_batch_engine(engine: Tacotron2Synthesizer) -> None:
    assert isinstance(engine, Synthesizer) and isinstance(engine, BatchSynthesizer)
    assert engine.sample_rate == 22_050 and engine.batch_size == 16 and engine.attempts == 3
    assert engine.voices() == ["tacotron2"] and engine.voice_for("en-us+f3") == "tacotron2"
    assert engine.name.startswith("tacotron2 ") and "hifigan-" in engine.name
    engine.close()


def test_samples_depend_on_the_request_alone(engine: Tacotron2Synthesizer) -> None:
    together = [sound_of(result) for result in engine.synthesize_batch(requests())]
    assert len({sound.size for sound in together}) > 2
    for request, sound in zip(requests(), together, strict=True):
        assert sound.dtype == np.float32 and sound.ndim == 1 and np.abs(sound).max() <= 1.0
        assert np.array_equal(sound, engine.synthesize(request.text, voice="tacotron2"))
    for sound, again in zip(together[::-1], engine.synthesize_batch(requests()[::-1]), strict=True):
        assert np.array_equal(sound, sound_of(again))
    other = sound_of(engine.synthesize_batch(requests(seed=1))[0])
    assert other.size != together[0].size or not np.array_equal(other, together[0])


def test_griffin_lim_speaks_without_a_vocoder(voice: Path) -> None:
    engine = Tacotron2Synthesizer(voice, options=LOOSE, voice="linda")
    sound = engine.synthesize("a bird", voice="linda")
    assert "griffin-lim-60" in engine.name and np.isfinite(sound).all() and sound.size % 256 == 0
    assert np.array_equal(sound, engine.synthesize("a bird", voice="linda"))


def test_rate_stretches_and_pitch_keeps_the_length(engine: Tacotron2Synthesizer) -> None:
    plain = engine.synthesize(CAPTIONS[0], voice="tacotron2")
    slow = engine.synthesize(CAPTIONS[0], voice="tacotron2", rate=88)
    high = engine.synthesize(CAPTIONS[0], voice="tacotron2", pitch=99)
    assert slow.size == pytest.approx(2 * plain.size, rel=0.02)
    assert high.size == pytest.approx(plain.size, abs=300) and not np.array_equal(high[: plain.size], plain)
    lively = engine.synthesize(CAPTIONS[0], voice="tacotron2", pitch_range=99)
    assert np.array_equal(lively, plain)


def test_one_bad_text_costs_no_other_one_its_sound(engine: Tacotron2Synthesizer) -> None:
    bad = ["", "   ", "...", "日本", "x" * (MAX_CHARACTERS + 1)]
    results = engine.synthesize_batch([SpeechRequest(text, "tacotron2") for text in [CAPTIONS[0], *bad, CAPTIONS[3]]])
    assert np.array_equal(sound_of(results[0]), engine.synthesize(CAPTIONS[0], voice="tacotron2"))
    assert np.array_equal(sound_of(results[-1]), engine.synthesize(CAPTIONS[3], voice="tacotron2"))
    assert all(isinstance(result, SynthesisError) for result in results[1:-1])
    assert engine.synthesize_batch([]) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"rate": 79}, "rate 79"), ({"pitch": 100}, "pitch 100"), ({"pitch_range": -1}, "pitch_range -1")],
)
def test_arguments_out_of_range(engine: Tacotron2Synthesizer, changes: dict[str, int], words: str) -> None:
    with pytest.raises(SynthesisError, match=words):
        engine.synthesize("a bird", voice="tacotron2", **changes)
    with pytest.raises(SynthesisError, match='use "tacotron2"'):
        engine.synthesize("a bird", voice="en-us")


def test_unfinished_speech_is_flagged(tmp_path: Path, vocoder: Path) -> None:
    endless = make_voice(tmp_path / "endless", gate_bias=-50.0)
    options = Tacotron2Options(rows=2, max_steps=7)
    engine = Tacotron2Synthesizer(endless, vocoder=vocoder, options=options)
    results = engine.synthesize_batch(requests())
    assert all(isinstance(result, SpeechUnfinishedError) for result in results)
    with pytest.raises(SpeechUnfinishedError, match="hit the maximum of 7 decoder steps"):
        engine.synthesize("a bird", voice="tacotron2")


def test_skipped_text_is_flagged(voice: Path, vocoder: Path) -> None:
    strict = Tacotron2Synthesizer(
        voice, vocoder=vocoder, options=Tacotron2Options(rows=4, max_steps=400, min_coverage=1.0)
    )
    assert "was read" in str(strict.synthesize_batch(requests())[2])


def test_a_final_stop_is_added_where_punctuation_is_missing(voice: Path, vocoder: Path) -> None:
    engine = Tacotron2Synthesizer(voice, vocoder=vocoder, options=LOOSE)
    with_stop, without = (engine._ids(SpeechRequest(text, "tacotron2")) for text in ("a bird.", "a bird "))
    assert with_stop == without and engine._ids(SpeechRequest("a bird!", "tacotron2"))[-1] != with_stop[-1]
    plain = Tacotron2Synthesizer(voice, vocoder=vocoder, options=Tacotron2Options(final_stop=False))
    assert plain._ids(SpeechRequest("a bird", "tacotron2")) == with_stop[:-1]
    assert plain.name != engine.name


def test_missing_weights_are_named_with_their_source(voice: Path, tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match=r"no such weights.*NVIDIA/tacotron2.*speech2img import tacotron2"):
        Tacotron2Synthesizer(tmp_path / "nowhere")
    with pytest.raises(SynthesisError, match=r"no such weights.*jik876/hifi-gan.*Griffin-Lim"):
        Tacotron2Synthesizer(voice, vocoder=tmp_path / "nowhere")


def test_foreign_and_damaged_releases(voice: Path, vocoder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a tacotron2"):
        Tacotron2Synthesizer(vocoder)
    with pytest.raises(CheckpointError, match="not a vocoder"):
        Tacotron2Synthesizer(voice, vocoder=voice)
    weights = make_voice(tmp_path / "damaged") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="damaged"):
        Tacotron2Synthesizer(tmp_path / "damaged")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"tacotron2": {**SIZES, "width": 3}}, "settings do not fit"),
        ({"tacotron2": {**SIZES, "encoder_dim": 17}}, "settings do not fit"),
        ({"tacotron2": {**SIZES, "prenet_dim": 8}}, "does not fit the model"),
        ({"tacotron2": {}}, "does not fit the model"),
        ({"tacotron2": None}, "tacotron2 = None"),
        ({"mel_preset": "li2020"}, "fits no voice"),
        ({"cleaner": "french"}, "cleaner french"),
    ],
)
def test_a_config_that_contradicts_the_weights(tmp_path: Path, config: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        Tacotron2Synthesizer(make_voice(tmp_path / "voice", **config))


def test_a_vocoder_for_other_frames_is_refused(voice: Path, tmp_path: Path) -> None:
    for name, sizes, preset in (
        ("hop", {**VOCODER, "rates": [8, 8, 2], "kernels": [16, 16, 4]}, "tacotron2"),
        ("mel", VOCODER, "li2020"),
    ):
        config = {"kind": "vocoder", "mel_preset": preset, "hifigan": sizes}
        save_release(tmp_path / name, HifiGan(**sizes).state_dict(), config, "# card")
        with pytest.raises(CheckpointError, match="not those of tacotron2"):
            Tacotron2Synthesizer(voice, vocoder=tmp_path / name)


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"max_steps": 0}, {"gate_threshold": 1.0}, {"min_coverage": 1.1}, {"attempts": 0}]
)
def test_options_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="Tacotron 2"):
        Tacotron2Options(**wrong)
