"""The import direction of the rooms, and what importing the package may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "speech2img"

BASE = {"errors", "config", "storage"}
MAY_IMPORT = {
    "errors": set(),
    "config": {"errors"},
    "storage": {"errors", "config"},
    "audio": BASE,
    "images": BASE,
    "corpora": BASE | {"audio", "images"},
    "batches": BASE | {"audio", "images", "corpora"},
    "tts": BASE | {"audio", "corpora", "models"},
    "models": set(),
    "losses": set(),
    "metrics": BASE | {"audio", "images", "corpora", "models"},
    "training": BASE | {"audio", "images", "corpora", "batches", "tts", "models", "losses", "metrics"},
    # training.device alone: the one module that decides about devices imports nothing but errors and storage.ranks
    "painting": BASE | {"models", "training"},
    "pipeline": BASE | {"audio", "images", "models", "painting"},
    "cli": None,
}
THIRD_PARTY = {"models": {"torch"}, "losses": {"torch"}}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_import_only_what_is_below_them(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in ("__init__", "__main__"):
        return
    assert room in MAY_IMPORT, f"{room} is a new room: say in this test what it may import"
    for name in _imports(path):
        top, _, rest = name.partition(".")
        if top == "speech2img" and rest and MAY_IMPORT[room] is not None:
            target = rest.split(".")[0]
            assert target == room or target in MAY_IMPORT[room], f"{path}: {room} may not import {name}"
        elif room in THIRD_PARTY and top not in sys.stdlib_module_names:
            assert top in {"speech2img", *THIRD_PARTY[room]}, f"{path}: {room} may not import {name}"
    if room == "painting":
        from_training = {name for name in _imports(path) if name.startswith("speech2img.training")}
        assert from_training == {"speech2img.device"}


def test_models_import_only_models_and_losses_only_losses() -> None:
    for room in ("models", "losses"):
        for path in (PACKAGE / room).glob("*.py"):
            ours = {name for name in _imports(path) if name.startswith("speech2img.")}
            assert all(name.startswith(f"speech2img.{room}") for name in ours), path


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_begin_with_a_docstring_and_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert text.startswith('"""'), f"{path}: the docstring is not on line 1"
    assert len(text.splitlines()) <= 500, f"{path} is too long"


def test_importing_the_package_is_cheap_and_without_effect(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "before = dict(os.environ)\n"
        "import speech2img\n"
        "assert dict(os.environ) == before\n"
        "assert not {'torch', 'numpy', 'librosa'} & set(sys.modules), 'heavy imports'\n"
        "assert callable(speech2img.load) and speech2img.__version__\n"
        "assert speech2img.SpeechToImage.__name__ == 'SpeechToImage'\n"
        "assert 'librosa' not in sys.modules\n"
        "import torch\n"
        "assert not torch.cuda.is_initialized()\n"
    )
    code = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n{code}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    assert not list(tmp_path.iterdir())


def test_one_module_knows_what_cuda_wants() -> None:
    """Beside it only CUDA graphs, float32 without TF32, and what ``check`` tells of the installed torch."""
    knows = {
        str(path.relative_to(PACKAGE))
        for path in _modules()
        if any(words in path.read_text() for words in ("torch.cuda", "cudnn", '== "cuda"', '!= "cuda"'))
    }
    assert knows == {"device.py", "training/cuda_graphs.py", "features/inception_reader.py", "cli/check.py"}


def test_unknown_attribute_of_the_package() -> None:
    import speech2img

    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = speech2img.lod
