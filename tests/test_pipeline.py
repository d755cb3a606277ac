"""``SpeechToImage``: loading by name and path, what a call returns, repeatability, and its messages."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import speech2img
from speech2img.audio.mel import MEL_PRESETS
from speech2img.audio.remarks import RecordingWarning
from speech2img.audio.trimming import trim_silence
from speech2img.errors import AudioError, CheckpointError, ConfigError
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases import find_release as releases
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.writing import save_release

ReleaseMaker = Callable[..., Path]


def _tone(path: Path, *, seconds: float = 1.5, rate: int = 16000, pitch: float = 300, channels: int = 1) -> Path:
    time = np.arange(int(seconds * rate)) / rate
    y = 0.3 * np.sin(2 * np.pi * pitch * time * (1 + 0.3 * time)) * (0.6 + 0.4 * np.sin(9 * time))
    soundfile.write(path, np.stack([y] * channels, axis=1), rate)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_release: ReleaseMaker) -> Path:
    """A tiny whole model with random weights."""
    return make_release(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def pipe(folder: Path) -> SpeechToImage:
    """The tiny model, loaded."""
    return SpeechToImage.load(folder, device="cpu")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Recordings of three lengths and formats."""
    where = tmp_path_factory.mktemp("audio")
    return [
        _tone(where / "a.wav"),
        _tone(where / "b.flac", seconds=3, rate=44100, pitch=500, channels=2),
        _tone(where / "c.ogg", seconds=0.8, rate=22050, pitch=150),
    ]


def test_one_recording_gives_one_picture(pipe: SpeechToImage, recordings: list[Path]) -> None:
    image = pipe(recordings[0], seed=0)
    assert isinstance(image, Image.Image)
    assert image.size == (128, 128) == (pipe.image_size, pipe.image_size) and image.mode == "RGB"
    assert np.asarray(image).std() > 1
    assert pipe(str(recordings[0])) == image and pipe(recordings[0].read_bytes()) == image


def test_lists_numbers_and_stages(pipe: SpeechToImage, recordings: list[Path]) -> None:
    many = pipe(recordings)
    assert [type(one) for one in many] == [Image.Image] * 3
    assert pipe([]) == []
    few = pipe(recordings[0], num_images=3)
    # Batches of other sizes are added up in another order: one grey level.
    assert len(few) == 3 and np.ptp(np.asarray(few[0], int) - np.asarray(pipe(recordings[0]), int)) <= 1
    assert few[0] != few[1]
    stages = pipe(recordings[0], return_stages=True)
    assert [stage.size for stage in stages] == [(64, 64), (128, 128)]
    nested = pipe(recordings[:2], num_images=2, return_stages=True)
    assert [[[s.size[0] for s in stages] for stages in pictures] for pictures in nested] == [[[64, 128]] * 2] * 2


def test_same_seed_same_picture_other_seed_another(pipe: SpeechToImage, recordings: list[Path]) -> None:
    assert pipe(recordings[0], seed=5) == pipe(recordings[0], seed=5)
    assert pipe(recordings[0], seed=5) != pipe(recordings[0], seed=6)


def test_a_picture_does_not_depend_on_its_batch(pipe: SpeechToImage, recordings: list[Path]) -> None:
    vectors = pipe.encode_paths(recordings * 3, batch_size=2)
    whole = pipe.generate(vectors, seed=3, num_images=2, batch_size=5, first_index=0)
    assert whole.shape == (9, 2, 128, 128, 3) and whole.dtype == np.uint8
    for start, stop in ((0, 4), (4, 5), (5, 9)):
        part = pipe.generate(vectors[start:stop], seed=3, num_images=2, first_index=start)
        assert np.abs(part.astype(int) - whole[start:stop].astype(int)).max() <= 1
    assert not np.array_equal(whole[0, 0], whole[3, 0])  # same utterance, other index: other noise


def test_the_place_in_a_list_does_not_matter(pipe: SpeechToImage, recordings: list[Path]) -> None:
    alone = [np.asarray(pipe(path, seed=4)).astype(int) for path in recordings]
    for order in ((0, 1, 2), (2, 0, 1), (1, 1, 1)):
        together = pipe([recordings[n] for n in order], seed=4)
        for n, picture in zip(order, together, strict=True):
            assert np.abs(np.asarray(picture).astype(int) - alone[n]).max() <= 1


def test_a_picture_does_not_depend_on_how_many_are_painted(pipe: SpeechToImage) -> None:
    vectors = np.random.default_rng(0).standard_normal((3, 16)).astype(np.float32)
    many, few = (pipe.generate(vectors, seed=2, num_images=k).astype(int) for k in (5, 2))
    assert np.abs(many[:, :2] - few).max() <= 1


def test_pictures_of_a_part_are_those_of_the_whole(pipe: SpeechToImage) -> None:
    vectors = np.random.default_rng(0).standard_normal((2, 16)).astype(np.float32)
    whole = pipe.generate(vectors, seed=2, num_images=6, first_index=4).astype(int)
    part = pipe.generate(vectors, seed=2, num_images=2, first_index=4, first_image=3).astype(int)
    assert np.abs(whole[:, 3:5] - part).max() <= 1


@pytest.mark.parametrize("embeddings", ["words", None, [[1.0], [1.0, 2.0]], [[True] * 16], object(), [10**400] * 16])
def test_what_is_no_array_of_embeddings_is_refused(pipe: SpeechToImage, embeddings: Any) -> None:
    with pytest.raises(ConfigError, match=r"generate: .*\(N, 16\)"):
        pipe.generate(embeddings)


@pytest.mark.parametrize("candidates", [0, -1, 1.5, "2", True, 10**9])
def test_candidates_are_a_number_that_can_be_painted(folder: Path, candidates: Any) -> None:
    with pytest.raises(ConfigError, match="candidates: .* at least 1 and at most 1,000"):
        SpeechToImage.load(folder, candidates=candidates)


def test_loading_leaves_all_random_states_alone(folder: Path) -> None:
    import random

    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    SpeechToImage.load(folder, device="cpu")
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]


def test_embeddings_do_not_depend_on_their_batch(pipe: SpeechToImage, recordings: list[Path]) -> None:
    alone = pipe.encode(recordings[2])
    assert alone.shape == (16,) and alone.dtype == np.float32
    together = pipe.encode_paths([recordings[1], recordings[2], recordings[0]])
    assert together.shape == (3, 16)
    np.testing.assert_allclose(together[1], alone, atol=1e-5)


def test_arrays_are_taken_at_the_presets_rate(pipe: SpeechToImage, recordings: list[Path]) -> None:
    y, rate = soundfile.read(recordings[0], dtype="float32")
    assert rate == pipe.mel.sample_rate == MEL_PRESETS["li2020"].sample_rate
    np.testing.assert_allclose(pipe.encode(y), pipe.encode(recordings[0]), atol=1e-5)
    for bad in (np.zeros((2, 1000)), np.full(1000, np.nan), np.zeros(0)):
        with pytest.raises(AudioError, match="mono waveform"):
            pipe.encode(bad)


def test_silence_around_the_speech_is_left_out_and_said(
    pipe: SpeechToImage, folder: Path, recordings: list[Path]
) -> None:
    y, rate = soundfile.read(recordings[0], dtype="float32")
    around = np.concatenate((np.zeros(5 * rate, np.float32), y, np.zeros(2 * rate, np.float32)))
    with pytest.warns(RecordingWarning, match=r"recording: silence left out: [45]\.\d s before and 1\.9 s after the"):
        trimmed = pipe.encode((rate, around))

    # What is not trimmed is another recording, and nothing is trimmed where there is no silence.
    plain = SpeechToImage.load(folder, device="cpu", trim=False)
    assert np.array_equal(trimmed, plain.encode((rate, trim_silence(around, rate).y)))
    assert not np.allclose(trimmed, plain.encode((rate, around)), atol=0.02)
    assert np.array_equal(pipe.encode((rate, y)), plain.encode((rate, y)))


def test_stages_of_generate(pipe: SpeechToImage) -> None:
    stages = pipe.generate(np.zeros((2, 16), dtype=np.float32), return_stages=True)
    assert [stage.shape for stage in stages] == [(2, 1, 64, 64, 3), (2, 1, 128, 128, 3)]
    assert pipe.generate(np.zeros(16)).shape == (1, 1, 128, 128, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"num_images": 0},
        {"seed": -1},
        {"seed": None},
        {"seed": 1.5},
        {"seed": "1"},
        {"seed": True},
        {"num_images": None},
        {"num_images": 10**9},
        {"batch_size": 0},
        {"first_index": -1},
    ],
)
def test_impossible_numbers_are_refused(pipe: SpeechToImage, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="at least"):
        pipe.generate(np.zeros((1, 16)), **settings)


@pytest.mark.parametrize("shape", [(2, 15), (0, 16), (1, 2, 16)])
def test_embeddings_of_another_shape_are_refused(pipe: SpeechToImage, shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"\(N, 16\)"):
        pipe.generate(np.zeros(shape))


def test_embeddings_that_are_not_finite_are_refused(pipe: SpeechToImage) -> None:
    with pytest.raises(ConfigError, match="finite"):
        pipe.generate(np.full((1, 16), np.nan))


def test_run_folder_and_weights_file_lead_to_the_release(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "run" / "export")
    (tmp_path / "run" / "checkpoints" / "step-00000010").mkdir(parents=True)
    assert find_release(tmp_path / "run") == tmp_path / "run" / "export"
    assert find_release(folder / "weights.safetensors") == folder
    assert speech2img.load(tmp_path / "run", device="cpu").weights_sha256 == SpeechToImage.load(folder).weights_sha256
    with pytest.raises(CheckpointError, match="give the run folder"):
        find_release(tmp_path / "run" / "checkpoints" / "step-00000010")


def test_run_without_weights_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(CheckpointError, match="let the training reach"):
        SpeechToImage.load(tmp_path)


def test_unknown_name_lists_the_known_and_the_nearest(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "songbirds")
    shutil.copytree(folder, tmp_path / "parrots")
    monkeypatch.setattr(releases, "shipped_folder", lambda: tmp_path)
    with pytest.raises(CheckpointError, match="did you mean 'songbirds'.*parrots, songbirds"):
        SpeechToImage.load("songbird")
    assert SpeechToImage.load("songbirds").name == "songbirds"


def test_encoder_and_generator_released_apart(
    tmp_path: Path, recordings: list[Path], make_release: ReleaseMaker
) -> None:
    encoder = make_release(tmp_path / "encoder", kind="speech-encoder")
    generator = make_release(tmp_path / "generator", kind="image-generator", conditioning="sampled")
    alone = SpeechToImage.load(encoder, device="cpu")
    assert alone.encode(recordings[0]).shape == (16,) and alone.image_size == 0
    with pytest.raises(ConfigError, match="has no generator"):
        alone(recordings[0])
    whole = SpeechToImage.load(encoder, generator=generator, device="cpu")
    assert whole(recordings[0]).size == (128, 128)
    assert whole.weights_sha256.count("+") == 1
    with pytest.raises(CheckpointError, match="not a speech encoder"):
        SpeechToImage.load(generator)
    with pytest.raises(CheckpointError, match="not a generator"):
        SpeechToImage.load(encoder, generator=encoder)


def test_sampled_conditioning_draws_and_mean_does_not(folder: Path, tmp_path: Path, make_release: ReleaseMaker) -> None:
    sampled = SpeechToImage.load(make_release(tmp_path / "s", conditioning="sampled"), device="cpu")
    mean = SpeechToImage.load(folder, device="cpu")
    vector = np.ones((1, 16), dtype=np.float32)
    assert not np.array_equal(sampled.generate(vector), mean.generate(vector))
    np.testing.assert_array_equal(sampled.generate(vector), sampled.generate(vector))


def test_encoder_and_generator_must_fit(tmp_path: Path, make_release: ReleaseMaker) -> None:
    encoder = make_release(tmp_path / "encoder", kind="speech-encoder")
    torch.manual_seed(0)
    settings = {"embedding_dim": 12, "width": 8, "num_stages": 1}
    other = StackGenerator(**settings)
    save_release(
        tmp_path / "g",
        {f"generator.{k}": v for k, v in other.state_dict().items()},
        {"kind": "image-generator", "generator": settings},
        "# card",
    )
    with pytest.raises(CheckpointError, match="16.*12|12.*16"):
        SpeechToImage.load(encoder, generator=tmp_path / "g")


def test_damaged_weights_and_unknown_presets(tmp_path: Path, make_release: ReleaseMaker) -> None:
    damaged = make_release(tmp_path / "damaged")
    data = bytearray((damaged / "weights.safetensors").read_bytes())
    data[-100] ^= 1
    (damaged / "weights.safetensors").write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="damaged"):
        SpeechToImage.load(damaged)
    with pytest.raises(CheckpointError, match="mel preset 'li2021'"):
        SpeechToImage.load(make_release(tmp_path / "preset", mel_preset="li2021"))
    with pytest.raises(CheckpointError, match="settings"):
        SpeechToImage.load(make_release(tmp_path / "settings", encoder={"colour": 3}))


def test_bad_recordings_name_the_file(pipe: SpeechToImage, tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("not sound")
    for source in (text, tmp_path / "missing.wav"):
        with pytest.raises(AudioError, match=source.name):
            pipe(source)
    with pytest.raises(AudioError, match="at least one recording"):
        pipe.encode_paths([])


def test_unknown_device(folder: Path) -> None:
    with pytest.raises(ConfigError, match="device 'gpu7'"):
        SpeechToImage.load(folder, device="gpu7")


@pytest.mark.gpu
def test_cuda_gives_the_cpus_picture(folder: Path, recordings: list[Path]) -> None:
    on_cpu = SpeechToImage.load(folder, device="cpu").generate(np.ones((2, 16)), seed=1)
    on_cuda = SpeechToImage.load(folder, device="cuda").generate(np.ones((2, 16)), seed=1)
    assert np.abs(on_cpu.astype(int) - on_cuda.astype(int)).mean() < 0.5


def test_a_front_end_of_other_bands_than_the_encoder_is_named(make_release: ReleaseMaker, tmp_path: Path) -> None:
    folder = make_release(tmp_path / "release", mel_preset="tacotron2")
    with pytest.raises(CheckpointError, match="takes 40 mel bands, and its mel preset 'tacotron2' gives 80; use the"):
        SpeechToImage.load(folder)
    for name in (None, [], "maen"):
        with pytest.raises(CheckpointError, match="mel.preset"):
            SpeechToImage.load(make_release(tmp_path / "release", mel_preset=name))
