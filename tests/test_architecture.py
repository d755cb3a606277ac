"""The import direction of the rooms, and what importing the package may cost."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.wav import write_wav

PACKAGE = Path(__file__).parents[1] / "speech2img"

ORDER = (
    {"cli"},
    {"app"},
    {"gallery"},
    {"systems"},
    {"training"},
    {"metrics"},
    {"features"},
    {"batches", "tts", "pipeline"},
    {"streaming", "attending"},
    {"corpora", "distributed", "generation", "hearing"},
    {"loading"},
    {"recognition"},
    {"audio", "images", "device", "precision", "encoded_speech", "seeded_noise"},
    {"storage"},
    {"config", "options"},
    {"errors", "renamed"},
)
"""Rooms from the top to the ground: each may import what stands below it, never beside or above it."""
PURE = {"models", "losses"}
"""Networks and losses: torch and themselves only. Every room above ``storage`` may use them."""
SUB_ROOMS = {
    "audio": ("augmentation", "", "decoders"),
    "corpora": ("", "songbirds", "readers", "folder", "checks", "records"),
    "corpora.songbirds": ("", "rendering", "languages"),
    "metrics": ("evaluate", "report", "images", "functional", ""),
    "metrics.evaluate": ("attngan", "conditions", "several", "yardsticks", ""),
    "models": (
        "tts",
        "generators",
        "text_encoders",
        "encoders",
        "recognisers",
        "published",
        "vision",
        "codecs",
        "layers",
        "",
    ),
    "storage": ("hdf5", "releases", "foreign", ""),
    "training": (
        "encoder",
        "stackgan",
        "stackgan_v1",
        "attngan",
        "damsm",
        "latent_flow",
        "vq_diffusion",
        "prior",
        "codec",
        "classifiers",
        "recogniser",
        "text_encoder",
        "tacotron2",
        "adversarial",
        "encoded",
        "",
    ),
    "tts": ("corpus", "baidu", "command", "espeak", "kokoro", "tacotron2", ""),
}
"""Folders within a room, in the same order; "" stands for the files that lie in the room itself."""
APART = {
    "training": {
        "encoder",
        "stackgan",
        "stackgan_v1",
        "attngan",
        "damsm",
        "latent_flow",
        "vq_diffusion",
        "prior",
        "codec",
        "classifiers",
        "recogniser",
        "text_encoder",
        "tacotron2",
    },
    "tts": {"baidu", "command", "espeak", "kokoro", "tacotron2"},
}
"""Folders that know nothing of each other."""
MAY_BOTH = {
    ("storage", "", "foreign"),
    ("metrics.evaluate", "", "attngan"),
    ("metrics.evaluate", "", "several"),
    ("metrics.evaluate", "", "yardsticks"),
    ("audio", "decoders", ""),
    ("corpora.songbirds", "rendering", ""),
    *(("training", "", kind) for kind in APART["training"]),
    *(("tts", "", engine) for engine in APART["tts"]),
}
"""Files of a room that a folder within it builds on, and that build on it; no circle between modules (a test)."""
THIRD_PARTY = {"models": {"torch"}, "losses": {"torch"}, "metrics.functional": {"numpy", "scipy"}}


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


RANK = {room: len(ORDER) - place for place, rooms in enumerate(ORDER) for room in rooms}


def _parts(path: Path) -> tuple[str, ...]:
    return path.relative_to(PACKAGE).with_suffix("").parts


def _target(name: str) -> tuple[str, ...]:
    """Parts of an imported module of this package below its name; the imported name itself may be among them."""
    return tuple(name.split(".")[1:])


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_import_only_what_is_below_them(path: Path) -> None:
    room = _parts(path)[0]
    if room in ("__init__", "__main__"):
        return
    assert room in RANK or room in PURE, f"{room} is a new room: say in this test where it stands"
    for name in _imports(path):
        if not name.startswith("speech2img.") or (other := _target(name)[0]) == room:
            continue
        if room in PURE:
            raise AssertionError(f"{path}: {room} may not import {name}")
        low = RANK[room] <= RANK["storage"]
        known = (other in PURE and not low) or RANK.get(other, 99) < RANK[room]
        assert known, f"{path}: {room} may not import {name}"


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_folders_of_a_room_import_only_what_is_below_them(path: Path) -> None:
    parts = _parts(path)
    for room, order in SUB_ROOMS.items():
        inside = tuple(room.split("."))
        if parts[: len(inside)] != inside:
            continue
        here = parts[len(inside)] if len(parts) > len(inside) + 1 else ""
        assert here in order, f"{room}.{here} is a new folder: say in this test where it stands"
        for name in _imports(path):
            target = _target(name)
            if not name.startswith("speech2img.") or target[: len(inside)] != inside:
                continue
            rest = target[len(inside) :]
            there = rest[0] if rest and (PACKAGE.joinpath(*inside, rest[0])).is_dir() else ""
            if there == here or (room, here, there) in MAY_BOTH:
                continue
            assert order.index(there) > order.index(here), f"{path}: {room}.{here} may not import {name}"
            apart = APART.get(room, set())
            assert not (here in apart and there in apart), f"{path}: {here} may know nothing of {there}"


def test_one_module_knows_the_corpora() -> None:
    """No room compares the name of a corpus, and none but the table of corpora imports the one that is drawn here."""
    for path in _modules():
        parts = _parts(path)
        if parts[:2] == ("corpora", "songbirds") or parts == ("corpora", "registry"):
            continue
        birds = [name for name in _imports(path) if name.startswith("speech2img.corpora.songbirds")]
        assert not birds, f"{path}: only corpora.registry may import {birds[0]}"
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"manifest\.corpus (?:==|!=|in|not in) |manifest\.corpus\.\w+\(", text), path


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_mathematics_and_networks_depend_on_little(path: Path) -> None:
    for room, allowed in THIRD_PARTY.items():
        if _parts(path)[: room.count(".") + 1] != tuple(room.split(".")):
            continue
        for name in _imports(path):
            top = name.partition(".")[0]
            assert top in sys.stdlib_module_names or top in {"speech2img", *allowed}, f"{path}: {name}"
            if top == "speech2img" and room not in PURE:
                assert name.startswith((f"speech2img.{room}", "speech2img.errors")), f"{path}: {name}"


def test_no_modules_import_each_other() -> None:
    names = {".".join(("speech2img", *_parts(path))).removesuffix(".__init__"): path for path in _modules()}
    edges = {name: {other for other in _imports(path) if other in names} for name, path in names.items()}
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a circle: {' > '.join((*way[way.index(name) :], name))}"
        if name not in done:
            for other in sorted(edges[name]):
                walk(other, (*way, name))
            done.add(name)

    for name in sorted(names):
        walk(name, ())


ABOVE = ("training", "metrics", "features", "batches", "corpora", "distributed", "tts", "systems", "app", "cli")
_ROAD = """
import json, sys

def executed():
    names = [name for name in sys.modules if name.split(".")[0] == "speech2img"]
    return {name: len(open(sys.modules[name].__file__, encoding="utf-8").read().splitlines()) for name in names}

import speech2img.pipeline
imported = executed()
speech2img.load(sys.argv[2], device="cpu")(sys.argv[1])
print(json.dumps([imported, executed()]))
"""


def _size(modules: dict[str, int]) -> tuple[int, int]:
    """Files, without the folders' ``__init__`` of one line, and all lines."""
    return sum(lines > 1 for lines in modules.values()), sum(modules.values())


def _executed(folder: Path, model: str) -> tuple[dict[str, int], dict[str, int]]:
    """What ``import speech2img.pipeline`` executes, and what loading a model and a call execute: module -> lines."""
    time = np.arange(2 * 22_050) / 22_050
    write_wav(folder / "x.wav", 0.3 * np.sin(2000 * time), sample_rate=22_050)
    command = [sys.executable, "-c", _ROAD, str(folder / "x.wav"), model]
    printed = subprocess.run(command, cwd=PACKAGE.parent, check=True, timeout=300, capture_output=True, text=True)
    imported, loaded = json.loads(printed.stdout)
    assert not [name for name in loaded if "." in name and name.split(".")[1] in ABOVE]
    return imported, loaded


def test_the_road_from_speech_to_an_image_is_short(tmp_path: Path, make_release: Callable[..., Path]) -> None:
    """What ``import speech2img.pipeline`` executes, and what loading a model of the plainest parts and a call execute.

    The first holds what every call goes through. What reads releases comes with the first ``load``, and of the networks
    and of the decoders those that a release and a recording ask for: a plain wav file needs no decoder.
    """
    imported, loaded = _executed(tmp_path, str(make_release(tmp_path / "release")))
    files, lines = _size(imported)
    assert files <= 20 and lines <= 2_800, (files, lines)
    files, lines = _size(loaded)
    assert files <= 40 and lines <= 4_800, (files, lines)


def test_the_shipped_weights_execute_their_own_networks_alone(tmp_path: Path) -> None:
    """They have more parts: a pretrained front-end, a prior, a flow and a codec. Nothing of other networks, of
    publishers' files or of trainings comes with them.
    """
    _, loaded = _executed(tmp_path, "songbirds")
    files, lines = _size(loaded)
    assert files <= 49 and lines <= 6_080, (files, lines)
    others = ("published", "hubert", "parallel_branch", "reranker", "stackgan", "li2020", "vision")
    assert not [name for name in loaded if set(others) & set(name.split("."))]


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_begin_with_a_docstring_and_have_40_to_350_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert text.startswith('"""'), f"{path}: the docstring is not on line 1"
    lines = len(text.splitlines())
    small = path.name in ("__init__.py", "__main__.py")
    assert lines <= 350, f"{path} is too long: {lines} lines"
    assert small or lines >= 40, f"{path} is no subject of its own: {lines} lines"


MANY = {"storage": 20, "cli": 25, "models/published": 25, "metrics/functional": 25, "corpora/songbirds/languages": 25}
"""Folders that may have more than 15 files: rows of a registry, and storage."""


def test_folders_can_be_looked_over() -> None:
    for folder in sorted({path.parent for path in _modules()}):
        name = str(folder.relative_to(PACKAGE))
        files = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= MANY.get(name, 15), f"{name}: {len(files)} files"


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


def test_two_modules_know_what_cuda_wants() -> None:
    """Beside them only CUDA graphs, float32 without TF32, and what ``check`` tells of the installed torch."""
    knows = {
        str(path.relative_to(PACKAGE))
        for path in _modules()
        if any(words in path.read_text() for words in ("torch.cuda", "backends.cudnn", '== "cuda"', '!= "cuda"'))
    }
    assert knows == {"device.py", "precision.py", "training/cuda_graphs.py", "features/inception.py", "cli/check.py"}


def test_unknown_attribute_of_the_package() -> None:
    import speech2img

    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = speech2img.lod
