"""Where a generator's training starts: a first layer that fits the embeddings, or the weights of another run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from speech2img.errors import CheckpointError, ConfigError, with_article
from speech2img.features.speech_embeddings import demand_spread
from speech2img.renamed import modern_state
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import load_weights
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.initial_weights import demand_same, kept_start, merged
from speech2img.training.stackgan.settings import StackGANSettings


def normalize_input_(layer: nn.Linear, embeddings: np.ndarray) -> None:
    """Fold a shift to mean 0 and a scaling to deviation 1 of the layer's input into its weights, in place.

    Raises
    ------
    ConfigError
        If the inputs differ by no more than rounding: there is nothing to learn from.
    """
    mean = torch.from_numpy(embeddings.mean(axis=0))
    scale = demand_spread(embeddings) + 1e-8
    with torch.no_grad():
        layer.weight /= scale
        layer.bias.sub_(layer.weight @ mean)


def rescale_input_(layer: nn.Linear, embeddings: np.ndarray, target: np.ndarray) -> None:
    """Fold the shift and the one factor that bring embeddings nearest to a target into a layer's weights, in place.

    Parameters
    ----------
    layer : nn.Linear
        It was trained on inputs like ``target``.
    embeddings, target : ndarray of float32, shape (utterances, D)
        What it gets from now on, and what it got.

    Raises
    ------
    ConfigError
        If they have other sizes.
    """
    if embeddings.shape != target.shape:
        raise ConfigError.about(
            "initial",
            f"embeddings of {embeddings.shape[1]} cannot be fitted to {target.shape[1]} features",
            "give embeddings that were learned as these features, or start anew",
        )
    mean = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = embeddings - mean
    scale = float(np.vdot(centred, target) / np.vdot(centred, centred))
    with torch.no_grad():
        layer.weight *= scale
        layer.bias.sub_(layer.weight @ torch.from_numpy(mean))


def load_initial_weights_(source: Path, generator: nn.Module, discriminators: nn.Module | None) -> None:
    """Load the averaged generator and the discriminators of images of another run, in place, where both have such.

    Parameters
    ----------
    source : Path
        Run folder, release folder or name of shipped weights; only a run with checkpoints has discriminators.
    generator, discriminators : nn.Module
        Of the new run.

    Raises
    ------
    CheckpointError
        If there is no sound checkpoint or release, or it has no generator, or networks of other sizes.
    """
    store = CheckpointStore(source / "checkpoints")
    latest = store.latest()
    if latest is None:
        _take_released_(find_release(source), generator)
        return
    state, _ = store.load(latest)
    task = state.get("task")
    average = task.get("average") if isinstance(task, dict) else None
    if not isinstance(task, dict) or not isinstance(average, dict) or "module" not in average:
        raise CheckpointError.about(latest, "it holds no generator", "give another run as initial")
    load_weights(generator, average["module"], name=f"generator of {latest}")
    pixel = modern_state(task).get("pixel")
    if discriminators is not None and isinstance(pixel, dict):
        load_weights(discriminators, pixel.get("networks", {}), name=f"discriminators of {latest}")


def _take_released_(folder: Path, generator: nn.Module) -> None:
    tensors, _ = load_release(folder)
    state = strip_prefix(tensors, "generator.")
    if not state:
        raise CheckpointError.about(folder, "it holds no generator", "give another one as initial")
    load_weights(generator, state, name=f"generator of {folder}")


def release_config(source: Path) -> dict[str, Any]:
    """Config of a release or of a run's release; empty while it has none."""
    if (source / "checkpoints").is_dir() and not (source / "export").is_dir():
        return {}
    return load_release(find_release(source))[1]


def started(settings: StackGANSettings, run_dir: Path) -> tuple[StackGANSettings, dict[str, Any]]:
    """Settings with the network of the generator that a run starts from, and the config of that.

    Parameters
    ----------
    settings : StackGANSettings
        What of its network is at its default takes the start's value.
    run_dir : Path
        The run; what it has kept of its start comes first, so that a resumed run needs no other.

    Returns
    -------
    settings : StackGANSettings
        As given where the run starts afresh.
    config : dict
        Empty there, and where a run that it starts from has no release yet.

    Raises
    ------
    ConfigError
        If settings were chosen that the start's weights do not fit; the message lists all such.
    CheckpointError
        If there is no such start, or its generator is of another family.
    """
    if settings.initial is None:
        return settings, {}
    config = kept_start(settings.initial, run_dir)
    if config is None:
        config = release_config(Path(settings.initial))
    arguments = config.get("generator")
    if not isinstance(arguments, dict):
        return settings, config
    if (family := arguments.get("network", "stackgan")) != "stackgan":
        reason = f"its generator is {with_article(family)}"
        raise CheckpointError.about(
            f"initial {settings.initial}", reason, f"give a stackgan, or set family to {family}"
        )
    differing: list[str] = []
    changed = merged(settings.model, arguments, "model.", differing)
    demand_same(settings.initial, differing)
    return replace(settings, model=replace(settings.model, **changed)), config
