"""Whisper's encoder on its real weights gives what CTranslate2 gives; `make_whisper_golden.py` made the values."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, log_mel
from speech2img.models.encoders.whisper import WhisperEncoder
from speech2img.models.published import whisper
from speech2img.models.published.ctranslate2 import read_ctranslate2

VARIABLE = "SPEECH2IMG_WHISPER"
TOLERANCES = {"tiny.en": 1e-4, "base": 1e-3}
GOLDEN = Path(__file__).with_name("whisper_golden.npz")


@pytest.fixture(scope="module", params=TOLERANCES)
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def network(size: str) -> WhisperEncoder:
    """The real encoder."""
    folder = os.environ.get(VARIABLE)
    if not folder or not (Path(folder) / size / "model.bin").is_file():
        pytest.skip(f"{VARIABLE} names no folder with {size}/model.bin: Whisper's weights, as CTranslate2 has them")
    with (Path(folder) / size / "model.bin").open("rb") as file:
        state = read_ctranslate2(file, spec=whisper.CTRANSLATE2_SPEC, part=whisper.CTRANSLATE2_PART)
    whisper.demand_size(state, size)
    converted = whisper.convert_whisper_encoder(state)
    network = WhisperEncoder(**whisper.whisper_encoder_settings(converted))
    network.load_state_dict(converted)
    return network.eval()


def clips(realdata: Path) -> dict[str, np.ndarray]:
    """Log-mels of the two clips, of an even number of frames."""
    with zipfile.ZipFile(realdata / "mel_reference.zip") as archive:
        sound = read_audio(archive.read("whisper/jfk.flac"), sample_rate=16_000)
    parts = {"whole": sound, "short": sound[16_000 : 16_000 * 4 + 80]}
    mels = {name: log_mel(part, preset=MEL_PRESETS["whisper"]) for name, part in parts.items()}
    return {name: mel[:, : mel.shape[1] // 2 * 2] for name, mel in mels.items()}


def kept(states_TD: np.ndarray) -> np.ndarray:
    """The 16 frames and 32 channels that are stored."""
    frames, channels = (
        np.linspace(0, size - 1, count).round().astype(int)
        for size, count in zip(states_TD.shape, (16, 32), strict=True)
    )
    return states_TD[np.ix_(frames, channels)]


@torch.inference_mode()
def test_the_last_layer_is_that_of_ctranslate2(network: WhisperEncoder, size: str, realdata: Path) -> None:
    golden = np.load(GOLDEN)
    for name, mel in clips(realdata).items():
        states, lengths = network(torch.from_numpy(mel)[None], torch.tensor([mel.shape[1]]))
        assert int(lengths) == mel.shape[1] // 2 == states.shape[2]
        expected = golden[f"{size}/{name}"]
        assert expected.shape == (16, 32) and np.abs(expected).max() > 1
        assert np.abs(kept(states[0, -1].numpy()) - expected).max() < TOLERANCES[size]


@torch.inference_mode()
def test_a_longer_neighbour_changes_nothing(network: WhisperEncoder, size: str, realdata: Path) -> None:
    whole, short = clips(realdata).values()
    batch = np.full((2, 80, whole.shape[1]), MEL_PRESETS["whisper"].pad_value, np.float32)
    batch[0], batch[1, :, : short.shape[1]] = whole, short
    states, lengths = network(torch.from_numpy(batch), torch.tensor([whole.shape[1], short.shape[1]]))
    alone, _ = network(torch.from_numpy(short)[None], torch.tensor([short.shape[1]]))
    torch.testing.assert_close(states[1, :, : int(lengths[1])], alone[0], atol=TOLERANCES[size], rtol=0)


def test_the_stored_values_are_few() -> None:
    assert GOLDEN.stat().st_size < 100_000 and sorted(np.load(GOLDEN)) == [
        "base/short",
        "base/whole",
        "tiny.en/short",
        "tiny.en/whole",
    ]
