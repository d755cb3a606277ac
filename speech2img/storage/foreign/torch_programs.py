"""Tensors of a TorchScript file, by the names of the modules they lie in: its program is neither read nor run."""

from typing import Any

from torch import Tensor

from speech2img.storage.foreign.pickle_names import RefusedError
from speech2img.storage.foreign.torch_names import Foreign
from speech2img.storage.foreign.torch_pickle import TorchMachine

MODULES = "__torch__."
"""What the names of a program's own classes begin with."""

_MAX_DEPTH = 32
_MAX_NAMES = 200_000


class ProgramMachine(TorchMachine):
    """Runs the pickle of a TorchScript file: a module of it becomes a dict of its attributes.

    Parameters are those of `TorchMachine`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.modules: dict[int, dict[str, Any]] = {}

    def new_object(self, function: Any, arguments: Any) -> None:
        """Push an empty dict for a module of the program; of other classes as in any torch file."""
        if isinstance(function, Foreign) and function.name.startswith(MODULES) and arguments == ():
            module: dict[str, Any] = {}
            self.modules[id(module)] = module
            self.push(module)
        else:
            super().new_object(function, arguments)

    def set_state(self, target: Any, state: Any) -> None:
        """Give a module its attributes, once."""
        module = self.modules.pop(id(target), None)
        if module is None or not isinstance(state, dict):
            super().set_state(target, state)
        else:
            module.update(state)


def named_tensors(program: Any) -> dict[str, Tensor]:
    """Every tensor of a program under the names of its modules, joined by points.

    Parameters
    ----------
    program : nested dicts
        What `ProgramMachine` gave.

    Returns
    -------
    dict of str to Tensor
        Numbers, texts and lists among the attributes are left out.

    Raises
    ------
    RefusedError
        If its modules are nested without end.
    ValueError
        If it is no module.
    """
    if not isinstance(program, dict):
        raise ValueError("a TorchScript file without a module")
    tensors: dict[str, Tensor] = {}
    todo: list[tuple[str, Any, int]] = [("", program, 0)]
    count = 0
    # In the order of the file, without recursion: the depth is not ours to trust.
    while todo:
        name, value, depth = todo.pop()
        count += 1
        if depth > _MAX_DEPTH or count > _MAX_NAMES:
            raise RefusedError("nests modules without end")
        if isinstance(value, Tensor):
            tensors[name] = value
        elif isinstance(value, dict):
            inside = [(f"{name}.{key}" if name else str(key), part, depth + 1) for key, part in value.items()]
            todo += reversed(inside)
    return tensors
