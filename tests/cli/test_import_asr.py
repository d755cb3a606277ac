"""``import asr-transformer``: a Keras file becomes a release, and what is not one is refused in a line."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from helpers.asr_states import keras_state, write_weights

from speech2img.cli.main import main
from speech2img.models.recognisers.speech_transformer import SpeechTransformer
from speech2img.storage.releases.release import load_release, strip_prefix


def test_a_release_that_can_be_built(tmp_path: Path) -> None:
    state = keras_state()
    file = write_weights(tmp_path / "asr.weights.h5", state, **{"optimizer/vars/0": np.zeros(3, np.float32)})
    assert main(["import", "asr-transformer", str(file), "--out", str(tmp_path / "release")]) == 0
    tensors, config = load_release(tmp_path / "release")
    assert (config["kind"], config["mel_preset"]) == ("recogniser", "waveform_22050")
    network = SpeechTransformer(**config["recogniser"])
    network.load_state_dict(strip_prefix(tensors, "recogniser."))
    assert network.form == "published"
    kernel = state["dec_layer_0/enc_att/query_dense/vars/0"]
    assert torch.equal(network.decoder[0].speech_attention.query.weight, kernel.flatten(1).T)


def _refused(file: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["import", "asr-transformer", str(file), "--out", str(out)]) != 0
    message = capsys.readouterr().err.strip()
    assert "\n" not in message and str(file) in message and not out.exists()
    return message


def test_what_is_not_one_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, out = keras_state(), tmp_path / "out"
    strange = write_weights(tmp_path / "strange.weights.h5", state, **{"head/vars/0": np.ones(3, np.float32)})
    assert "'head/vars/0' is no array" in _refused(strange, out, capsys)

    del state["classifier/vars/0"]
    assert "classifier" in _refused(write_weights(tmp_path / "short.weights.h5", state), out, capsys)

    linked = write_weights(tmp_path / "linked.weights.h5", keras_state())
    with h5py.File(linked, "a") as file:
        file["stolen"] = h5py.ExternalLink("/etc/passwd", "/x")
    assert "is a link" in _refused(linked, out, capsys)

    cut = tmp_path / "cut.weights.h5"
    cut.write_bytes(linked.read_bytes()[:3000])
    _refused(cut, out, capsys)

    endless = keras_state()
    endless["classifier/vars/1"] = torch.full((34,), float("nan"))
    assert "not finite" in _refused(write_weights(tmp_path / "nan.weights.h5", endless), out, capsys)
