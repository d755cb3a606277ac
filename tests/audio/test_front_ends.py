"""Acoustic front-ends from their releases."""

from pathlib import Path

import pytest
import torch
from helpers.whisper_files import POSITIONS, whisper_files

from speech2img.audio.front_ends import load_front_end
from speech2img.audio.mel import log_mel
from speech2img.cli.import_weights import import_published
from speech2img.errors import CheckpointError
from speech2img.models.encoders.registry import build_encoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_own, release_sha256
from speech2img.storage.releases.writing import save_release


def test_an_imported_front_end_is_loaded_and_an_encoder_on_it_is_released_without_it(tmp_path: Path) -> None:
    file = whisper_files(tmp_path / "published")["ctranslate2"]
    import_published("whisper-encoder", file, tmp_path / "run" / "front-end")
    ears = load_front_end(tmp_path / "run" / "front-end")
    assert (ears.name, ears.model, ears.mel.name) == ("whisper", "whisper 64x2", "whisper")
    assert ears.sha256 == release_sha256(tmp_path / "run" / "front-end") and not ears.network.training
    settings = {"network": "pretrained", "front_end": ears.name, "front_end_config": ears.settings, "embedding_dim": 8}
    torch.manual_seed(0)
    encoder = build_encoder(**settings).eval()
    encoder.front_end.load_state_dict(ears.network.state_dict())
    config = {"kind": "speech-encoder", "mel_preset": "whisper", "encoder": settings}
    config["shared_weights"] = ears.shared("encoder.front_end.")
    tensors = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    save_release(tmp_path / "run" / "export", tensors, config, "# Encoder\n", half=False)
    assert not any("front_end" in name for name in load_own(tmp_path / "run" / "export")[0])

    pipe = SpeechToImage.load(tmp_path / "run", device="cpu")
    sound = torch.randn(160 * 2 * POSITIONS) / 9
    vector = pipe.encode((16_000, sound.numpy()))
    mel = torch.from_numpy(log_mel(sound.numpy(), preset=ears.mel))
    with torch.inference_mode():
        expected = encoder(mel[None], torch.tensor([mel.shape[1]])).sentence[0]
    torch.testing.assert_close(torch.from_numpy(vector), expected, atol=1e-5, rtol=0)


def test_another_kind_of_release_is_refused(tmp_path: Path) -> None:
    save_release(tmp_path / "r", {"a": torch.ones(1)}, {"kind": "speech-encoder"}, "# R\n")
    with pytest.raises(CheckpointError, match="no acoustic front-end"):
        load_front_end(tmp_path / "r")
    save_release(tmp_path / "r", {"a": torch.ones(1)}, {"kind": "acoustic-front-end", "network": "x"}, "# R\n")
    with pytest.raises(CheckpointError, match="no acoustic front-end"):
        load_front_end(tmp_path / "r")
