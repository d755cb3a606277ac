"""Small parts of the training: devices, precision, schedules, augmentation, teachers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.device import resolve_device
from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.googlenet import GoogLeNetExtractor, load_googlenet
from speech2img.features.registry import load_teacher
from speech2img.models.vision.googlenet import TorchvisionGoogLeNet
from speech2img.precision import resolve_precision
from speech2img.training.optimization import learning_rate
from speech2img.training.run import random_state, restore_random_state
from speech2img.training.stackgan.diff_augment import augment
from speech2img.training.task import BestWeights

CPU = torch.device("cpu")


def test_devices_that_are_not_there_are_refused() -> None:
    assert resolve_device("cpu") == CPU
    assert resolve_device("auto").type in ("cpu", "cuda")
    for name in ("cuda:99", "mps", "printer"):
        with pytest.raises(ConfigError, match=name):
            resolve_device(name)


def test_half_precision_is_refused_on_a_cpu() -> None:
    with pytest.raises(ConfigError, match="fp16"):
        resolve_precision("fp16", CPU)
    assert resolve_precision("auto", CPU).name in ("fp32", "bf16")
    with resolve_precision("bf16", CPU).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    with resolve_precision("fp32", CPU).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert not resolve_precision("bf16", CPU).scaler().is_enabled()


@pytest.mark.parametrize(("major", "minor", "want"), [(6, 1, "fp32"), (7, 5, "fp16"), (8, 0, "bf16"), (9, 0, "bf16")])
def test_precision_follows_the_card(major: int, minor: int, want: str, monkeypatch: pytest.MonkeyPatch) -> None:
    capability = (major, minor)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", torch.device("cuda")).name == want


def test_schedules_have_the_right_ends() -> None:
    assert learning_rate(0.0, base=1.0, warmup=0.1) < 0.01
    assert learning_rate(0.05, base=1.0, warmup=0.1) == pytest.approx(0.5)
    assert learning_rate(0.1, base=1.0, warmup=0.1) == pytest.approx(1.0)
    assert learning_rate(0.55, base=1.0, warmup=0.1, floor=0.0) == pytest.approx(0.5)
    assert learning_rate(1.0, base=2.0, warmup=0.1) == pytest.approx(0.02)
    assert [learning_rate(x, base=1.0, schedule="step") for x in (0.1, 0.25, 0.5, 0.7, 0.9, 1.0)] == [
        1,
        0.5,
        0.25,
        0.125,
        0.0625,
        0.0625,
    ]
    tenths = {"schedule": "step", "step_parts": 2.4, "step_factor": 0.1}
    assert [learning_rate(x, base=1.0, **tenths) for x in (0.41, 0.42, 0.83, 0.84, 1)] == pytest.approx(
        [1.0, 0.1, 0.1, 0.01, 0.01]
    ), "every 50 of 120 epochs"
    assert learning_rate(0.7, base=3.0, schedule="constant") == 3.0


def test_random_states_come_back() -> None:
    import random

    state = random_state()
    first = (random.random(), random.gauss(0, 1), np.random.standard_normal(), torch.randn(3).tolist())
    restore_random_state(state)
    assert first == (random.random(), random.gauss(0, 1), np.random.standard_normal(), torch.randn(3).tolist())


def test_best_weights_are_copies() -> None:
    module, best = torch.nn.Linear(2, 2), BestWeights()
    assert best.offer(module, value=0.5, step=3)
    kept = module.weight.detach().clone()
    with torch.no_grad():
        module.weight.zero_()
    assert not best.offer(module, value=0.5, step=4) and not best.offer(module, value=float("nan"), step=5)
    assert torch.equal(best.weights(module)["weight"], kept) and best.step == 3


def test_augmentation_is_differentiable_and_bounded() -> None:
    torch.manual_seed(0)
    images = torch.rand(32, 3, 16, 16, requires_grad=True)
    assert augment(images, ()) is images
    moved = augment(images, ("translation",))
    for old, new in zip(images, moved, strict=True):
        moves = [(y, x) for y in (-2, -1, 0, 1, 2) for x in (-2, -1, 0, 1, 2)]
        assert any(torch.equal(old[:, 2 + y : 14 + y, 2 + x : 14 + x], new[:, 2:14, 2:14]) for y, x in moves)
    hidden = augment(images + 1.0, ("cutout",)) == 0
    assert (hidden.sum(dim=(1, 2, 3)) == 3 * 4 * 4).all()
    colored = augment(images, ("color",))
    assert not torch.allclose(colored, images)
    augment(images, ("translation", "cutout", "color")).sum().backward()
    assert images.grad is not None and torch.isfinite(images.grad).all() and (images.grad != 0).any()


def test_a_teacher_must_be_a_run_or_googlenet(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing.pt"):
        load_teacher(tmp_path / "nothing.pt", device=CPU)
    for name in ("text.npz", "text.caffemodel", "text.pth"):
        (tmp_path / name).write_text("this is no network")
        with pytest.raises(CheckpointError, match=name):
            load_teacher(tmp_path / name, device=CPU)


def test_torchvisions_googlenet_is_a_teacher_too(tmp_path: Path) -> None:
    torch.save(TorchvisionGoogLeNet().state_dict(), tmp_path / "googlenet.pth")
    teacher = load_teacher(tmp_path / "googlenet.pth", device=CPU)
    assert isinstance(teacher, GoogLeNetExtractor) and teacher.kind == "torchvision-googlenet"
    picture = np.random.default_rng(0).integers(0, 256, (1, 227, 227, 3), dtype=np.uint8)
    assert teacher.views(picture, 1).shape == (1, 1, 1024)


def test_googlenet_gives_ten_views(realdata: Path) -> None:
    teacher = load_teacher(realdata / "weights" / "googlenet_bvlc.npz", device=CPU)
    assert isinstance(teacher, GoogLeNetExtractor) and teacher.image_size == 227
    golden = np.load(realdata / "weights" / "googlenet_bvlc_golden.npz")
    picture = np.zeros((1, 227, 227, 3), dtype=np.uint8)
    picture[0, :224, :224] = golden["rgb224"][0]
    ten = teacher.views(picture, 10)
    assert ten.shape == (1, 10, 1024)
    np.testing.assert_allclose(ten[0, 0].numpy(), golden["pool5"][0], atol=2e-3)
    two = teacher.views(picture, 2)
    torch.testing.assert_close(two, ten[:, [0, 5]], atol=1e-4, rtol=1e-3)
    mirrored = teacher.views(np.ascontiguousarray(picture[:, :, ::-1]), 2)
    torch.testing.assert_close(mirrored[:, 1], two[:, 0], atol=1e-4, rtol=1e-3)
    upside_down = load_googlenet(realdata / "weights" / "googlenet_bvlc.npz", device=CPU, upside_down=True)
    stood = upside_down.views(np.ascontiguousarray(picture[:, ::-1]), 2)
    torch.testing.assert_close(stood[:, 1], two[:, 0], atol=1e-4, rtol=1e-3)
    tensor = torch.from_numpy(golden["rgb224"][:1]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    np.testing.assert_allclose(teacher.features(tensor)[0].detach().numpy(), golden["pool5"][0], atol=5e-3)
