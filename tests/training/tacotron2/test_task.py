"""Training of Tacotron 2: its losses by hand, its clips with whatever is wrong in them, a run and its resumption."""

import json
import math
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from speech2img.audio.io import read_audio
from speech2img.audio.mel import log_mel, mel_preset
from speech2img.audio.wav import write_wav
from speech2img.cli.main import main
from speech2img.corpora.readers.ljspeech import clips_sha256, read_clips
from speech2img.errors import ConfigError, DataError, SynthesisError
from speech2img.losses.tacotron2 import frame_loss, guided_attention_loss, stop_loss
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.release import load_release
from speech2img.training.run import LoopSettings
from speech2img.training.tacotron2.data import ClipBatches
from speech2img.training.tacotron2.plots import heat_image
from speech2img.training.tacotron2.settings import Tacotron2ModelSettings, Tacotron2Settings
from speech2img.training.tacotron2.task import Tacotron2Task
from speech2img.training.train import train
from speech2img.tts.tacotron2.engine import Tacotron2Options, Tacotron2Synthesizer

STEPS = 4
SMALL = Tacotron2ModelSettings(
    encoder_dim=16,
    attention_dim=8,
    location_filters=4,
    location_kernel=7,
    prenet_dim=8,
    attention_rnn_dim=16,
    decoder_rnn_dim=16,
    postnet_dim=8,
    postnet_layers=2,
    frames_per_step=2,
)
SETTINGS = Tacotron2Settings(
    model=SMALL,
    batch_size=2,
    guided_attention=1.0,
    frame_loss="mse+l1",
    held_out=1,
    evaluation_clips=2,
    loop=LoopSettings(max_steps=STEPS, evaluate_every=2, grid_every=2, log_every=1, precision="fp32", threads=1),
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five bursts of noise of different lengths with their texts."""
    root = tmp_path_factory.mktemp("clips")
    (root / "wavs").mkdir()
    generator = np.random.default_rng(0)
    lines = []
    for number in range(5):
        y = 0.1 * generator.standard_normal(3000 + 1500 * number).astype(np.float32)
        write_wav(root / "wavs" / f"clip{number}.wav", y, sample_rate=22_050)
        lines.append(f"clip{number}|Clip no. {number}|clip number {number}, said aloud.")
    (root / "metadata.csv").write_text("\n".join([*lines, "", ""]), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def trained(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert train("tacotron2", clips, folder, SETTINGS, progress=False).finished
    return folder


def test_frame_loss_leaves_padding_out() -> None:
    predicted, true = torch.randn(2, 3, 5), torch.randn(2, 3, 5)
    valid = torch.tensor([[1.0, 1, 1, 1, 1], [1, 1, 0, 0, 0]])[:, None]
    difference = torch.cat((predicted[0] - true[0], (predicted[1] - true[1])[:, :2]), dim=1)
    torch.testing.assert_close(frame_loss(predicted, true, valid), difference.square().mean())
    torch.testing.assert_close(frame_loss(predicted, true, valid, kind="l1"), difference.abs().mean())
    both = difference.square().mean() + difference.abs().mean()
    torch.testing.assert_close(frame_loss(predicted, true, valid, kind="mse+l1"), both)


def test_stop_loss_wants_the_last_step_and_no_other() -> None:
    steps = torch.tensor([4, 2])
    right = torch.tensor([[-9.0, -9, -9, 9], [-9, 9, 50, -50]])
    assert stop_loss(right, steps) < 1e-3
    flat = torch.zeros(2, 4)
    assert float(stop_loss(flat, steps)) == pytest.approx(math.log(2))
    assert float(stop_loss(flat, steps, positive=4.0)) == pytest.approx(math.log(2) * (4 + 4 * 2) / 6)


def test_guided_attention_by_the_papers_formula() -> None:
    steps, symbols = torch.tensor([6, 3]), torch.tensor([4, 2])
    weights = torch.rand(2, 6, 4)
    total = []
    for row, (count, length) in enumerate(((6, 4), (3, 2))):
        for step in range(count):
            total.append(
                sum(
                    float(weights[row, step, symbol]) * (1 - math.exp(-((symbol / length - step / count) ** 2) / 0.08))
                    for symbol in range(4)
                )
            )
    assert float(guided_attention_loss(weights, steps, symbols)) == pytest.approx(np.mean(total), rel=1e-5)
    diagonal = torch.eye(8)[None]
    assert float(guided_attention_loss(diagonal, torch.tensor([8]), torch.tensor([8]))) == 0.0
    assert float(guided_attention_loss(diagonal.flip(1), torch.tensor([8]), torch.tensor([8]))) > 0.7


def test_clips_and_batches(clips: Path) -> None:
    found = read_clips(clips)
    assert [clip.name for clip in found] == [f"clip{number}" for number in range(5)]
    assert found[1].text == "clip number 1, said aloud."
    batches = ClipBatches(
        found, preset="tacotron2", cleaner="english", frames_per_step=4, batch_size=2, seed=0, held_out=1
    )
    seen = {int(index) for _ in range(8) for index in batches.next().indices_B}
    assert seen == {0, 1, 2, 3}
    batch = batches.take(np.array([4, 0]))
    preset = mel_preset("tacotron2")
    mel = log_mel(read_audio(found[0].path, sample_rate=22_050), preset=preset)
    frames = mel.shape[1]
    assert batch.mel_lengths_B[1] == 4 * math.ceil(frames / 4) and batch.mel_BMT.shape[2] == batch.mel_lengths_B[0]
    np.testing.assert_array_equal(batch.mel_BMT[1, :, :frames], mel)
    assert bool((batch.mel_BMT[1, :, frames:] == preset.pad_value).all())
    assert batch.lengths_B.tolist() == [len("clip number four, said aloud."), len("clip number zero, said aloud.")]


def folder_with(tmp_path: Path, metadata: bytes) -> Path:
    (tmp_path / "wavs").mkdir(parents=True, exist_ok=True)
    write_wav(tmp_path / "wavs" / "a.wav", np.hanning(9000), sample_rate=22_050)
    (tmp_path / "metadata.csv").write_bytes(metadata)
    return tmp_path


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (b"", "no clips"),
        (b"a\n", "line 1"),
        (b"a|text\na|text\n", "line 2"),
        (b"a|b|c|d\n", "line 1"),
        (b"a|\n", "line 1"),
        (b"../wavs/a|text\n", "line 1"),
        (b"b|text\n", "no such recording"),
        (b"a|caf\xe9\n", "cannot be read"),
    ],
)
def test_wrong_metadata_is_named(tmp_path: Path, metadata: bytes, words: str) -> None:
    with pytest.raises(DataError, match=f"metadata.csv.*{words}"):
        read_clips(folder_with(tmp_path, metadata))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.one_of(st.binary(), st.text(alphabet="a|\n./\r\0é").map(str.encode)))
def test_any_metadata_is_read_or_refused(tmp_path: Path, metadata: bytes) -> None:
    try:
        assert all(clip.path.is_file() for clip in read_clips(folder_with(tmp_path, metadata)))
    except DataError as error:
        assert "metadata.csv" in str(error)


def test_missing_folder_damaged_wav_and_unspeakable_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="metadata.csv"):
        read_clips(tmp_path / "nowhere")
    root = folder_with(tmp_path, b"a|\xe6\x97\xa5\n")
    with pytest.raises(DataError, match="can be spoken"):
        train("tacotron2", root, tmp_path / "run", SETTINGS_ALL, progress=False)
    root = folder_with(tmp_path, b"a|text\n")
    (root / "wavs" / "a.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(DataError, match="a.wav"):
        train("tacotron2", root, tmp_path / "run", SETTINGS_ALL, progress=False)
    with pytest.raises(DataError, match="held_out"):
        train("tacotron2", root, tmp_path / "run", SETTINGS, progress=False)


SETTINGS_ALL = Tacotron2Settings(model=SMALL, batch_size=2, loop=SETTINGS.loop)


def test_a_run_measures_draws_and_exports_a_voice(clips: Path, trained: Path, tmp_path: Path) -> None:
    _, config = load_release(trained / "export")
    assert config["kind"] == "tacotron2" and config["step"] == STEPS and config["tacotron2"]["frames_per_step"] == 2
    picture = Image.open(trained / "grids" / "attention-00000004.png")
    assert picture.width > 80 and Image.open(trained / "grids" / "mel-00000004.png").height > 160
    lines = (trained / "stats.jsonl").read_text()
    assert '"diagonal"' in lines and '"guided"' in lines
    engine = Tacotron2Synthesizer(trained, options=Tacotron2Options(rows=2, max_steps=5))
    with pytest.raises(SynthesisError, match="decoder steps|was read"):
        engine.synthesize("a bird", voice="tacotron2")


def test_an_interrupted_run_ends_bit_for_bit_the_same(
    clips: Path, trained: Path, tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    step: Callable[..., Any] = Tacotron2Task.train_step

    def stopping(self: Tacotron2Task, batch: Any, progress: float) -> Any:
        nonlocal calls
        calls += 1
        if calls in (1, 3):
            signal.raise_signal(signal.SIGTERM)
        return step(self, batch, progress)

    monkeypatch.setattr(Tacotron2Task, "train_step", stopping)
    sittings = 0
    while not train("tacotron2", clips, tmp_path / "run", SETTINGS, progress=False).finished:
        sittings += 1
    assert sittings == 2
    states = []
    for folder in (trained, tmp_path / "run"):
        store = CheckpointStore(folder / "checkpoints")
        state, _ = store.load(store.folder / f"step-{STEPS:08d}")
        states.append(toy.digest(state["task"]))
    assert states[0] == states[1]


def test_another_corpus_does_not_go_on(clips: Path, trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "wavs").symlink_to(clips / "wavs")
    text = (clips / "metadata.csv").read_text()
    (other / "metadata.csv").write_text(text.replace("aloud", "softly"))
    assert clips_sha256(read_clips(other)) != clips_sha256(read_clips(clips))
    with pytest.raises(ConfigError, match="clips_sha256"):
        train("tacotron2", other, trained, SETTINGS, progress=False)


def test_the_verb(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = "encoder_dim=8 attention_dim=4 prenet_dim=4 attention_rnn_dim=8 decoder_rnn_dim=8 postnet_dim=4"
    command = ["train", "tacotron2", "--root", str(clips), "--out", str(tmp_path / "run"), "--set", "batch_size=2"]
    for size in [*(f"model.{size}" for size in sizes.split()), "loop.max_steps=1", "loop.threads=1"]:
        command += ["--set", size]
    assert main(command) == 0
    assert "step 1, finished" in capsys.readouterr().out
    assert main(["train", "tacotron2", "--root", str(tmp_path), "--out", str(tmp_path / "x")]) == 1
    assert "keithito.com/LJ-Speech-Dataset" in capsys.readouterr().err


def test_a_few_steps_lower_the_loss_on_real_speech(realdata: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(realdata / "ljspeech8.zip") as archive:
        for name in ("LJ001-0002", "LJ001-0008"):
            archive.extract(f"wavs/{name}.wav", tmp_path)
    (tmp_path / "metadata.csv").write_text(
        "LJ001-0002|in being comparatively modern.\nLJ001-0008|has never been surpassed.\n", encoding="utf-8"
    )
    loop = LoopSettings(max_steps=8, evaluate_every=1, grid_every=0, log_every=1, precision="fp32", threads=1)
    result = train(
        "tacotron2",
        tmp_path,
        tmp_path / "run",
        Tacotron2Settings(model=SMALL, batch_size=2, learning_rate=1e-2, loop=loop),
        progress=False,
    )
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    first = next(line for line in lines if line["kind"] == "evaluation")
    assert result.metrics["mel"] < 0.9 * first["mel"]


@pytest.mark.parametrize(
    "wrong",
    [{"encoder_dim": 7}, {"location_kernel": 4}, {"prenet_dropout": 1.0}, {"frames_per_step": 0}, {"dropout": -0.1}],
)
def test_model_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Tacotron2ModelSettings(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"clip": 0.0}, {"guided_width": 0.0}, {"guided_attention": -1.0}, {"held_out": -1}, {"batch_size": 0}]
)
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Tacotron2Settings(**wrong)


def test_heat_picture_puts_the_first_row_at_the_bottom() -> None:
    picture = np.asarray(
        heat_image(np.array([[1.0, 0.0], [0.0, 0.0]]), title="t", x_label="x", y_label="y", scale=(10, 10))
    )
    height = picture.shape[0]
    bright = np.argwhere(picture[16 : height - 18, 44:64].sum(axis=2) > 600)
    assert bright[:, 0].min() >= 10 and bright[:, 1].max() < 10
    assert heat_image(np.zeros((3, 3)), title="", x_label="", y_label="").size[0] > 0
