"""Features do not depend on batch size, workers, order or interruptions; and agree with the golden values."""

import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.errors import CheckpointError, ConfigError, DataError, ImageError, MetricError, RunInterrupted
from speech2img.features.inception import InceptionExtractor, load_inception
from speech2img.metrics.functional.feature_statistics import FeatureStatistics
from speech2img.metrics.functional.frechet_distance import frechet_distance
from speech2img.metrics.images import features as picture_features
from speech2img.metrics.images.features import FeatureSettings, extract_features
from speech2img.metrics.images.sources import ArrayImages, FileImages, ImageFile, folder_images
from speech2img.models.vision.inception import InceptionV3
from speech2img.storage.releases.writing import save_release

SETTINGS = FeatureSettings(taps=("pool64",))


class CountingReader(InceptionExtractor):
    """Remembers how many pictures it read; interrupts where told."""

    interrupt_after: int | None = None
    pictures = 0

    def read(self, prepared: torch.Tensor, taps: Sequence[str]) -> dict[str, np.ndarray]:
        if self.interrupt_after is not None and self.pictures >= self.interrupt_after:
            raise KeyboardInterrupt
        self.pictures += len(prepared)
        return super().read(prepared, taps)


@pytest.fixture(scope="module")
def network() -> InceptionV3:
    torch.manual_seed(0)
    network = InceptionV3(depth="6e", num_classes=None)
    for layer in network.stem:
        torch.nn.init.kaiming_normal_(layer.weight)
    return network


@pytest.fixture
def reader(network: InceptionV3) -> CountingReader:
    return CountingReader(network, name="test", weights_sha256="0" * 64)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_features, "CHUNK", 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(11):
        path = tmp_path / "pictures" / f"{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


def test_batch_size_workers_and_order_change_nothing(folder: Path, reader: CountingReader) -> None:
    whole = extract_features(folder_images(folder), reader, settings=SETTINGS, progress=False)
    assert whole.features["pool64"].shape == (11, 64) and whole.features["pool64"].std(axis=0).max() > 1e-3
    assert whole.ids[:3] == ("0/0.png", "0/3.png", "0/6.png") and whole.protocol.n == 11
    for batch_size, workers in ((1, 1), (3, 4), (100, 2)):
        again = extract_features(
            folder_images(folder), reader, settings=SETTINGS, batch_size=batch_size, workers=workers, progress=False
        )
        np.testing.assert_allclose(again.features["pool64"], whole.features["pool64"], rtol=1e-5, atol=1e-6)
        assert again.protocol == whole.protocol
    files = [ImageFile(f"{n % 3}/{n}.png", folder / f"{n % 3}/{n}.png") for n in reversed(range(11))]
    listed = extract_features(FileImages(files, name="list"), reader, settings=SETTINGS, progress=False)
    np.testing.assert_array_equal(listed.features["pool64"], whole.features["pool64"])
    assert listed.protocol == whole.protocol
    pixels = np.stack([np.asarray(Image.open(folder / name)) for name in whole.ids])
    array = extract_features(ArrayImages(pixels), reader, settings=SETTINGS, progress=False)
    np.testing.assert_array_equal(array.features["pool64"], whole.features["pool64"])
    assert array.protocol.files_sha256 != whole.protocol.files_sha256


def test_the_file_hash_follows_names_and_contents_not_places(folder: Path, reader: CountingReader) -> None:
    first = extract_features(folder_images(folder), reader, settings=SETTINGS, progress=False).protocol
    moved = folder.rename(folder.with_name("moved"))
    assert extract_features(folder_images(moved), reader, settings=SETTINGS, progress=False).protocol == first
    (moved / "0" / "0.png").rename(moved / "0" / "00.png")
    renamed = extract_features(folder_images(moved), reader, settings=SETTINGS, progress=False).protocol
    assert renamed.files_sha256 != first.files_sha256


def test_an_interrupted_extraction_goes_on(folder: Path, reader: CountingReader, tmp_path: Path) -> None:
    def run(work: Path | None) -> np.ndarray:
        source = folder_images(folder)
        options = {"settings": SETTINGS, "batch_size": 2, "progress": False}
        return extract_features(source, reader, work=work, **options).features["pool64"]

    work = tmp_path / "work"
    expected = run(None)
    reader.pictures, reader.interrupt_after = 0, 6
    with pytest.raises(RunInterrupted, match="with 4 of 11 pictures done; run the same command again"):
        run(work)
    reader.pictures, reader.interrupt_after = 0, None
    np.testing.assert_array_equal(run(work), expected)
    assert reader.pictures == 7
    np.testing.assert_array_equal(run(work), expected)
    assert reader.pictures == 7

    chunk = next(work.glob("*/chunk-0000004.safetensors"))
    chunk.write_bytes(chunk.read_bytes()[:-3] + b"abc")
    (chunk.parent / ".chunk-0000008.tmp-1234.safetensors").write_bytes(b"torn")
    np.testing.assert_array_equal(run(work), expected)
    assert reader.pictures == 11 and not list(work.glob("*/.*"))

    (folder / "0" / "0.png").write_bytes((folder / "1" / "1.png").read_bytes())
    assert not np.array_equal(run(work), expected) and reader.pictures == 22
    with pytest.raises(RunInterrupted, match="give a work folder"):
        reader.interrupt_after = 0
        run(None)


def test_one_output_at_a_time_is_held(folder: Path, reader: CountingReader, tmp_path: Path) -> None:
    settings = FeatureSettings(taps=("pool64", "pool192"))
    for work in (tmp_path / "work", None):
        found = extract_features(folder_images(folder), reader, settings=settings, work=work, progress=False)
        features = found.features
        assert list(features) == ["pool64", "pool192"] and "pool768" not in features and len(features) == 2
        first = weakref.ref(features["pool64"])
        assert features["pool64"] is first() and "pool192" in features and first() is not None
        assert features["pool192"].shape == (11, 192)
        assert first() is None
        with pytest.raises(KeyError):
            features["pool768"]
    kept = extract_features(folder_images(folder), reader, settings=settings, work=tmp_path / "more", progress=False)
    next(tmp_path.glob("more/*/chunk-*")).unlink()
    with pytest.raises(DataError, match="can no longer be read"):
        kept.features["pool64"]


KILLED = """
import os, signal, sys
from speech2img.metrics.images import features as picture_features
from speech2img.features.inception import InceptionExtractor
from speech2img.metrics.images.sources import folder_images

class Reader(InceptionExtractor):
    outputs, name, weights_sha256, precision, pictures = {"pool64": 3}, "means", "0", "float32", 0

    def __init__(self, limit):
        self.limit = limit

    def read(self, prepared, taps):
        self.pictures += len(prepared)
        if self.pictures > self.limit:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"pool64": prepared.mean(dim=(1, 2)).numpy()}

def run(folder, work, limit):
    picture_features.CHUNK = 4
    reader = Reader(limit)
    settings = picture_features.FeatureSettings(taps=("pool64",))
    found = picture_features.extract_features(folder_images(folder), reader, settings=settings, batch_size=2,
                                              work=work, progress=False)
    return found.features["pool64"], reader.pictures
"""


def test_a_killed_extraction_goes_on(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    script = f"{KILLED}\nrun(sys.argv[1], sys.argv[2], 6)"
    assert subprocess.run([sys.executable, "-c", script, folder, work]).returncode == -signal.SIGKILL
    names: dict[str, Callable[..., tuple[np.ndarray, int]]] = {}
    exec(KILLED, names)
    resumed, pictures = names["run"](folder, work, 100)
    expected, _ = names["run"](folder, None, 100)
    np.testing.assert_array_equal(resumed, expected)
    assert pictures == 7


def test_unequal_sizes_need_a_rule(folder: Path, reader: CountingReader) -> None:
    Image.new("RGB", (40, 20), (9, 9, 9)).save(folder / "2" / "odd.png")
    with pytest.raises(ImageError, match=r"2/odd\.png: 40 x 20 pixels; 0/0\.png has 32 x 24"):
        extract_features(folder_images(folder), reader, settings=SETTINGS, progress=False)
    found = {}
    for fit, side in (("each", None), ("squash", 16), ("middle", 16)):
        settings = FeatureSettings(taps=("pool64",), fit=fit, side=side)
        found[fit] = extract_features(folder_images(folder), reader, settings=settings, progress=False)
        assert found[fit].features["pool64"].shape == (12, 64)
    assert not np.allclose(found["squash"].features["pool64"], found["middle"].features["pool64"], atol=1e-3)
    assert "squash" in found["squash"].protocol.fit and "16 px" in found["squash"].protocol.words


def test_bad_settings_are_refused(reader: CountingReader) -> None:
    for settings in (
        {"resize": "nearest"},
        {"fit": "stretch"},
        {"fit": "squash"},
        {"side": 64},
        {"fit": "middle", "side": 0},
    ):
        with pytest.raises(ConfigError):
            FeatureSettings(**settings)
    pictures = ArrayImages(np.zeros((1, 8, 8, 3), dtype=np.uint8))
    for taps in (("pool2048",), (), ("pool65",)):
        with pytest.raises(MetricError):
            extract_features(pictures, reader, settings=FeatureSettings(taps=taps), progress=False)
    for options in ({"batch_size": 0}, {"workers": 0}):
        with pytest.raises(ConfigError):
            extract_features(pictures, reader, settings=SETTINGS, progress=False, **options)


def test_features_that_are_not_finite_name_the_picture(reader: CountingReader) -> None:
    class Broken(CountingReader):
        def read(self, prepared: torch.Tensor, taps: Sequence[str]) -> dict[str, np.ndarray]:
            found = super().read(prepared, taps)
            found["pool64"][prepared.mean(dim=(1, 2, 3)).numpy() > 0] = np.nan
            return found

    reader.__class__ = Broken
    images = np.zeros((6, 8, 8, 3), dtype=np.uint8)
    images[5] = 255
    with pytest.raises(MetricError, match="0000005: pool64 of test is not finite"):
        extract_features(ArrayImages(images), reader, settings=SETTINGS, batch_size=2, progress=False)


def test_the_protocol_says_all_and_refuses_other_networks(folder: Path, network: InceptionV3) -> None:
    source = folder_images(folder)
    exact = CountingReader(network, name="test", weights_sha256="0" * 64)
    one = extract_features(source, exact, settings=SETTINGS, progress=False).protocol
    one.check_comparable(one)
    assert one.details["taps"] == ["pool64"] and one.details["n"] == 11 and "NOT for publication" not in one.words
    other = CountingReader(network, name="test", weights_sha256="1" * 64)
    with pytest.raises(MetricError, match="weights_sha256 0000.* in one set, 1111"):
        one.check_comparable(extract_features(source, other, settings=SETTINGS, progress=False).protocol)
    clean = FeatureSettings(taps=("pool64",), resize="clean")
    with pytest.raises(MetricError, match="resize legacy in one set, clean"):
        one.check_comparable(extract_features(source, exact, settings=clean, progress=False).protocol)


def test_bfloat16_takes_effect_says_so_and_stays_near(folder: Path) -> None:
    torch.manual_seed(0)
    network = InceptionV3(depth="6e", num_classes=None)
    exact = extract_features(
        folder_images(folder),
        InceptionExtractor(network, name="n", weights_sha256="0"),
        settings=SETTINGS,
        progress=False,
    )
    rough = InceptionExtractor(network, name="n", weights_sha256="0", precision="bfloat16")
    found = extract_features(folder_images(folder), rough, settings=SETTINGS, progress=False)
    difference = np.abs(found.features["pool64"] - exact.features["pool64"]).max() / exact.features["pool64"].max()
    assert 1e-5 < difference < 2e-2 and "NOT for publication" in found.protocol.words
    with pytest.raises(MetricError, match="precision"):
        exact.protocol.check_comparable(found.protocol)
    with pytest.raises(ConfigError, match="float16"):
        InceptionExtractor(network, name="n", weights_sha256="0", precision="float16")


@pytest.mark.gpu
def test_a_gpu_gives_the_same(folder: Path) -> None:
    torch.manual_seed(0)
    network = InceptionV3()
    settings = FeatureSettings(taps=network.outputs)
    on_cpu, on_gpu = (
        extract_features(
            folder_images(folder),
            InceptionExtractor(network, name="n", weights_sha256="0", device=device),
            settings=settings,
            progress=False,
        ).features
        for device in ("cpu", "cuda")
    )
    for tap in settings.taps:
        np.testing.assert_allclose(on_gpu[tap], on_cpu[tap], rtol=1e-4, atol=1e-5)


def test_releases_and_files_that_are_no_inception(network: InceptionV3, tmp_path: Path) -> None:
    config = {
        "kind": "inception",
        "source_sha256": "ab" * 32,
        "inception": {"build": "fid", "depth": "6e", "num_classes": None},
    }
    save_release(tmp_path / "ours", network.float().state_dict(), config, "# card", half=False)
    reader = load_inception(tmp_path / "ours")
    assert reader.weights_sha256 == "ab" * 32 and tuple(reader.outputs) == ("pool64", "pool192", "pool768")
    assert reader.name == "Inception-v3 (FID, TensorFlow 2015-12-05)" and reader.precision == "float32"
    save_release(tmp_path / "other", {"x": torch.zeros(1)}, {"kind": "speech-encoder"}, "# card")
    save_release(tmp_path / "odd", {"x": torch.zeros(1)}, {**config, "inception": {"depth": "9z"}}, "# card")
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "noise.npz").write_bytes(b"PK\3\4")
    for name in ("other", "odd", "other.pth", "noise.npz", "missing.pth"):
        with pytest.raises(CheckpointError, match=name):
            load_inception(tmp_path / name)


def test_golden_distances_of_pytorch_fid(realdata: Path) -> None:
    reader = load_inception(realdata / "weights" / "inception_fid_2015_12_05_to_mixed7.npz")
    golden = np.load(realdata / "weights" / "inception_fid_golden.npz")
    found = extract_features(
        ArrayImages(golden["rgb227"]),
        reader,
        settings=FeatureSettings(taps=tuple(reader.outputs)),
        batch_size=3,
        progress=False,
    )
    for tap in reader.outputs:
        np.testing.assert_allclose(found.features[tap], golden[tap], rtol=0, atol=1e-5)
        ours, published = (
            frechet_distance(*(FeatureStatistics().update(part).gaussian() for part in (features[:4], features[4:])))
            for features in (found.features[tap], golden[tap])
        )
        assert ours == pytest.approx(published, rel=1e-4)
