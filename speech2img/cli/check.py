"""``speech2img check``: what is installed, what the device can do, what is missing and where to get it."""

import argparse
import importlib.metadata
import os
import platform
from pathlib import Path

from speech2img import __version__
from speech2img.cli.parsing import add_verb
from speech2img.errors import ConfigError
from speech2img.tts.registry import ENGINES

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "librosa",
    "soundfile",
    "soxr",
    "h5py",
    "tqdm",
    "tensorboard",
    "pillow",
    "safetensors",
)
PASCAL_TORCH = 'pip install "torch>=2.10,<2.15" --index-url https://download.pytorch.org/whl/cu126'
CUB_PAGE = "https://www.vision.caltech.edu/datasets/cub_200_2011/"


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "check",
        summary="versions, device, data and weights found, and what is missing",
        description="Prints versions, the device and what it can do, weights and corpora found, what is missing.",
        examples=("speech2img check", "speech2img check --root data/songbirds"),
    )
    parser.add_argument(
        "--root", type=Path, action="append", default=[], metavar="DIR", help="a corpus folder to look at"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one fact a line."""
    # What is installed, and what it can use.
    print(f"speech2img  {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in PACKAGES:
        try:
            print(f"{name:11} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            print(f'{name:11} MISSING: pip install "{name}"')
    for line in _device_lines():
        print(f"device      {line}")
    print(f"sound       {_sound_line()}")
    for name, engine in ENGINES.items():
        print(f"speech      {name}: {engine.status()}")
    print(f"page        {_page_line()}")
    for line in _weight_lines():
        print(f"weights     {line}")
    # The corpora that were named.
    for root in args.root:
        for line in _corpus_lines(root):
            print(f"corpus      {line}")
    return 0


def device_advice(capability: tuple[int, int], built_for: list[str]) -> str:
    """One sentence on what a CUDA device can do with the installed torch.

    Parameters
    ----------
    capability : (int, int)
        Compute capability, (6, 1) for a GTX 1080 Ti.
    built_for : list of str
        As ``torch.cuda.get_arch_list()`` gives it: ``["sm_75", "sm_80", ...]``.
    """
    built = [int(name.removeprefix("sm_").rstrip("af")) for name in built_for if name.startswith("sm_")]
    number = 10 * capability[0] + capability[1]
    if built and number < min(built):
        return f"NOT SUPPORTED by this torch (built for {', '.join(built_for)}); {PASCAL_TORCH}"
    if capability >= (8, 0):
        return "trains in bf16"
    return (
        "trains in fp16 with loss scaling" if capability >= (7, 0) else "trains in fp32 (half precision is slow on it)"
    )


def _device_lines() -> list[str]:
    import torch

    from speech2img.device import cuda_devices

    lines = [f"CPU, {len(os.sched_getaffinity(0))} cores, {torch.get_num_threads()} threads"]
    for index, device in enumerate(cuda_devices()):
        advice = device_advice(device.capability, torch.cuda.get_arch_list())
        lines.append(
            f"cuda:{index} {device.name}, {device.memory / 2**30:.0f} GiB, compute capability "
            f"{device.capability[0]}.{device.capability[1]}: {advice}"
        )
    return lines if len(lines) > 1 else [*lines, "no CUDA device: everything runs, long training is slow"]


def _sound_line() -> str:
    """Which recordings are read here."""
    from speech2img.audio.decoders.ffmpeg import has_decoder

    fix = "" if has_decoder() else "not read: install ffmpeg, or PyAV (pip install av)"
    return f"wav, aiff, flac, ogg, opus, mp3; m4a, webm, aac, 3gp: {fix or 'read by ffmpeg or PyAV'}"


def _page_line() -> str:
    """Whether ``serve`` can open its page here."""
    from speech2img.app.settings import require_gradio

    try:
        require_gradio()
    except ConfigError as error:
        return f"missing ({error})"
    return f"ready, speech2img serve, by gradio {importlib.metadata.version('gradio')}"


def _weight_lines() -> list[str]:
    from speech2img.storage.releases.find_release import find_release, shipped_releases
    from speech2img.storage.releases.release import release_sha256

    names = shipped_releases()
    return [f"{name}, sha256 {release_sha256(find_release(name))[:16]}" for name in names] or [
        "none came with this package"
    ]


def _corpus_lines(root: Path) -> list[str]:
    if not (root / "manifest.jsonl").is_file():
        return [
            f"{root}: no manifest.jsonl; make one with `speech2img prepare songbirds --root {root}`, or get CUB from "
            f"{CUB_PAGE} and run `speech2img prepare cub --root {root}`"
        ]
    from speech2img.corpora.checks.file_records import changed_files
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.storage.names import some_of

    manifest = Manifest.load(root)
    # How much of it is spoken.
    captions = [caption for item in manifest.items for caption in item.captions]
    spoken = sum(1 for caption in captions if caption.audio and (root / caption.audio).is_file())
    lines = [f"{root}: {manifest.corpus}, {len(manifest.items)} pictures, {len(captions)} captions, {spoken} spoken"]
    if spoken < len(captions):
        lines.append(f"{len(captions) - spoken} captions have no recording: speech2img synthesize --root {root}")
    # Whether its files are those that the manifest was written for.
    changed = changed_files(root)
    if changed:
        lines.append(
            f"{len(changed)} files changed since the manifest was written ({some_of(changed)}): put the old "
            f"ones back, or remove manifest.jsonl and run `speech2img prepare {manifest.corpus} --root {root}`"
        )
    # What training reads.
    derived = sorted(path.name for path in (root / "derived").glob("*"))
    lines.append(
        f"derived: {', '.join(derived)}" if derived else f"nothing derived yet: speech2img features --root {root}"
    )
    return lines
