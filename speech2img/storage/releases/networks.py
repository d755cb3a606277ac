"""Networks built from what a file says: its settings are checked against the file's tensors before memory is taken."""

import math
import threading
import types
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any, Literal, TypeVar, Union

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration
from torch.overrides import TorchFunctionMode

from speech2img.errors import CheckpointError, Speech2ImgError

Network = TypeVar("Network", bound=nn.Module)
LARGEST_SETTING = 1 << 16
"""Largest whole number that any setting of a network may have."""
LONGEST_SETTING = 1000
"""Most values in a list among them."""

_FIX = "use the settings these weights were trained with"
_draws = ContextVar("draws", default=False)


def build_network(
    network: Callable[..., Network], arguments: Any, state: Mapping[str, Tensor], *, name: str, fix: str = _FIX
) -> Network:
    """Build a network as a file's config says and load the file's tensors into it.

    Settings are compared with the annotations of the network, then its shapes with those of the tensors, both without
    taking memory for it; only a network that fits is made. The global random state stays as it is (but for
    `networks_draw`).

    Parameters
    ----------
    network : callable
        Class of the network, or a function that chooses one; annotated.
    arguments : Any
        What the config holds for it; anything but a mapping of plain values that fit is refused.
    state : Mapping of str to Tensor
        All tensors of the network, and no others.
    name : str
        What the weights are, for the message.
    fix : str
        What the user can do now, for the message.

    Returns
    -------
    nn.Module
        On the CPU, in training mode.

    Raises
    ------
    CheckpointError
        If the arguments are none of the network's, or the tensors are not exactly its own.
    """
    if not isinstance(arguments, Mapping) or not all(isinstance(key, str) for key in arguments):
        raise CheckpointError.about(name, f"its config holds no settings of a network ({arguments!r:.60})", fix)
    _demand_kinds(network, arguments, name, fix)
    with torch.device("meta"), _NoDraws(), _no_more_parts_than(len(state)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's advice about empty tensors
        outline = _built(network, arguments, name, fix)
    _demand_kinds(type(outline), arguments, name, fix)
    demand_fit(outline, state, name=name)
    drawn = nullcontext() if _draws.get() else _NoDraws(only=nn.Parameter)  # a run draws what is loaded over
    with unmoved_draws(), drawn:
        module = _built(network, arguments, name, fix)
    module.load_state_dict(state)
    return module


@contextmanager
def networks_draw() -> Iterator[None]:
    """While the block runs, building a network moves the global random state, as it does in PyTorch.

    Training runs were always seeded first and then loaded networks: what they draw later follows from that.
    """
    token = _draws.set(True)
    try:
        yield
    finally:
        _draws.reset(token)


@contextmanager
def unmoved_draws() -> Iterator[None]:
    """While the block runs, random numbers are drawn as usual; then the global random state is as it was before.

    Inside `networks_draw` it does nothing.
    """
    with nullcontext() if _draws.get() else torch.random.fork_rng(devices=[]):
        yield


def load_weights(module: nn.Module, state: Mapping[str, Tensor], *, name: str) -> None:
    """Load tensors into a module if they are exactly its own: names, shapes, kinds and density.

    Parameters
    ----------
    module : nn.Module
        Changed in place, or not at all.
    state : Mapping
        Names to tensors.
    name : str
        What the weights are, for the message.

    Raises
    ------
    CheckpointError
        If anything differs; the message lists the first differences.
    """
    # Checkpoints and other people's files may hold tensors that are not dense; the safetensors of releases cannot.
    from speech2img.storage.foreign.dense_tensors import check_dense

    demand_fit(module, state, name=name)
    for key, tensor in state.items():
        check_dense(tensor, f"{name}: {key}")
    module.load_state_dict(state)


def demand_fit(module: nn.Module, state: Any, *, name: str) -> None:
    """Raise CheckpointError unless tensors are exactly a module's own, which may lie on the device ``meta``."""
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError.about(name, "holds no tensors by name", _FIX)
    # Compare names, shapes and kinds of numbers.
    own = module.state_dict()
    differences = [f"{key} is missing" for key in own if key not in state]
    differences += [f"{key} is unknown" for key in state if key not in own]
    for key in own.keys() & state.keys():
        if own[key].shape != state[key].shape:
            differences.append(f"{key} has shape {tuple(state[key].shape)} instead of {tuple(own[key].shape)}")
        elif own[key].is_floating_point() != state[key].is_floating_point():
            differences.append(f"{key} is {state[key].dtype} instead of {own[key].dtype}")
    # Name the first five.
    if differences:
        more = f" and {len(differences) - 5} more" if len(differences) > 5 else ""
        reason = f"does not fit the model: {', '.join(sorted(differences, key=str)[:5])}{more}"
        raise CheckpointError.about(name, reason, _FIX)


def _built(network: Callable[..., Network], arguments: Mapping[str, Any], name: str, fix: str) -> Network:
    try:
        return network(**arguments)
    except (MemoryError, OSError, Speech2ImgError):  # the machine is at fault, or the reason is told already
        raise
    except RuntimeError as error:
        if "allocate memory" in str(error):  # the machine is at fault, not the file
            raise
        raise CheckpointError.about(name, f"its settings do not fit ({str(error):.300})", fix) from error
    except Exception as error:  # a constructor that gets values nobody thought of may raise almost any type
        raise CheckpointError.about(name, f"its settings do not fit ({str(error):.300})", fix) from error


class _NoDraws(TorchFunctionMode):
    """Inside it, tensors are not filled with random numbers, or only those of some type are not.

    On the device ``meta`` filling them would load half of torch; parameters get a file's values next.
    """

    def __init__(self, only: type[Tensor] = Tensor) -> None:
        super().__init__()
        self.only = only

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Leave a tensor that is to be filled as it is, and make one of random numbers without them."""
        given = kwargs or {}
        if func in (Tensor.normal_, Tensor.uniform_) and isinstance(args[0], self.only):
            return args[0]
        if getattr(func, "__module__", "") == nn.init.__name__ and isinstance(given.get("tensor"), self.only):
            return given["tensor"]  # fills it when this is left
        if self.only is Tensor and func in (torch.randn, torch.rand):
            return torch.empty(*args, **{name: value for name, value in given.items() if name != "generator"})
        return func(*args, **given)


@contextmanager
def _no_more_parts_than(tensors: int) -> Iterator[None]:
    """Stop the building of a network in this thread when it has more parts than a file of so many tensors can fill."""
    # Small networks have more modules than tensors; what asks for far more is refused while it is built.
    left = {"parameters": 2 * tensors + 16, "modules": 20 * tensors + 100}
    thread = threading.get_ident()

    def count(kind: str, *_: object) -> None:
        if threading.get_ident() == thread:
            left[kind] -= 1
            if left[kind] < 0:
                raise ValueError(f"they ask for more {kind} than the {tensors} tensors of the file can fill")

    parameters = registration.register_module_parameter_registration_hook(partial(count, "parameters"))
    modules = registration.register_module_module_registration_hook(partial(count, "modules"))
    try:
        yield
    finally:
        parameters.remove()
        modules.remove()


def _demand_kinds(network: Any, arguments: Mapping[str, Any], name: str, fix: str) -> None:
    """Raise CheckpointError unless every argument is of the kind that the network's annotations say."""
    while isinstance(network, partial):
        network = network.func
    hints = typing.get_type_hints(network.__init__ if isinstance(network, type) else network)  # type: ignore[misc]
    for key, value in arguments.items():
        share = not key.endswith("dropout") or (type(value) in (int, float) and 0 <= value <= 1)
        if not share or not _fits(hints.get(key, Any), value):
            raise CheckpointError.about(name, f"its setting {key!r:.40} is {value!r:.60}", fix)


def _fits(hint: Any, value: Any) -> bool:
    """Whether a plain value is what an annotation says."""
    # Containers by their parts.
    origin, kinds = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(kind, value) for kind in kinds)
    if origin is Literal:
        return any(type(choice) is type(value) and choice == value for choice in kinds)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_fits(kinds[0], k) and _fits(kinds[1], v) for k, v in value.items())
    if isinstance(origin, type) and issubclass(origin, Sequence):
        short = isinstance(value, list | tuple) and len(value) <= LONGEST_SETTING
        return short and all(_fits(kinds[0], item) for item in value)
    # Numbers within bounds: a width of 10**9 would fill the memory.
    if hint is int:
        return type(value) is int and abs(value) <= LARGEST_SETTING
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is hint if hint in (bool, str, types.NoneType) else True
