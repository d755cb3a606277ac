"""Every trainer, and what is done with it, on a device without kernels: of each tensor only the place is known.

Run as a program with a corpus (as from `tiny_trainings.build`) it makes two steps of each case in float32 and prints a
JSON object a line: {"case", "error", "fetched", "waited"}. The device stands for CUDA where there is none. An operation
between tensors of both devices fails on it, and so does everything for which the host has to wait until the device has
computed (``item``, ``nonzero``, ``if tensor``). Copies for which it waits are counted: ``fetched`` to the host,
``waited`` to the device without ``non_blocking``. Only the last step counts. After the steps the host may fetch what it
wants, and gets ones: state, evaluation, grids and export, then extraction, generation or speech with what was exported.
"""

import json
import os
import sys
import tempfile
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_iter, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from helpers import tiny_trainings
from speech2img.errors import SynthesisError
from speech2img.features.image_features import build_teacher_features
from speech2img.features.speech_embeddings import extract_embeddings
from speech2img.models.encoders import base as speech_network
from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release
from speech2img.training.classifiers import task as classifier
from speech2img.tts.tacotron2.engine import Tacotron2Synthesizer

NAME = "standin"
STEPS = 2
GOOGLENET_DIM = 1024


class _Module(_DummyBackendModule):
    """What torch asks of the device's module, even where there is no autocast."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """Types of autocast."""
        return [torch.bfloat16, torch.float16]


class _Fake(FakeTensorMode):
    """Makes tensors without content, and counts the copies for which the host waits."""

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.fetched = self.waited = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if func is torch.ops.aten._to_copy.default:
            self._count(args[0], result, waits=not (kwargs or {}).get("non_blocking"))
        elif func is torch.ops.aten.copy_.default:
            self._count(args[1], result, waits=not (len(args) > 2 and args[2]))
        return result

    def _count(self, source: Tensor, target: Tensor, *, waits: bool) -> None:
        if source.device.type != target.device.type:
            self.fetched += target.device.type == "cpu"
            self.waited += target.device.type == NAME and waits


class Standin(TorchFunctionMode):
    """Whatever is wanted on the device is made without content, and what is made of such tensors is, too."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = _Fake()
        self.gives_ones = False
        """Whether the host may fetch what it wants, as between steps; all it gets is ones."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not any(_is_there(value) for value in tree_iter((args, kwargs))):
            return func(*args, **kwargs)
        if self.gives_ones and func in _READS:
            return func(*tree_map(_ones, args), **kwargs)
        with self.fake:
            result = func(*tree_map(self._emptied, args), **tree_map(self._emptied, kwargs))
        is_fetched = isinstance(result, FakeTensor) and result.device.type == "cpu"
        return _ones(result) if self.gives_ones and is_fetched else result

    def _emptied(self, value: Any) -> Any:
        is_real = isinstance(value, Tensor) and not isinstance(value, FakeTensor)
        return self.fake.from_tensor(value) if is_real else value

    def move_(self, module: nn.Module, device: Any) -> nn.Module:
        """Do what `nn.Module.to` does, which cannot replace a tensor by one without content."""
        moved: dict[int, Tensor] = {}
        for part in module.modules():
            for name, old in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]:
                if id(old) not in moved:
                    with self.fake:
                        new = self._emptied(old.detach()).to(device)
                    is_weight = isinstance(old, nn.Parameter)
                    moved[id(old)] = nn.Parameter(new, requires_grad=old.requires_grad) if is_weight else new
                setattr(part, name, moved[id(old)])
        return module


_READS = (Tensor.item, Tensor.tolist, Tensor.__bool__, Tensor.__float__, Tensor.__int__, Tensor.__format__)


def _ones(value: Any) -> Any:
    return torch.ones(value.shape, dtype=value.dtype) if isinstance(value, FakeTensor) else value


def _is_there(value: Any) -> bool:
    device = value.device if isinstance(value, FakeTensor) else value
    return isinstance(device, torch.device | str) and str(device).startswith(NAME)


def register() -> None:
    """Make the device known to torch, in the whole process."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=_Module())


class _SeenEnoughError(Exception):
    """Ends a training after its first steps."""


def _gru(self: nn.GRU, steps: Tensor) -> tuple[Tensor, None]:
    """In the place of a network whose kernel on such a device tells nothing of its shapes."""
    width = self.hidden_size * (2 if self.bidirectional else 1)
    return steps.mean(dim=2, keepdim=True).expand(-1, -1, width) + next(self.parameters()).sum(), None


def _extract(root: Path, run: Path) -> None:
    extract_embeddings(run, root, name="standin", workers=1, progress=False)


def _read_features(root: Path, run: Path) -> None:
    build_teacher_features(root, run, name="standin", workers=1, progress=False)


def _generate(root: Path, run: Path) -> None:
    tensors, config = load_release(run / "export")
    arguments = {"channels": [8] * 8, "embedding_dim": config["generator"]["embedding_dim"]}
    if "prior" in config:
        arguments["embedding_dim"] = config["prior"]["embedding_dim"]
    encoder = {f"encoder.{name}": value for name, value in Li2020Encoder(**arguments).state_dict().items()}
    save_release(run / "whole", {**tensors, **encoder}, {**config, "encoder": arguments}, "")
    model = SpeechToImage.load(run / "whole")
    assert model.device.type == NAME and len(model(root / "audio" / "0_0.wav", num_images=2)) == 2


def _speak(root: Path, run: Path) -> None:
    engine = Tacotron2Synthesizer(run / "export", device=torch.device(NAME, 0))
    try:
        engine.synthesize("a small bird", voice="tacotron2")
    except SynthesisError as error:
        if "was read" not in str(error):  # with ones for all results the quality gate cannot be content
            raise


AFTER = {
    "encoder": _extract,
    "s2igan encoder": _extract,
    "teacher": _read_features,
    "prior": _generate,
    "generator": _generate,
    "tacotron2": _speak,
}
"""What the trained network is for: case -> what is done with its run."""


def steps_of(case: str, root: Path) -> dict[str, Any]:
    """Make some steps of a trainer on the device."""
    standin, waits = Standin(), {"fetched": -1, "waited": -1}

    def some_steps(task: Any, *, run: Any, **more: Any) -> None:
        for step in range(STEPS):
            batch = task.next_batch()
            standin.fake.fetched = standin.fake.waited = 0
            task.train_step(batch, step / 10)
        waits.update(fetched=standin.fake.fetched, waited=standin.fake.waited)
        standin.gives_ones = True
        task.load_state_dict(task.state_dict())
        task.evaluate(STEPS)
        task.sample_grids()
        task.export(run.folder / "export", step=STEPS, images_seen=STEPS)
        if case in AFTER:
            AFTER[case](root, run.folder)
        raise _SeenEnoughError

    replaced: list[tuple[Any, str, Any]] = [
        (nn.Module, "to", lambda module, device: standin.move_(module, device)),
        (Tensor, "pin_memory", lambda tensor: tensor),
        (nn.GRU, "forward", _gru),
        # What torch makes of lengths depends on their content.
        (speech_network, "pack_padded_sequence", lambda steps, lengths, batch_first: steps),
        (speech_network, "pad_packed_sequence", lambda steps, batch_first, total_length: (steps, None)),
        (nn.functional, "ctc_loss", lambda log_probabilities, *_, **__: -log_probabilities.mean(dim=(0, 2))),
        # The features are stored before the first step.
        (classifier, "feature_reader", lambda network, device: lambda images: torch.zeros(len(images), GOOGLENET_DIM)),
    ]
    for name, new in (("run_training", some_steps), ("resolve_device", lambda name="auto": torch.device(NAME, 0))):
        replaced += [
            (module, name, new)
            for key, module in sys.modules.items()
            if key.startswith("speech2img") and name in vars(module)
        ]
    error = "no step was made"
    with tempfile.TemporaryDirectory() as folder, standin, ExitStack() as patches:
        for target, name, new in replaced:
            patches.enter_context(patch.object(target, name, new))
        try:
            tiny_trainings.train(case, root, Path(folder) / "run")
        except _SeenEnoughError:
            error = ""
        except Exception:
            error = traceback.format_exc()
    return {"case": case, "error": error, **waits}


if __name__ == "__main__":
    register()
    for name in tiny_trainings.CASES:
        print(json.dumps(steps_of(name, Path(sys.argv[1]))), flush=True)
    os._exit(0)  # the thread of the device's backward passes cannot be ended otherwise
