"""Where the state of a network lies in a published checkpoint: under which name, behind which prefix, beside what."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

State = dict[str, Tensor]

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "model_state",
    "net",
    "network",
    "generator",
    "netG",
    "encoder",
    "module",
    "weights",
    "params",
)
"""Names under which publishers keep a state, the one that is taken first in front."""

PREFIXES = ("model", "net", "network", "generator", "netG", "encoder", "backbone")
"""Names under which a trainer's state keeps those of its networks, the one that is taken first in front."""

WRAPPING_MODULES = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What PyTorch itself puts into names: of networks on several devices, of compiled and of recomputed ones."""

_MAX_STATES = 200
_MAX_PARTS = 100
_MAX_DEPTH = 4
_SHOWN = 3


class FoundState(NamedTuple):
    """A state and what lies beside it."""

    tensors: State
    """By the publisher's names, without prefixes."""
    path: str
    """Where it was, such as ``state_dict: model.``; for messages."""
    beside: tuple[str, ...]
    """Names and kinds of what was passed over because it is no tensor."""
    known: bool
    """Whether it lies under names of `WRAPPERS` and `PREFIXES` only."""

    def hint(self) -> str:
        """What was passed over, as the end of a message; empty if nothing was."""
        more = f" and {len(self.beside) - _SHOWN} more" if len(self.beside) > _SHOWN else ""
        return f"; passed over, as no tensors: {', '.join(self.beside[:_SHOWN])}{more}" if self.beside else ""


def find_state(checkpoint: Any, convert: Callable[[State], object]) -> FoundState:
    """The state inside a published checkpoint that a conversion takes.

    Parameters
    ----------
    checkpoint : Any
        A state; or mappings of any names in which one lies, as trainers write them: ``state_dict``,
        ``model_state_dict``, ``net``, ... Its names may begin with those of modules around it (``module.``,
        ``_orig_mod.``, ``model.``, ``net.``, ...), and other networks, numbers and objects may lie beside it.
    convert : callable
        Raises ValueError for names that the network does not have.

    Returns
    -------
    FoundState
        The one with the most tensors; of several that are alike the one under the name that comes first in `WRAPPERS`
        or `PREFIXES`.

    Raises
    ------
    ValueError
        If there is none, or several that are alike under names that nothing is known of.
    """
    candidates: list[FoundState] = []
    reason = ""
    # Every mapping of tensors in the file, and every part of it, may be the network.
    for path, mapping in _states(checkpoint):
        tensors, beside = _tensors_of(mapping)
        for prefix, part in _parts(tensors):
            known = {*path.split("/")} <= {*WRAPPERS, ""} and {*prefix.split(".")} <= {*PREFIXES, ""}
            candidate = FoundState(part, f"{path}{': ' if path and prefix else ''}{prefix}", beside, known)
            try:
                convert(part)
            except ValueError as error:
                reason = reason or f"{error}{candidate.hint()}"
            else:
                candidates.append(candidate)
    # None: say why the first did not fit.
    if not candidates:
        raise ValueError(reason or f"holds no state: a mapping from names to tensors was expected{_what(checkpoint)}")
    # Several: only one may be meant.
    best = max(candidates, key=lambda one: len(one.tensors))  # the first of several: those under known names come first
    for other in candidates:
        alike = other is not best and other.tensors.keys() == best.tensors.keys()
        if alike and not (best.known or all(other.tensors[name] is best.tensors[name] for name in best.tensors)):
            places = f"{best.path[:60]!r} and {other.path[:60]!r}"
            raise ValueError(f"holds several such networks, under {places}: save the one you mean alone")
    return best


def _states(checkpoint: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Mappings of a checkpoint that hold tensors by name, known names first."""
    level: list[tuple[str, Any]] = [("", checkpoint)]
    count = 0
    # Level by level, known names first, with bounds on depth and number.
    for _ in range(_MAX_DEPTH):
        inner: list[tuple[str, Any]] = []
        for path, mapping in level:
            if not isinstance(mapping, Mapping):
                continue
            if any(_as_tensor(value) is not None for value in mapping.values()):
                count += 1
                if count > _MAX_STATES:
                    return
                yield path, mapping
            names = [key for key, value in mapping.items() if isinstance(key, str) and isinstance(value, Mapping)]
            names.sort(key=lambda name: WRAPPERS.index(name) if name in WRAPPERS else len(WRAPPERS))
            inner += [(f"{path}{'/' if path else ''}{name[:60]}", mapping[name]) for name in names[:_MAX_STATES]]
        level = inner[:_MAX_STATES]


def _tensors_of(mapping: Mapping[Any, Any]) -> tuple[State, tuple[str, ...]]:
    """Tensors of a mapping by name, and what else it holds."""
    tensors: State = {}
    beside = []
    for key, value in mapping.items():
        tensor = _as_tensor(value)
        if tensor is None and isinstance(key, str) and key.endswith("num_batches_tracked") and type(value) is int:
            tensor = torch.tensor(value)
        if tensor is not None and isinstance(key, str):
            tensors[key] = tensor
        elif not isinstance(value, Mapping):
            beside.append(f"{key!r:.60} ({getattr(value, 'name', None) or type(value).__name__})")
    return tensors, tuple(beside)


def _as_tensor(value: Any) -> Tensor | None:
    """A tensor, or an array of numbers as one; None for all else."""
    if isinstance(value, Tensor):
        return value
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) is not None and value.dtype.kind in "biuf":
        return torch.as_tensor(value.astype(value.dtype.newbyteorder("="), copy=False))
    return None


def _parts(tensors: State, depth: int = 0) -> Iterator[tuple[str, State]]:
    """A state without what PyTorch and all names have in front; as it is; and the networks in it, by prefix."""
    if not tensors:
        return
    # Without `module.` and the like, then without a prefix that all share, then as it is.
    bare = _without_wrapping_modules(tensors)
    prefix, shared = _without_shared_prefix(bare)
    yield prefix, shared
    if prefix:
        yield "", bare
    if depth == _MAX_DEPTH:
        return
    # Networks saved side by side have a first name each.
    firsts = dict.fromkeys(name.partition(".")[0] for name in shared if "." in name)
    for first in sorted(firsts, key=lambda name: PREFIXES.index(name) if name in PREFIXES else len(PREFIXES))[
        :_MAX_PARTS
    ]:
        inside = {name[len(first) + 1 :]: tensor for name, tensor in shared.items() if name.startswith(f"{first}.")}
        if len(inside) < len(shared):
            yield from ((f"{prefix}{first[:60]}.{rest}", part) for rest, part in _parts(inside, depth + 1))


def _without_wrapping_modules(tensors: State) -> State:
    """The state without `WRAPPING_MODULES` anywhere in its names, unless two would become one."""
    bare = {
        ".".join(part for part in name.split(".") if part not in WRAPPING_MODULES): tensor
        for name, tensor in tensors.items()
    }
    return bare if len(bare) == len(tensors) else tensors


def _without_shared_prefix(tensors: State) -> tuple[str, State]:
    """The known prefix that all names have, and the state without it."""
    prefix = ""
    while len(firsts := {name.partition(".")[0] for name in tensors}) == 1 and (first := firsts.pop()) in PREFIXES:
        if not all("." in name for name in tensors):
            break
        prefix += f"{first}."
        tensors = {name.partition(".")[2]: tensor for name, tensor in tensors.items()}
    return prefix, tensors


def _what(checkpoint: Any) -> str:
    if isinstance(checkpoint, Mapping):
        return FoundState({}, "", _tensors_of(checkpoint)[1], known=False).hint()
    name = getattr(checkpoint, "name", None)
    return f", not {name or f'a {type(checkpoint).__name__}'}"
