"""Which device and which precision: the only module that decides either."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from speech2img.errors import ConfigError
from speech2img.storage.ranks import local_index, this_rank

PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]


def resolve_device(name: str = "auto") -> torch.device:
    """Turn a device's name into a device that is there.

    Parameters
    ----------
    name : str
        ``"auto"`` (CUDA where there is one, else CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ... Each process of
        ``torchrun`` takes a CUDA device of its own for ``auto`` and ``cuda``.

    Raises
    ------
    ConfigError
        If the name is no device, or the device is not there.
    """
    shared = this_rank().count > 1
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and shared:
        name = f"cuda:{local_index()}"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError.about(
            f"device '{name}'", "no such kind of device", "use auto, cpu, cuda or cuda:N"
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError.about(f"device '{name}'", "only CPU and CUDA are supported", "use auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ConfigError.about(f"device '{name}'", f"{count} CUDA devices were found", "use auto or cpu")
        if shared:
            torch.cuda.set_device(device)
    return device


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
