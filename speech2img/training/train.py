"""The one function that trains: every kind of training, from a corpus folder to a release."""

from pathlib import Path
from typing import Any

from speech2img.device import resolve_device
from speech2img.training.loop import TrainingResult, run_training
from speech2img.training.run import open_run
from speech2img.training.stages import family_of, find_stage
from speech2img.training.task import Sitting


def train(
    stage: str, root: Path, run_dir: Path, settings: Any, *, device: str = "auto", progress: bool = True
) -> TrainingResult:
    """Train one network.

    Parameters
    ----------
    stage : str
        Kind of training, a key of `STAGES`.
    root : Path
        Corpus folder (of recordings in the layout of LJ Speech for ``tacotron2``); stores that are missing in it are
        made.
    run_dir : Path
        Run folder; a run that is there resumes. ``export/`` receives a release.
    settings : dataclass
        How to train: of the class ``Settings`` of the stage's task.
    device : str
        As for `resolve_device`.
    progress : bool
        Show progress.

    Raises
    ------
    ConfigError
        If there is no such stage, the run folder holds a run with other settings or other data, or the settings do
        not fit the data.
    DataError
        If data that it learns from are missing.
    CheckpointError
        If weights that it starts from, or looks through, are missing or damaged.

    See Also
    --------
    speech2img.training.loop.run_training : what happens at signals, failures and under ``torchrun``.
    """
    task_class = find_stage(stage).task(family_of(settings))
    chosen = resolve_device(device)

    # Read what decides whether this run may go on in the folder.
    prepared = task_class.prepare(root, settings, run_dir=run_dir, device=chosen)
    settings = prepared.settings

    # Open the folder, seed everything, build, train.
    with open_run(run_dir, settings, name=stage, extra=prepared.identity, parallel=True) as run:
        sitting = Sitting(run, prepared.inputs, progress)
        task = task_class.build(root, settings, device=chosen, sitting=sitting)
        with task.computing():
            return run_training(task, run=run, device=chosen, progress=progress)
