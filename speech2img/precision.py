"""How a training computes on each device: precision, layout of kernels, fused optimizers, random states, transfers."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from speech2img.errors import ConfigError

PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class Precision:
    """The arithmetic of a run: the type under autocast, and whether losses need scaling."""

    name: Literal["fp32", "bf16", "fp16"]
    """Resolved name."""
    device: torch.device
    """Where it holds."""

    def autocast(self) -> AbstractContextManager[object]:
        """Context in which a forward pass runs; weights stay float32."""
        if self.name == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16 if self.name == "bf16" else torch.float16)

    def scaler(self) -> torch.amp.GradScaler:
        """A loss scaler; it does something in fp16 only."""
        return torch.amp.GradScaler(self.device.type, enabled=self.name == "fp16")


def resolve_precision(name: PrecisionName, device: torch.device) -> Precision:
    """Choose the arithmetic for a device.

    Parameters
    ----------
    name : {"auto", "fp32", "bf16", "fp16"}
        ``auto``: on CUDA bf16 from compute capability 8.0, fp16 from 7.0, else fp32; on a CPU bf16 where the processor
        has bf16 instructions (1.6 to 1.8 times faster there), else fp32.
    device : torch.device
        As from `resolve_device`.

    Raises
    ------
    ConfigError
        For fp16 on a CPU, where it is some hundred times slower than fp32.
    """
    if name == "fp16" and device.type == "cpu":
        raise ConfigError.about("precision 'fp16'", "a CPU computes it far slower than fp32", "use auto, fp32 or bf16")
    if name != "auto":
        return Precision(name, device)
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        return Precision("bf16" if capability >= (8, 0) else "fp16" if capability >= (7, 0) else "fp32", device)
    return Precision("bf16" if _cpu_has_bf16() else "fp32", device)


def _cpu_has_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def demand_compiler(device: torch.device) -> None:
    """Check that ``torch.compile`` finds the C++ compiler that it needs on a CPU.

    Raises
    ------
    ConfigError
        If there is none.
    """
    compiler = os.environ.get("CXX", "g++")
    if device.type == "cpu" and shutil.which(compiler) is None:
        fix = "install it, name another in CXX, or set compile to false"
        raise ConfigError.about("compile", f"the C++ compiler {compiler!r} is not to be found", fix)


def is_asynchronous(device: torch.device) -> bool:
    """Whether the device computes while the host goes on, so that the host should leave to it what it can do."""
    return device.type != "cpu"


def to_device(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Tensors of the host on the device; CUDA fetches them while the host goes on.

    Parameters
    ----------
    tensors : sequence of Tensor
        On the host; they are left alone.
    device : torch.device
        Where they are wanted.
    """
    if is_asynchronous(device):
        return [tensor.pin_memory().to(device, non_blocking=True) for tensor in tensors]
    return [tensor.to(device) for tensor in tensors]


def make_adam(
    parameters: Iterable[nn.Parameter],
    rate: float,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.0,
    device: torch.device,
    graphs: bool = False,
) -> torch.optim.Adam:
    """Adam as the device computes it best: in one fused kernel on CUDA, a tensor at a time on the CPU.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        They are on the device already.
    rate : float
        Learning rate.
    betas, weight_decay : float
        As for `torch.optim.Adam`.
    device : torch.device
        Where they are.
    graphs : bool
        Whether its steps will be part of a CUDA graph; the learning rate is a tensor there.
    """
    if device.type != "cuda":
        return torch.optim.Adam(parameters, rate, betas, weight_decay=weight_decay)
    start = torch.tensor(rate, device=device) if graphs else rate
    return torch.optim.Adam(parameters, start, betas, weight_decay=weight_decay, fused=True, capturable=graphs)


def make_adamw(
    parameters: Iterable[nn.Parameter],
    rate: float,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float,
    device: torch.device,
) -> torch.optim.AdamW:
    """AdamW as `make_adam` makes Adam: one kernel, which needs no room as large as the weights for a step.

    On a CPU it takes a fifth of the time, a tenth of a small flow's step with 16 images.
    """
    fused = device.type in {"cpu", "cuda"}
    return torch.optim.AdamW(parameters, rate, betas, weight_decay=weight_decay, fused=fused)


def restore_optimizer_(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's state, saved on any device, and leave how and where it computes as it is."""
    groups = []
    for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=True):
        kept = {key: own.get(key) for key in ("fused", "capturable", "foreach")}
        rate = float(saved["lr"])
        if isinstance(own["lr"], Tensor):
            kept["lr"] = own["lr"].fill_(rate)
        else:
            kept["lr"] = rate
        groups.append({**saved, **kept})
    optimizer.load_state_dict({**state, "param_groups": groups})


def to_channels_last_(network: nn.Module, wish: Literal["auto", "on", "off"], precision: Precision) -> None:
    """Lay a network's kernels out channels last, in place, where that is faster; pictures follow them.

    Parameters
    ----------
    network : nn.Module
        On its device, before its optimizer is made.
    wish : {"auto", "on", "off"}
        ``auto``: where tensor cores compute in half precision.
    precision : Precision
        Arithmetic of the network.
    """
    if wish == "on" or (wish == "auto" and precision.device.type == "cuda" and precision.name != "fp32"):
        for parameter in network.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


@contextmanager
def cudnn_benchmark(device: torch.device, wanted: bool) -> Iterator[None]:
    """Let cuDNN try all its kernels for each shape and keep the fastest; some of them take much memory."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = wanted
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def cuda_random_states(*, own: bool) -> list[Tensor]:
    """States of the random generators of all CUDA devices, or of this process's own one alone; [] before their use."""
    if not (torch.cuda.is_available() and torch.cuda.is_initialized()):
        return []
    return [torch.cuda.get_rng_state()] if own else torch.cuda.get_rng_state_all()


def restore_cuda_random_states(states: list[Tensor], *, own: bool) -> None:
    """Set what `cuda_random_states` gave; on a machine with another number of devices nothing."""
    if not states or not torch.cuda.is_available():
        return
    if own:
        torch.cuda.set_rng_state(states[0])
    elif len(states) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states)


def peak_memory(device: torch.device) -> int:
    """Most bytes of tensors on a CUDA device so far; 0 on a CPU, which does not count them."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
