"""Opens the network that reads a model's pictures, whichever of the known ones a path holds."""

from pathlib import Path

import torch

from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.googlenet_reader import GoogLeNetReader
from speech2img.features.inception_reader import InceptionReader
from speech2img.features.judge import FeatureNetwork, Judge
from speech2img.metrics.evaluate.inception_features import InceptionFeatures
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release

KNOWN = "GoogLeNet or Inception (a release of 'speech2img import', or the published file), or a run of 'train judge'"

_PUBLISHED = (".npz", ".caffemodel", ".pth", ".pt")


def load_feature_network(path: str | Path, *, device: str | torch.device = "cpu") -> FeatureNetwork:
    """Open a network whose features stand behind Frechet distance, Inception Score and diversity.

    Parameters
    ----------
    path : str or Path
        Name of shipped weights, a run or release folder of GoogLeNet, Inception or an attribute network, a whole
        model that holds one, or a published file of GoogLeNet or Inception: which of them is told by its content.
    device : str or torch.device
        Where it computes.

    Raises
    ------
    ConfigError
        If there is no such file or folder, or it holds another kind of network.
    CheckpointError
        If it is damaged.
    """
    path = Path(path)
    if path.suffix in _PUBLISHED:
        return _published(path, device)
    folder = find_release(path)
    config = load_release(folder)[1]
    kind = config.get("kind")
    if kind == "googlenet":
        return GoogLeNetReader.load(folder, device=device)
    if kind == "inception":
        return InceptionFeatures(InceptionReader.load(folder, device=device))
    if kind == "attribute-network":
        return Judge.load(folder, device=device)
    if kind == "speech-to-image" and "reader" in config:
        return Judge.inside(folder, device=device)
    raise ConfigError.about(f"--network {path}", f"a release of kind {kind!r} reads no pictures", f"give {KNOWN}")


def _published(path: Path, device: str | torch.device) -> FeatureNetwork:
    """A published file: GoogLeNet, else Inception; the error of both where it is neither."""
    try:
        return GoogLeNetReader.load(path, device=device)
    except CheckpointError as no_googlenet:
        if not path.is_file():
            raise
        try:
            return InceptionFeatures(InceptionReader.load(path, device=device))
        except CheckpointError as error:
            reason = f"neither GoogLeNet's weights ({no_googlenet}) nor Inception's ({error})"
            raise CheckpointError.about(path, reason, f"give {KNOWN}") from error
