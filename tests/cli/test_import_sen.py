"""S2IGAN's published speech encoder through the ``import`` verb: the release gives what its own code gave."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.cli.main import main
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_release


def test_the_release_gives_the_published_embeddings(realdata: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("golden_recipe", realdata / "golden_peers" / "recipe.py")
    assert spec and spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    weights = recipe.weights("s2igan_sen_speech")
    file = tmp_path / "best_audio_model.pth"
    torch.save({f"module.{key}": torch.from_numpy(np.array(value)) for key, value in weights.items()}, file)
    assert main(["import", "s2igan-sen", str(file), "--out", str(tmp_path / "sen")]) == 0
    pipe = SpeechToImage.load(tmp_path / "sen", device="cpu")
    assert pipe.mel.name == "s2igan"
    golden = recipe.values("s2igan_sen_speech")
    with torch.inference_mode():
        for mel, wanted in zip(recipe.sen_mels(golden["lengths"]), golden["embedding"], strict=True):
            found = pipe.encoder(torch.from_numpy(mel).transpose(1, 2), torch.tensor([mel.shape[1]])).sentence
            np.testing.assert_allclose(found[0].numpy(), wanted.reshape(-1), atol=1e-4)
    sound = np.random.default_rng(0).standard_normal(22_050).astype(np.float32) * 0.1
    assert pipe.encode(sound).shape == (1024,)


def test_weights_of_spoken_photographs_take_sound_at_its_own_rate(tmp_path: Path) -> None:
    from speech2img.models.encoders.s2igan import S2IGANEncoder

    state = S2IGANEncoder(channels=(4, 6), embedding_dim=8, attention_dim=3).state_dict()
    names = (
        ("convs.0.", "Conv1."),
        ("convs.1.", "Conv2."),
        ("norms.0.", "bnorm1."),
        ("norms.1.", "bnorm2."),
        ("attention.", "att.att_heads.0."),
    )
    for ours, theirs in names:
        state = {key.replace(ours, theirs): value for key, value in state.items()}
    torch.save(state, tmp_path / "best_audio_model.pth")
    argv = ["import", "s2igan-sen", str(tmp_path / "best_audio_model.pth"), "--out", str(tmp_path / "sen")]
    assert main([*argv, "--mel-preset", "s2igan_native16k"]) == 0
    assert load_release(tmp_path / "sen")[1]["mel_preset"] == "s2igan_native16k"
    assert SpeechToImage.load(tmp_path / "sen", device="cpu").mel.sample_rate == 16_000


def test_wrong_files_and_presets_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "notes.pth"
    text.write_text("these are no weights")
    other = tmp_path / "other.pth"
    torch.save({"some.weight": torch.zeros(3)}, other)
    for file in (text, other, tmp_path / "missing.pth"):
        assert main(["import", "s2igan-sen", str(file), "--out", str(tmp_path / "out")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and file.name in lines[0] and "bug" not in lines[0]
    wrong = ["import", "s2igan-sen", str(other), "--out", str(tmp_path / "out"), "--mel-preset", "s3igan"]
    assert main(wrong) == 2 and "s2igan_native16k" in capsys.readouterr().err
    wrong = ["import", "hifigan", str(other), "--out", str(tmp_path / "out"), "--mel-preset", "s2igan"]
    assert main(wrong) == 2 and "hifigan" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
