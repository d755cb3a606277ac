"""DAMSMs of releases: which form they have, what they were trained on, and what does not belong together."""

from pathlib import Path

import pytest
import torch
from helpers.damsms import damsm_release, word_encoder_release

from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.extractors.damsm import open_damsm, open_text_encoder

CPU = torch.device("cpu")


def test_the_speech_form_says_what_it_was_trained_on(tmp_path: Path) -> None:
    known = {"trained_with": {"speech encoder": "AB" * 32, "image network": "cd" * 32}, "mel_preset": "li2020"}
    damsm = open_damsm(damsm_release(tmp_path / "speech", **known), device=CPU)
    assert (damsm.form, damsm.speech_dim, damsm.text_encoder) == ("speech", 16, None)
    assert (damsm.encoder_sha256, damsm.mel_preset) == ("ab" * 32, "li2020")
    assert not damsm.network.training and not any(weight.requires_grad for weight in damsm.network.parameters())
    silent = open_damsm(damsm_release(tmp_path / "silent", seed=1), device=CPU)
    assert (silent.encoder_sha256, silent.mel_preset) == (None, None)
    assert silent.sha256 != damsm.sha256


def test_the_text_form_reads_by_its_own_encoder_or_by_a_second_release(tmp_path: Path) -> None:
    damsm = open_damsm(damsm_release(tmp_path / "text", speech_dim=None, with_words=True), device=CPU)
    assert damsm.form == "text" and damsm.text_encoder is not None and not damsm.text_encoder.training
    assert damsm.text_encoder.encode(["a red bird"]).sentence.shape == (1, 8)
    images = open_damsm(damsm_release(tmp_path / "images", speech_dim=None), device=CPU)
    assert images.form == "text" and images.text_encoder is None
    encoder = open_text_encoder(word_encoder_release(tmp_path / "words"), damsm=images, device=CPU)
    assert encoder.encode(["small blue wings"]).sentence.shape == (1, 8)


def test_what_does_not_belong_together_is_named(tmp_path: Path) -> None:
    images = open_damsm(damsm_release(tmp_path / "images", speech_dim=None), device=CPU)
    other = word_encoder_release(tmp_path / "words", embedding_dim=4)
    with pytest.raises(ConfigError, match="captions have 4 numbers, images 8: the DAMSM is of another size"):
        open_text_encoder(other, damsm=images, device=CPU)
    with pytest.raises(CheckpointError, match="holds a 'damsm', not a text encoder"):
        open_text_encoder(tmp_path / "images", damsm=images, device=CPU)
    with pytest.raises(CheckpointError, match="it holds no DAMSM; give a run of 'speech2img train damsm'"):
        open_damsm(other, device=CPU)
