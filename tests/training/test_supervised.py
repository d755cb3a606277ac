"""A training of one network: the loss it follows, the checkpoint it writes, and the run it resumes."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from speech2img.batches.sampler import ResumableSampler
from speech2img.training.run import LoopSettings
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Sitting


class Settings(NamedTuple):
    learning_rate: float = 0.1
    schedule: Any = "constant"
    warmup: float = 0.0
    loop: LoopSettings = LoopSettings(precision="fp32")


class Batch(NamedTuple):
    inputs_BD: Tensor
    indices_B: np.ndarray


class Batches:
    def __init__(self) -> None:
        self.sampler = ResumableSampler(12, 4, seed=0)

    def next(self) -> Batch:
        indices, generator = self.sampler.next()
        return Batch(torch.from_numpy(generator.standard_normal((4, 3))).float(), indices)


class Line(SupervisedTask[Settings, nn.Linear]):
    """Fits a line; a second term is logged and changes nothing."""

    def __init__(self, clip: float = 1e3) -> None:
        torch.manual_seed(0)
        network = nn.Linear(3, 1)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
        super().__init__(Settings(), network, optimizer, Batches(), device=torch.device("cpu"), clip=clip)

    @classmethod
    def build(cls, root: Path, settings: Any, *, device: torch.device, sitting: Sitting) -> "Line":
        return cls()

    def compute_terms(self, batch: Batch) -> dict[str, Tensor]:
        loss = (self.network(batch.inputs_BD) - batch.inputs_BD.sum(dim=1, keepdim=True)).square().mean()
        return {"loss": loss, "twice": 2 * loss}

    def export(self, folder: Path, *, step: int, images_seen: int) -> None: ...


class LastLine(Line):
    network_key = "line"
    keeps_best = False


def steps(task: Line, number: int) -> list[dict[str, float]]:
    terms = [task.train_step(task.next_batch(), 0.5) for _ in range(number)]
    return [{name: float(value) for name, value in step.items()} for step in terms]


def test_a_step_follows_the_gradient_of_the_loss_alone() -> None:
    task, batch = Line(), Line().next_batch()
    weight = task.network.weight.detach().clone()
    (gradient,) = torch.autograd.grad(task.compute_terms(batch)["loss"], [task.network.weight])
    terms = task.train_step(batch, 0.5)
    assert torch.allclose(task.network.weight, weight - 0.1 * gradient)
    assert list(terms) == ["loss", "twice", "gradient_norm"] and not any(term.requires_grad for term in terms.values())
    losses = [step["loss"] for step in steps(task, 30)]
    assert losses[-1] < 0.1 * losses[0]


def test_the_gradient_is_clipped() -> None:
    task = Line(clip=1e-3)
    weight = task.network.weight.detach().clone()
    assert steps(task, 1)[0]["gradient_norm"] > 1e-3
    assert 0 < float((task.network.weight.detach() - weight).norm()) <= 0.1 * 1.001e-3


@pytest.mark.parametrize(
    "kind, keys", [(Line, "network optimizer scaler sampler best"), (LastLine, "line optimizer scaler sampler")]
)
def test_a_restored_task_goes_on_alike(kind: type[Line], keys: str) -> None:
    whole, first, second = kind(), kind(), kind()
    wanted = steps(whole, 6)
    assert steps(first, 2) == wanted[:2]
    first.best.offer(first.network, value=0.5, step=2)
    state = first.state_dict()
    assert list(state) == keys.split()
    second.load_state_dict(state)
    assert steps(second, 4) == wanted[2:] and torch.equal(second.network.weight, whole.network.weight)
    assert second.best.step == (2 if kind.keeps_best else -1)


def test_a_failed_step_names_its_items() -> None:
    task = Line()
    assert task.networks() == [task.network] and task.batch_size == 4
    assert sorted(number for _ in range(3) for number in task.batch_ids(task.next_batch())) == list(range(12))
