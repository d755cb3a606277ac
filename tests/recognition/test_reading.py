"""Models of text: a text encoder in the place of a speech encoder, put together and refused by the same commands."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import token_diffusions
from helpers.recognisers import text_encoder_release

from speech2img.cli.main import main
from speech2img.errors import CheckpointError, ConfigError
from speech2img.pipeline import SpeechToImage
from speech2img.recognition.cascade import save_reading_encoder
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.writing import release_config, save_release

Maker = Callable[..., Path]


def test_a_text_encoder_alone_makes_a_model_of_text(tmp_path: Path, make_release: Maker) -> None:
    letters, generator = (
        text_encoder_release(tmp_path / "letters"),
        make_release(tmp_path / "g", kind="image-generator"),
    )
    words = ["compose", "--text-encoder", str(letters)]
    assert main([*words, "--generator", str(generator), "--out", str(tmp_path / "whole")]) == 0
    assert main([*words, "--out", str(tmp_path / "reader")]) == 0
    config = release_config(tmp_path / "reader")
    assert (config["kind"], config["encoder"]["network"]) == ("speech-encoder", "text")
    assert config["trained_with"] == {"imitated encoder": "0" * 64, "text encoder": release_sha256(letters)}

    # The reader before the generator, and the release of both, draw the same.
    pair = SpeechToImage.load(tmp_path / "reader", generator=generator, device="cpu")
    whole = SpeechToImage.load(tmp_path / "whole", device="cpu")
    assert whole.reads_text and "text" in whole.capabilities and not whole.has_transcript
    images = [pipe.generate(pipe.encode_texts(["a red bird"]), seed=2) for pipe in (pair, whole)]
    assert np.abs(images[0].astype(int) - images[1].astype(int)).max() <= 1
    unread = whole.encode_texts(["a red bird", "鳥"])
    assert unread.texts == ("a red bird", "") and np.isnan(unread.sentences[1]).all()


def test_what_hears_does_not_read(tmp_path: Path, make_release: Maker) -> None:
    pipe = SpeechToImage.load(make_release(tmp_path / "speech"), device="cpu")
    assert not pipe.reads_text and "text" not in pipe.capabilities
    with pytest.raises(ConfigError, match="speech: hears recordings and cannot read text; speak it"):
        pipe.encode_texts(["a bird"])


def test_what_does_not_fit_is_named(tmp_path: Path, make_release: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    letters = text_encoder_release(tmp_path / "letters")
    for words, message in (
        (
            ["--recogniser", "x", "--generator", "g"],
            "it is not clear what hears or reads; give --encoder, --text-encoder",
        ),
        (["--encoder", "e", "--text-encoder", "t"], "it is not clear what hears or reads"),
        (["--encoder", "songbirds"], "nothing generates; give --generator"),
        (["--text-encoder", "songbirds"], "holds a 'speech-to-image', not a text encoder"),
    ):
        assert main(["compose", *words, "--out", str(tmp_path / "out")]) > 0
        assert message in capsys.readouterr().err and not (tmp_path / "out").exists()

    # A generator that looks at words, and a text encoder without them.
    save_reading_encoder(str(letters), tmp_path / "reader")
    codec = token_diffusions.small_token_codec(tmp_path / "codec")
    sizes = {"embedding_dim": 16, "image_size": 64, "width": 16, "depth": 1, "num_heads": 2, "form": "text"}
    from speech2img.models.generators.registry import build_generator

    arguments = {"network": "vq-diffusion", **sizes, "codec": token_diffusions.CODEC}
    network = build_generator(**arguments)
    tensors = {f"generator.{name}": value for name, value in network.state_dict().items()}
    save_release(tmp_path / "looks", tensors, {"kind": "image-generator", "generator": arguments}, "# Generator\n")
    assert codec.name and load_release(tmp_path / "looks")
    with pytest.raises(CheckpointError, match="looks at frames, and the text encoder gives sentences alone"):
        SpeechToImage.load(tmp_path / "reader", generator=tmp_path / "looks", device="cpu")
