"""Fixtures and options that every test may use."""

import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from speech2img.errors import Speech2ImgError

pytest_plugins = [
    "helpers.own_folder",
    "helpers.published_corpora",
    "helpers.training_fixtures",
    "helpers.tts_fixtures",
]

Child = Callable[[Callable[[], object]], int]
ReleaseMaker = Callable[..., Path]

_CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}

# The same examples in every run, so that a change and not chance fails a test; `--hypothesis-profile default` searches.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


def pytest_configure() -> None:
    """Signals have their usual effect, here and in processes that tests start, also under ``nohup``."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--gpu`` runs the tests that need a CUDA device; without it they are skipped."""
    parser.addoption("--gpu", action="store_true", help="run the tests marked gpu (they need a CUDA device)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked ``gpu`` unless it was asked for (a GPU may be busy with other work) and there is one."""
    reason = "needs a CUDA device: bash tools/test.sh --gpu"
    if config.getoption("--gpu"):
        import torch

        if torch.cuda.is_available():
            return
        reason = "needs a CUDA device, and PyTorch finds none"
    skip = pytest.mark.skip(reason=reason)
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder with the real photographs, recordings, weights and golden values (environment SPEECH2IMG_REALDATA)."""
    value = os.environ.get("SPEECH2IMG_REALDATA")
    if not value:
        pytest.skip("SPEECH2IMG_REALDATA is not set: the folder with real photographs and recordings is needed")
    folder = Path(value)
    if not (folder / "README.md").is_file():
        pytest.fail(f"SPEECH2IMG_REALDATA={value}: no such data folder (its README.md is missing)")
    return folder


@pytest.fixture(scope="session")
def make_release() -> ReleaseMaker:
    """Make a tiny release with random weights: ``make_release(folder, kind="speech-to-image", **config)``."""

    def make(folder: Path, *, kind: str = "speech-to-image", **config: object) -> Path:
        import torch

        from speech2img.models.encoders.li2020 import Li2020Encoder
        from speech2img.models.generators.stackgan import StackGenerator
        from speech2img.storage.releases.writing import save_release

        torch.manual_seed(0)
        encoder = {"channels": [8] * 8, "embedding_dim": 16}
        generator = {"embedding_dim": 16, "condition_dim": 6, "noise_dim": 10, "width": 8, "num_stages": 2}
        tensors, settings = {}, {"kind": kind}
        if kind != "image-generator":
            state = Li2020Encoder(**encoder).state_dict()
            tensors |= {f"encoder.{name}": value for name, value in state.items()}
            settings |= {"encoder": encoder, "mel_preset": "li2020"}
        if kind != "speech-encoder":
            network = StackGenerator(**generator)
            for convolution in network.to_image:  # untrained pictures are nearly grey
                torch.nn.init.normal_(convolution.weight, std=30.0)
            tensors |= {f"generator.{name}": value for name, value in network.state_dict().items()}
            settings |= {"generator": generator}
        save_release(folder, tensors, {**settings, **config}, "# card")
        return folder

    return make


@pytest.fixture
def in_child() -> Child:
    """Run a function in a forked child; the result is its exit status, or minus the signal that ended it."""

    def run(function: Callable[[], object]) -> int:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            status = 0
            try:
                function()
            except BaseException:
                traceback.print_exc()
                status = 1
            finally:
                sys.stderr.flush()
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return run


@pytest.fixture
def killed_at(in_child: Child) -> Callable[[Callable[[], object], int], int]:
    """Run a function in a child that gets SIGKILL just before its n-th change of the disk or fsync."""

    def run(function: Callable[[], object], moment: int) -> int:
        def doomed() -> None:
            left, fsync = moment, os.fsync

            def step(event: str, _: object = None) -> None:
                nonlocal left
                if event in _CHANGES:
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            def counted_fsync(descriptor: int) -> None:
                step("open")
                fsync(descriptor)

            os.fsync = counted_fsync
            sys.addaudithook(step)
            function()

        return in_child(doomed)

    return run


@pytest.fixture(scope="session")
def unseal() -> Callable[[Path], None]:
    """Write an HDF5 store again without the checksums behind it, as earlier versions wrote it."""

    def write(path: Path) -> None:
        import h5py

        earlier = path.with_name(f"{path.name}.earlier")
        with h5py.File(path) as file, h5py.File(earlier, "w") as other:
            for name in file:
                other[name] = file[name][()]
            other.attrs.update({name: value for name, value in file.attrs.items() if name != "sealed"})
        earlier.replace(path)

    return write


Damage = Callable[[bytes, int], Iterator[bytes]]


@pytest.fixture(scope="session")
def flipped() -> Damage:
    """All over a file: ``flipped(data, count)`` gives versions of it with one bit changed, the ends most often."""

    def versions(data: bytes, count: int) -> Iterator[bytes]:
        draw = random.Random(0)
        ends = [*range(96), *range(len(data) - 160, len(data))]
        for place in [*ends[:: max(1, 3 * len(ends) // count)], *(draw.randrange(len(data)) for _ in range(count))]:
            changed = bytearray(data)
            changed[place] ^= 1 << draw.randrange(8)
            yield bytes(changed)

    return versions


@pytest.fixture(scope="session")
def damaged() -> Damage:
    """``damaged(data, count)`` gives versions of a file that were cut, filled, lengthened, or have other numbers."""

    def versions(data: bytes, count: int) -> Iterator[bytes]:
        draw = random.Random(1)
        yield from (b"", b"\0" * 4096, data[:8], data + data, b"\x89HDF\r\n\x1a\n" + b"\xff" * 600)
        for number in range(count):
            changed = bytearray(data)
            place = draw.randrange(len(data) if number % 2 else min(len(data), 1024))
            value = draw.choice((0, 1, 2**31, 2**40, 2**62, 2**64 - 1)).to_bytes(8, "little")
            size = draw.choice((1, 2, 4, 8))
            match number % 5:
                case 0:
                    changed[place : place + size] = value[:size]
                case 1:
                    del changed[place:]
                case 2:
                    changed[place : place + 100] = draw.choice((b"\0", b"\xff")) * len(changed[place : place + 100])
                case 3:
                    changed[place:place] = draw.randbytes(size)
                case 4:
                    del changed[place : place + size]
            yield bytes(changed)

    return versions


@pytest.fixture(scope="session")
def hold_contract() -> Callable[..., int]:
    """Read every version of a file: each gives one of our errors at once, or the expected value where there is one.

    ``hold_contract(path, versions, read, expected)``; the result is how many were refused.
    """

    def hold(path: Path, versions: Iterable[bytes], read: Callable[[], object], expected: object = None) -> int:
        refused, before = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number, data in enumerate(versions):
            path.unlink(missing_ok=True)
            path.write_bytes(data)
            start = time.monotonic()
            try:
                found = read()
            except Speech2ImgError as error:
                assert "\n" not in str(error), number
                refused += 1
            else:
                assert expected is None or found == expected, f"version {number} is read as something else"
            assert time.monotonic() - start < 5, number
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 << 10
        return refused

    return hold
