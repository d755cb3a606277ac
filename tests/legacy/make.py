"""Make ``legacy.tar.xz`` with commit 3a65252, the last before the redesign: what the test beside this file reads.

With a checkout of that commit at OLD: ``PYTHONPATH=OLD:OLD/tests/training python tests/legacy/make.py OUT.tar.xz``.
Networks are narrow, recordings coarse, the weights of GoogLeNet and of the painter periodic: little is left packed.
"""

import os
import shutil
import signal
import sys
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tiny_trainings as tiny  # type: ignore[import-not-found]
import torch

from speech2img.audio.wav import write_wav
from speech2img.cli.main import main
from speech2img.storage import checkpoint, weights  # type: ignore[attr-defined]
from speech2img.training import task as tasks

STOPPED = 2
"""Steps of a run of four after which it is stopped."""


def _small_settings() -> dict[str, tuple[Any, Any]]:
    """The settings of the old toy trainings, each with a network as narrow as its shape allows."""
    settings = {name: pair[1] for name, pair in tiny.CASES.items() if name != "plain generator"}
    settings["encoder"] = replace(
        settings["encoder"], model=replace(settings["encoder"].model, channels=(4, 4, 4, 4, 4, 4, 8, 8))
    )
    for role in ("teacher", "judge"):
        settings[role] = replace(settings[role], width=4)
    old = settings["generator"]
    model = replace(old.model, num_stages=1, width=1, discriminator_width=1, condition_dim=4, noise_dim=4)
    settings["generator"] = replace(old, model=model, losses=replace(old.losses, color=0.0))
    narrow = {"encoder_dim": 8, "attention_rnn_dim": 8, "decoder_rnn_dim": 8, "postnet_dim": 4, "frames_per_step": 2}
    settings["tacotron2"] = replace(settings["tacotron2"], model=replace(settings["tacotron2"].model, **narrow))
    settings["prior"] = replace(settings["prior"], generator="corpus/painter")
    settings["classifier"] = replace(settings["classifier"], network="corpus/shapes/googlenet")
    return settings


def _write_coarse_wav(path: Path, sound: np.ndarray, *, sample_rate: int) -> None:
    """Noise that holds each sign for a while: it packs well."""
    coarse = 0.1 * np.sign(sound[::32]).repeat(32)[: len(sound)]
    write_wav(path, coarse.astype(np.float32), sample_rate=sample_rate)


def _make_periodic(folder: Path) -> None:
    """Weights that repeat: fourteen megabytes of GoogLeNet pack into some kilobytes."""
    tensors, config = weights.load_release(folder)
    for tensor in tensors.values():
        if tensor.is_floating_point() and tensor.dim() > 1:
            wave = torch.arange(tensor.numel()).mul(5).remainder(31).sub(15).div(15)
            tensor.copy_(wave.reshape(tensor.shape) * (6.0 / tensor[0].numel()) ** 0.5)
    shutil.rmtree(folder)
    weights.save_release(folder, tensors, config, "", half=True)


def _train(case: str, settings: Any, folder: Path, *, stop: bool) -> None:
    """Train a case to its end, or stop it in the middle as SIGTERM does."""
    function, _ = tiny.CASES[case]
    root = Path("corpus") / {"classifier": "shapes", "tacotron2": "clips"}.get(case, "")
    settings = replace(settings, loop=replace(tiny.LOOP, max_steps=tiny.STEPS, keep=2))
    originals = {kind: kind.train_step for kind in tasks.Task.__subclasses__()}
    calls = 0

    def counted(self: Any, batch: Any, progress: float) -> Any:
        nonlocal calls
        calls += 1
        if stop and calls == STOPPED:
            signal.raise_signal(signal.SIGTERM)
        return originals[type(self)](self, batch, progress)

    for kind in originals:
        kind.train_step = counted  # type: ignore[method-assign]
    try:
        result = function(root, folder, settings, device="cpu", progress=False)
    finally:
        for kind, step in originals.items():
            kind.train_step = step  # type: ignore[method-assign]
    assert result.finished != stop


def _keep_little(run: Path, *, whole: bool) -> None:
    """Of a whole run its numbers and its release, of a stopped one its last checkpoint and what its task wrote."""
    for name in ("tensorboard", "grids", *(["checkpoints"] if whole else ["export"])):
        shutil.rmtree(run / name, ignore_errors=True)
    (run / "run.lock").unlink(missing_ok=True)
    if whole:
        for path in run.iterdir():
            if path.is_dir() and path.name != "export":
                shutil.rmtree(path)
        for path in run.glob("*.npz"):
            path.unlink()
        return
    store = checkpoint.CheckpointStore(run / "checkpoints")
    latest = store.latest()
    for path in store.folder.iterdir():
        if path != latest:
            shutil.rmtree(path)


def _evaluate() -> None:
    """The numbers of the generator's release on the corpus's validation part."""
    call = "evaluate --model whole/generator --embeddings encoder --judge whole/judge --root corpus --split val"
    assert main([*call.split(), "--device", "cpu", "--out", "made"]) == 0
    shutil.move("made/report.json", "report.json")
    shutil.rmtree("made")


def make(archive: Path) -> None:
    """Corpus, stopped runs and whole runs, made in a folder of their own: no setting names a place of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        tiny.write_wav = _write_coarse_wav
        tiny.build(Path("corpus"))
        for name in ("painter", "shapes/googlenet"):
            _make_periodic(Path("corpus") / name)
        # Stores remember when their sources were written; the archive keeps no times.
        for path in Path("corpus").rglob("*"):
            os.utime(path, (0, 0))
        for case, settings in _small_settings().items():
            name = case.replace(" ", "-")
            for kind, stop in (("stopped", True), ("whole", False)):
                _train(case, settings, Path(kind) / name, stop=stop)
                _keep_little(Path(kind) / name, whole=not stop)
        _evaluate()
        with tarfile.open(archive, "w:xz", preset=9) as tar:
            for path in sorted(Path().rglob("*")):
                tar.add(path, recursive=False, filter=_anonymous)


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve())
