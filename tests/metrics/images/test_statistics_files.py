"""Statistics files: pytorch-fid's layout both ways, what they are of, damaged and hostile ones."""

import io
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speech2img.errors import DataError, MetricError
from speech2img.metrics.functional.feature_statistics import Gaussian
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.metrics.images.features import FeatureProtocol
from speech2img.metrics.images.statistics_files import (
    StatisticsSource,
    check_same_source,
    load_statistics,
    save_statistics,
)

PROTOCOL = FeatureProtocol(
    n=40,
    network="Inception-v3",
    weights_sha256="ab" * 32,
    precision="float32",
    taps=("pool64", "pool192"),
    resize="legacy",
    fit="all of one size",
    crop="to the box",
    files_sha256="cd" * 32,
)
SOURCE = StatisticsSource(tap="pool64", protocol=PROTOCOL)


@pytest.mark.parametrize("num", [5, 40])
def test_round_trip_changes_no_distance(tmp_path: Path, num: int) -> None:
    rng = np.random.default_rng(0)
    gaussian, other = fit_gaussian(rng.normal(size=(num, 8))), fit_gaussian(rng.normal(size=(90, 8)))
    save_statistics(tmp_path / "a.npz", gaussian, SOURCE)
    loaded, source = load_statistics(tmp_path / "a.npz")
    assert source == SOURCE
    assert loaded.num_samples == num and (loaded.root is None) == (num == 40)
    assert frechet_distance(loaded, other) == frechet_distance(gaussian, other)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_pytorch_fid_reads_ours_and_we_read_its(tmp_path: Path) -> None:
    features = np.random.default_rng(1).normal(size=(40, 6))
    save_statistics(tmp_path / "ours.npz", fit_gaussian(features), SOURCE)
    with np.load(tmp_path / "ours.npz") as file:  # as pytorch-fid opens it
        mean, covariance = file["mu"][:], file["sigma"][:]
    np.savez_compressed(tmp_path / "its.npz", mu=mean, sigma=covariance)
    loaded, source = load_statistics(tmp_path / "its.npz")
    assert source is None and loaded.num_samples is None
    np.testing.assert_allclose(loaded.covariance, np.cov(features, rowvar=False), rtol=1e-12)


def test_statistics_of_another_network_are_refused() -> None:
    others = replace(PROTOCOL, n=7, crop="none", files_sha256="ef" * 32)
    assert check_same_source(SOURCE, StatisticsSource(tap="pool64", protocol=others)) == ()
    assert "do not say" in check_same_source(SOURCE, None)[0]
    for change, words in (
        ({"weights_sha256": "ef" * 32}, "weights_sha256 abab.* in one set, efef"),
        ({"resize": "clean"}, "resize legacy in one set, clean"),
        ({"precision": "bfloat16"}, "precision float32 in one set"),
    ):
        with pytest.raises(MetricError, match=words):
            check_same_source(SOURCE, StatisticsSource(tap="pool64", protocol=replace(PROTOCOL, **change)))
    with pytest.raises(MetricError, match="of pool64 in one set, pool192 in the other"):
        check_same_source(SOURCE, StatisticsSource(tap="pool192", protocol=PROTOCOL))


def written(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "bad.npz", **arrays)  # type: ignore[arg-type]
    return folder / "bad.npz"


def test_bad_files(tmp_path: Path) -> None:
    good = {"mu": np.zeros(3), "sigma": np.eye(3)}
    for change, reason in (
        ({"mu": np.zeros(4)}, "shape"),
        ({"mu": np.zeros((3, 1))}, "shape"),
        ({"sigma": -np.eye(3)}, "no covariance"),
        ({"sigma": np.triu(np.ones((3, 3)))}, "not symmetric"),
        ({"sigma": np.full((3, 3), np.nan)}, "not finite"),
        ({"mu": np.array(["a"] * 3)}, "holds <U1"),
        ({"mu": np.array([object()] * 3)}, "not of plain numbers"),
        ({"num_samples": np.array(1)}, "num_samples"),
        ({"num_samples": np.array(2.5)}, "num_samples"),
        ({"root": np.ones((2, 3))}, "root"),
        ({"source": np.array("[1]")}, "no record"),
        ({"source": np.array("{}")}, "lacks 'protocol'"),
        ({"source": np.array("{")}, "Expecting"),
        ({"source": np.array("[" * 15_000)}, "nested"),
        ({"source": np.array('{"tap": "a", "protocol": {"n": 1' + "0" * 400 + "}}")}, "digits"),
        ({"mu": np.array([1e300] * 3)}, "not finite"),
        ({"num_samples": np.array(2**63, "u8")}, "num_samples"),
        ({"source": np.zeros(2)}, "no text"),
    ):
        with pytest.raises(DataError, match="bad.npz") as caught:
            load_statistics(written(tmp_path, **{**good, **change}))
        assert reason in str(caught.value) and "give a .npz" in str(caught.value)
    with pytest.raises(DataError, match="it lacks 'sigma'"):
        load_statistics(written(tmp_path, mu=np.zeros(3)))
    with pytest.raises(DataError, match="missing.npz"):
        load_statistics(tmp_path / "missing.npz")
    with pytest.raises(DataError, match="Is a directory"):
        load_statistics(tmp_path)
    (tmp_path / "bad.npz").write_bytes(b"")
    with pytest.raises(DataError, match="bad.npz"):
        load_statistics(tmp_path / "bad.npz")


def test_bombs_are_refused_before_they_unfold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speech2img.metrics.images.statistics_files._MAX_BYTES", 1 << 20)
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("mu.npy", "w", force_zip64=True) as member,
    ):
        member.write(bytes(2 << 20))
    with pytest.raises(DataError, match="its arrays have"):
        load_statistics(tmp_path / "bomb.npz")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(tmp_path / "lie.npz", "w") as archive:
        archive.writestr("mu.npy", header.getvalue())
        archive.writestr("sigma.npy", header.getvalue())
    with pytest.raises(DataError, match="lie.npz"):
        load_statistics(tmp_path / "lie.npz")


def test_pipes_and_holes_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "holes.npz").touch()
    os.truncate(tmp_path / "holes.npz", 300 << 20)
    for name, reason in (("pipe.npz", "regular file"), ("holes.npz", "consists of holes")):
        with pytest.raises(DataError, match=f"{name}: .*{reason}"):
            load_statistics(tmp_path / name)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=500))
def test_any_bytes_are_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.npz: no statistics"):
        load_statistics(tmp_path / "a.npz")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 2000))
def test_mutated_files_are_plausible_or_named(tmp_path: Path, changes: list[tuple[int, int]], cut: int) -> None:
    path = tmp_path / "a.npz"
    save_statistics(path, fit_gaussian(np.random.default_rng(2).normal(size=(3, 4))), SOURCE)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(bytes(data[: len(data) - cut if cut < 400 else len(data)]))
    try:
        gaussian, _ = load_statistics(path)
    except DataError as error:
        assert "a.npz" in str(error)
    else:
        assert isinstance(gaussian, Gaussian) and np.isfinite(gaussian.covariance).all()
