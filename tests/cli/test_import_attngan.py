"""``speech2img import`` of AttnGAN, StackGAN-v1 and Reed et al.: what comes out works, what is wrong is named."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.published_states import PUBLISHED, VOCABULARY, save_captions
from helpers.trainer_checkpoints import refusal

from speech2img.cli.main import main
from speech2img.corpora.readers.attngan_captions import read_captions, read_vocabulary
from speech2img.errors import ConfigError, DataError, UnsafeFileError
from speech2img.generation import EmbeddingsToImage
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.adversarial.damsm import load_damsm


def released(source: str, folder: Path, *options: str) -> Path:
    torch.save(PUBLISHED[source](), folder / "a.pth")
    assert main(["import", source, str(folder / "a.pth"), "--out", str(folder / source), *options]) == 0
    return folder / source


def text_refusal(folder: Path, capsys: pytest.CaptureFixture[str], *, status: int = 1) -> str:
    """The one line that the text encoder is refused with."""
    torch.save(PUBLISHED["attngan-text-encoder"](), folder / "t.pth")
    words = str(folder / "captions.pickle")
    argv = [
        "import",
        "attngan-text-encoder",
        str(folder / "t.pth"),
        "--out",
        str(folder / "out"),
        "--vocabulary",
        words,
    ]
    assert main(argv) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "bug" not in lines[0] and not (folder / "out").exists()
    return lines[0]


@pytest.mark.parametrize(("source", "sides"), [("stackgan-v1-stage1", [64]), ("stackgan-v1-stage2", [64, 256])])
def test_stages_of_stackgan_v1_draw(source: str, sides: list[int], tmp_path: Path) -> None:
    model = EmbeddingsToImage.load(released(source, tmp_path), device="cpu")
    images = model.generate(np.zeros((1, 8), np.float32), return_stages=True)
    assert [stage.shape[2] for stage in images] == sides


def test_the_other_stage_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(PUBLISHED["stackgan-v1-stage2"](), tmp_path / "a.pth")
    line = refusal(capsys, "stackgan-v1-stage1", tmp_path / "a.pth", tmp_path / "out")
    assert "holds stage II of StackGAN-v1: use stackgan-v1-stage2" in line


def test_attngans_generator_keeps_its_mask_and_asks_for_words(tmp_path: Path) -> None:
    folder = released("attngan-generator", tmp_path)
    assert load_release(folder)[1]["generator"]["form"] == "published"
    model = EmbeddingsToImage.load(folder, device="cpu")
    with pytest.raises(ConfigError, match="its generator looks at the frames, not at embeddings alone"):
        model.generate(np.zeros((1, 8), np.float32))


def test_text_encoders_come_with_their_words_and_letters(tmp_path: Path) -> None:
    save_captions(tmp_path / "captions.pickle")
    words = released("attngan-text-encoder", tmp_path, "--vocabulary", str(tmp_path / "captions.pickle"))
    for folder, dim in ((words, 8), (released("char-cnn-rnn", tmp_path), 4)):
        tensors, config = load_release(folder)
        assert config["kind"] == "text-encoder"
        state = strip_prefix(tensors, "text_encoder.")
        encoder = build_network(build_text_encoder, config["text_encoder"], state, name=str(folder)).eval()
        assert encoder.encode(["a red bird", "bird"]).sentence.shape == (2, dim)
    assert load_release(words)[1]["text_encoder"]["vocabulary"] == VOCABULARY


def test_the_image_encoder_is_a_damsm_for_words(tmp_path: Path) -> None:
    folder = released("attngan-image-encoder", tmp_path)
    assert load_release(folder)[1]["damsm"] == {"trunk": "inception", "embedding_dim": 8, "align_corners": True}
    with pytest.raises(ConfigError, match="trained on embeddings of None numbers, these have 16"):
        load_damsm(folder, speech_dim=16, device=torch.device("cpu"))


def test_a_vocabulary_that_is_missing_or_of_another_size_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(PUBLISHED["attngan-text-encoder"](), tmp_path / "t.pth")
    assert main(["import", "attngan-text-encoder", str(tmp_path / "t.pth"), "--out", str(tmp_path / "out")]) == 2
    assert "add --vocabulary captions.pickle" in capsys.readouterr().err
    assert "captions.pickle" in text_refusal(tmp_path, capsys)
    save_captions(tmp_path / "captions.pickle", vocabulary=f"{VOCABULARY} blue green")
    line = text_refusal(tmp_path, capsys)
    assert "has 4 words, the vocabulary 6: they must come from the same download" in line and "t.pth" in line


def test_captions_are_read_as_they_were_written(tmp_path: Path) -> None:
    save_captions(tmp_path / "captions.pickle")
    captions = read_captions(tmp_path / "captions.pickle")
    assert captions.train == ((1, 3, 2), (2,)) and captions.test == ((1,),)
    assert captions.text(captions.train[0]) == "a red bird"
    assert read_vocabulary(tmp_path / "captions.pickle") == VOCABULARY


class Hostile:
    """Pickles as a call."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


def test_captions_run_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "captions.pickle"
    path.write_bytes(pickle.dumps([[], [], {0: "<end>"}, {"<end>": Hostile(tmp_path / "ran")}], protocol=2))
    with pytest.raises(UnsafeFileError, match="is refused"):
        read_captions(path)
    assert "is refused" in text_refusal(tmp_path, capsys) and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([[], []], "four parts were expected"),
        ({"a": 1}, "four parts were expected"),
        ([[], [], {}, {}], "no tables of words"),
        ([[], [], {1: "a"}, {"a": 1}], "number 0 is no word: None"),
        ([[], [], {0: "<end>", 1: "a b"}, {"<end>": 0, "a b": 1}], "number 1 is no word: 'a b'"),
        ([[], [], {0: "<end>", 1: "a"}, {"<end>": 0, "a": 2}], "its two tables disagree on 'a'"),
        ([[], [], {0: "a"}, {"a": 0}], "does not begin with <end>"),
        ([[], [], {0: "<end>"}, {"<end>": 0, "b": 1}], "its tables have other sizes"),
        ([[[1]], [], {0: "<end>"}, {"<end>": 0}], "caption 0 is no list of numbers below 1"),
        ([3, [], {0: "<end>"}, {"<end>": 0}], "no list of captions"),
    ],
)
def test_what_is_no_captions_pickle_is_named(content: object, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "captions.pickle"
    path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataError, match=f"captions.pickle: .*{reason}"):
        read_captions(path)
