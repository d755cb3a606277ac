"""What a device must not change: forward passes, steps, graphs, compiled networks, memory, an overfit.

Every test runs on the CPU, small, and on CUDA where ``bash tools/test.sh --gpu`` asks for it.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from speech2img.errors import ConfigError
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.precision import make_adam, peak_memory, restore_optimizer_, to_device
from speech2img.training.cuda_graphs import WARM_UP, GraphedStep
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.run import LoopSettings
from speech2img.training.stackgan.settings import ComputeSettings, StackGANModelSettings, StackGANSettings

CPU = torch.device("cpu")
CUDA = pytest.param("cuda", marks=pytest.mark.gpu)
CASES = [
    ("cpu", "fp32", 1e-5),
    ("cpu", "bf16", 5e-2),
    pytest.param("cuda", "fp32", 5e-3, marks=pytest.mark.gpu),
    pytest.param("cuda", "bf16", 5e-2, marks=pytest.mark.gpu),
    pytest.param("cuda", "fp16", 2e-2, marks=pytest.mark.gpu),
]
"""Device, precision, and how far it may be from the CPU in float32, relative."""
SMALL = StackGANSettings(
    model=StackGANModelSettings(width=8, discriminator_width=8, num_stages=2, condition_dim=8, noise_dim=8),
    batch_size=4,
    features=None,
    evaluation_utterances=0,
    loop=LoopSettings(precision="fp32"),
)


@pytest.fixture(scope="module")
def made() -> ModuleType:
    """Training tasks on made-up data, of tools/benchmark."""
    path = Path(__file__).parents[2] / "tools" / "benchmark" / "trainings.py"
    spec = importlib.util.spec_from_file_location("trainings", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def host_noise(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Noise is drawn on the CPU, so that every device gets the same; CUDA computes float32 as such."""
    randn = torch.randn

    def drawn(*size: int, device: Any = None, **more: Any) -> torch.Tensor:
        return randn(*size, **more).to(device)

    monkeypatch.setattr(torch, "randn", drawn)
    monkeypatch.setattr(torch, "randn_like", lambda like: randn(*like.shape).to(like.device, like.dtype))
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def losses(made: ModuleType, settings: StackGANSettings, device: str, steps: int = 2) -> list[dict[str, float]]:
    """Losses of the first steps; weights and pictures follow from the seed."""
    torch.manual_seed(0)
    task = made.generator_task(settings, torch.device(device), pictures=16)
    torch.manual_seed(1)
    terms = [task.train_step(task.next_batch(), step / 10) for step in range(steps)]
    return [{name: float(value) for name, value in one.items()} for one in terms]


def demand_equal(found: list[dict[str, float]], wanted: list[dict[str, float]], tolerance: float) -> None:
    """Compare the losses of steps."""
    assert [one.keys() for one in found] == [one.keys() for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, rel=tolerance, abs=tolerance)


@pytest.mark.usefixtures("host_noise")
@pytest.mark.parametrize(("device", "precision", "tolerance"), CASES)
def test_pictures_and_scores_are_those_of_the_cpu(device: str, precision: str, tolerance: float) -> None:
    torch.manual_seed(0)
    generator = StackGenerator(embedding_dim=16, condition_dim=8, noise_dim=8, width=8, num_stages=2)
    critic = StackDiscriminator(128, condition_dim=8, width=8)
    inputs = torch.randn(3, 16), torch.randn(3, 8)
    eps = torch.randn(3, 8)
    with torch.no_grad():
        wanted = generator(*inputs, eps=eps)
        wanted_score = critic(wanted.images[1], wanted.mu)
        generator, critic = generator.to(device), critic.to(device)
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        with torch.autocast(device, dtype, enabled=precision != "fp32"):
            found = generator(*(x.to(device) for x in inputs), eps=eps.to(device))
            score = critic(wanted.images[1].to(device), wanted.mu.to(device))
    pairs = [
        *zip(found.images, wanted.images, strict=True),
        (score.conditional_logits, wanted_score.conditional_logits),
    ]
    for one, other in pairs:
        assert float((one.float().cpu() - other).norm()) <= tolerance * float(other.norm())


@pytest.mark.usefixtures("host_noise")
@pytest.mark.parametrize(("device", "precision", "tolerance"), CASES)
def test_a_step_of_the_generator_has_the_losses_of_the_cpu(
    made: ModuleType, device: str, precision: Any, tolerance: float
) -> None:
    settings = replace(SMALL, loop=LoopSettings(precision=precision))
    demand_equal(losses(made, settings, device), losses(made, SMALL, "cpu"), tolerance)


@pytest.mark.parametrize(("device", "precision", "tolerance"), CASES)
def test_a_step_of_the_encoder_has_the_losses_of_the_cpu(
    made: ModuleType, device: str, precision: Any, tolerance: float
) -> None:
    lengths = np.array([90, 120, 140, 200, 130, 150, 170, 180], dtype=np.int64)

    def two_steps(device: str, precision: Any) -> list[dict[str, float]]:
        settings = EncoderSettings(batch_size=4, loop=LoopSettings(precision=precision))
        torch.manual_seed(0)
        task = made.encoder_task(settings, lengths, torch.device(device))
        assert task.data.batches.leaves_masks == (device == "cuda")
        task.data.batches.leaves_masks |= precision != "fp32"  # as on CUDA
        terms = [task.train_step(task.next_batch(), 0.5) for _ in range(2)]
        return [{name: float(one[name]) for name in ("loss", "joint")} for one in terms]

    demand_equal(two_steps(device, precision), two_steps("cpu", "fp32"), tolerance)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_graphs_replay_the_same_steps(made: ModuleType, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = torch.zeros
    monkeypatch.setattr(torch, "randn", lambda *size, device=None, **more: zeros(*size, device=device))
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    settings = replace(SMALL, schedule="cosine")
    graphed = replace(settings, compute=ComputeSettings(graphs=True))
    steps = WARM_UP + 3
    tolerance = 0.0 if device == "cpu" else 1e-3
    demand_equal(losses(made, graphed, device, steps), losses(made, settings, device, steps), tolerance)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_graphed_step_reads_its_inputs_from_fixed_places(device: str) -> None:
    where = torch.device(device)
    total = torch.zeros((), device=where)

    def step(x: torch.Tensor) -> dict[str, torch.Tensor]:
        total.add_(x.sum())
        return {"sum": x.sum(), "total": total}

    graphed = GraphedStep(step, device=where, warm_up=1)
    terms = [graphed(torch.full((3,), float(number), device=where)) for number in range(5)]
    assert [float(one["sum"]) for one in terms] == [0, 3, 6, 9, 12]
    assert [float(one["total"]) for one in terms] == [0, 3, 9, 18, 30]


@pytest.mark.parametrize("change", [{"feature": 1.0}, {"reconstruction": 1.0}])
def test_graphs_are_refused_where_a_step_changes(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="compute.graphs"):
        replace(SMALL, features="teacher", losses=replace(SMALL.losses, **change), compute=ComputeSettings(graphs=True))


@pytest.mark.usefixtures("host_noise")
@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.filterwarnings("ignore:Dynamo does not know how to trace")
def test_compiled_networks_have_the_same_losses(made: ModuleType, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if device == "cpu":  # what inductor makes of it takes a compiler and a minute
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    compiled = replace(SMALL, compute=ComputeSettings(compile=True))
    demand_equal(losses(made, compiled, device), losses(made, SMALL, device), 1e-5 if device == "cpu" else 1e-3)


@pytest.mark.usefixtures("host_noise")
@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("change", [{"channels_last": "on"}, {"memory": "low"}])
def test_layout_and_memory_change_no_loss(made: ModuleType, device: str, change: dict[str, Any]) -> None:
    changed = replace(SMALL, compute=ComputeSettings(**change))
    demand_equal(losses(made, changed, device), losses(made, SMALL, device), 5e-3)


def test_settings_take_effect(made: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network: partial(network))
    compute = ComputeSettings(channels_last="on", compile=True, graphs=True)
    task = made.generator_task(replace(SMALL, compute=compute), CPU, pictures=16)
    networks = [task.forward, *task.adversaries["pixel"].forwards]
    assert all(isinstance(one, partial) for one in networks)
    before = task.graph
    assert isinstance(before, GraphedStep)
    task.load_state_dict(task.state_dict())
    assert isinstance(task.graph, GraphedStep) and task.graph is not before
    kernels = [parameter for network in task.networks() for parameter in network.parameters() if parameter.dim() == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    low = made.generator_task(replace(SMALL, compute=ComputeSettings(memory="low")), CPU, pictures=16)
    assert low.generator.recompute == "stages" and low.graph is None and low.forward is low.generator
    with pytest.raises(ConfigError, match="compute.compile"):
        replace(SMALL, compute=ComputeSettings(memory="low", compile=True))


@pytest.mark.gpu
@pytest.mark.parametrize(("memory", "gigabytes"), [("normal", 9.5), ("low", 5.5)])
def test_memory_of_256_px_and_batch_24_has_a_ceiling(made: ModuleType, memory: Any, gigabytes: float) -> None:
    model = replace(SMALL.model, width=64, discriminator_width=64, num_stages=3, condition_dim=128, noise_dim=100)
    settings = replace(SMALL, model=model, batch_size=24, compute=ComputeSettings(memory=memory))
    device = torch.device("cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    task = made.generator_task(settings, device, pictures=48)
    for _ in range(2):
        task.train_step(task.next_batch(), 0.0)
    torch.cuda.synchronize()
    assert peak_memory(device) < gigabytes * 1e9


@pytest.mark.parametrize(
    ("device", "steps", "part"), [("cpu", 30, 0.8), pytest.param("cuda", 200, 0.4, marks=pytest.mark.gpu)]
)
def test_a_few_pictures_are_learned_by_heart(made: ModuleType, device: str, steps: int, part: float) -> None:
    """Utterances of eight pictures, each of one colour, come to give these colours."""
    settings = replace(
        SMALL,
        batch_size=8,
        learning_rate=2e-3,
        model=replace(SMALL.model, num_stages=1),
        losses=replace(SMALL.losses, reconstruction=10.0, adversarial_from=1.0),
    )
    torch.manual_seed(0)
    task = made.generator_task(settings, torch.device(device), pictures=8)
    colours = np.random.default_rng(0).integers(0, 256, (8, 1, 1, 3), dtype=np.uint8)
    task.batches.source.images[:] = colours
    found = [float(task.train_step(task.next_batch(), 0.0)["reconstruction"]) for _ in range(steps)]
    assert np.mean(found[-3:]) < part * found[0]
    assert all(torch.isfinite(parameter).all() for parameter in task.generator.parameters())


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_an_optimizer_goes_on_as_the_device_computes_it(device: str) -> None:
    where = torch.device(device)

    def stepped(weight: torch.nn.Parameter, optimizer: torch.optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()

    reference = torch.nn.Parameter(torch.arange(4.0))
    stepped(reference, torch.optim.Adam([reference], 0.1), 5)
    first = torch.nn.Parameter(torch.arange(4.0))
    before = torch.optim.Adam([first], 0.1)
    stepped(first, before, 2)
    weight = torch.nn.Parameter(first.detach().clone().to(where))
    after = make_adam([weight], 0.1, device=where, graphs=device == "cuda")
    own = {key: after.param_groups[0][key] for key in ("fused", "capturable", "lr")}
    restore_optimizer_(after, before.state_dict())
    assert {key: after.param_groups[0][key] for key in own} == own
    stepped(weight, after, 3)
    torch.testing.assert_close(weight.detach().cpu(), reference.detach())


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_what_is_sent_arrives_and_stays(device: str) -> None:
    tensors = [torch.arange(5), torch.rand(2, 3)]
    found = to_device(tensors, torch.device(device))
    assert all(
        one.device.type == device and torch.equal(one.cpu(), other) for one, other in zip(found, tensors, strict=True)
    )


@pytest.mark.gpu
def test_a_job_of_one_process_has_the_losses_of_a_plain_run(painted: ModuleType, tmp_path: Path) -> None:
    from speech2img.config import dump_toml
    from speech2img.training.train import train

    root = painted.build(tmp_path / "corpus")
    (tmp_path / "settings.toml").write_text(dump_toml(painted.SETTINGS))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "1", "-m", "speech2img", "train",
               "generator", "--config", str(tmp_path / "settings.toml"), "--root", str(root), "--out",
               str(tmp_path / "job"), "--device", "cuda"]  # fmt: skip
    subprocess.run(command, check=True)
    train("generator", root, tmp_path / "plain", painted.SETTINGS, device="cuda", progress=False)
    demand_equal(painted.losses(tmp_path / "job"), painted.losses(tmp_path / "plain"), 1e-3)
