"""Constants of the small trainings on a pretrained front-end, and the state that such a run saved."""

from pathlib import Path
from typing import Any

from speech2img.storage.checkpoint import CheckpointStore
from speech2img.training.run import LoopSettings

STEPS = 4
LOOP = LoopSettings(max_steps=STEPS, evaluate_every=2, grid_every=0, log_every=1, precision="fp32", threads=1)
WHISPER = {"n_mels": 80, "width": 64, "num_layers": 2, "max_positions": 1500}
FEATURE_DIM = 20


def task_state(folder: Path) -> dict[str, Any]:
    store = CheckpointStore(folder / "checkpoints")
    return store.load(store.folder / f"step-{STEPS:08d}")[0]["task"]
