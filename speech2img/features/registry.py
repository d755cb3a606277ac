"""Every kind of frozen network that looks at images, and the one way to open one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.errors import CheckpointError, ConfigError
from speech2img.storage.reading import shipped_folder
from speech2img.storage.releases.find_release import find_release, shipped_releases
from speech2img.storage.releases.release import load_release

if TYPE_CHECKING:
    import torch

    from speech2img.features.base import FeatureExtractor

Loader = Callable[..., "FeatureExtractor"]
"""(path, *, device, ...) -> network; further keywords as ``ExtractorKind.settings`` says."""
KNOWN = (
    "GoogLeNet or Inception (a release of 'speech2img import', or the published file), EfficientNet-Lite (a release), "
    "or a run of 'train judge'"
)


@dataclass(frozen=True)
class ExtractorKind:
    """How the networks of one kind of release are opened."""

    loader: Callable[[], Loader]
    """Imports what opens one: torch is loaded only where a network is wanted."""
    settings: tuple[str, ...] = ()
    """What may be chosen of it: ``side`` of the images it gets, ``precision`` of its arithmetic."""
    is_published: bool = False
    """Whether the published file is read as it is, without an import."""


def _attributes() -> Loader:
    from speech2img.features.attributes import AttributeClassifier

    return AttributeClassifier.load


def _attributes_inside() -> Loader:
    from speech2img.features.attributes import AttributeClassifier

    return AttributeClassifier.inside


def _googlenet() -> Loader:
    from speech2img.features.googlenet import load_googlenet

    return load_googlenet


def _efficientnet_lite() -> Loader:
    from speech2img.features.extractors.efficientnet import load_efficientnet_lite

    return load_efficientnet_lite


def _lpips() -> Loader:
    from speech2img.features.extractors.lpips import load_lpips

    return load_lpips


def _clip_image() -> Loader:
    from speech2img.features.extractors.clip_image import load_clip_image

    return load_clip_image


def _inception() -> Loader:
    from speech2img.features.inception import load_inception

    return load_inception


def _image_classifier() -> Loader:
    from speech2img.features.image_classifier import load_image_classifier

    return load_image_classifier


EXTRACTORS: dict[str, ExtractorKind] = {
    "attribute-network": ExtractorKind(_attributes),
    "speech-to-image": ExtractorKind(_attributes_inside),
    "googlenet": ExtractorKind(_googlenet, settings=("side",), is_published=True),
    "efficientnet-lite": ExtractorKind(_efficientnet_lite, settings=("side",)),
    "lpips": ExtractorKind(_lpips, settings=("side",)),
    "clip-image": ExtractorKind(_clip_image),
    "inception": ExtractorKind(_inception, settings=("precision",), is_published=True),
    "picture-classifier": ExtractorKind(_image_classifier),
}
"""Kind of a release -> how it is opened. Published files are tried in this order."""

_PUBLISHED = (".npz", ".caffemodel", ".pth", ".pt")


def load_extractor(
    path: str | Path,
    *,
    device: "str | torch.device" = "cpu",
    side: int | None = None,
    precision: str | None = None,
    option: str = "",
) -> "FeatureExtractor":
    """Open a frozen network, whichever of the known ones a path holds: that is told by its content.

    Parameters
    ----------
    path : str or Path
        Name of shipped weights, a run or release folder of one of ``EXTRACTORS``, a whole model that holds an attribute
        network, or a published file of GoogLeNet or Inception.
    device : str or torch.device
        Where it computes.
    side : int, optional
        Side in pixels of the views and generated images that it gets; GoogLeNet and EfficientNet-Lite have a choice.
    precision : str, optional
        As of `InceptionExtractor`; other networks have one.
    option : str
        The user's word for it, for messages.

    Raises
    ------
    ConfigError
        If a release of another kind was named on the command line, or the network has no choice of its side.
    CheckpointError
        If there is no such file or folder, it is damaged, or it holds another kind of network.
    """
    path = Path(path)
    wanted = {"side": side, "precision": precision}
    if path.suffix in _PUBLISHED or path.is_file():
        return _open_published(path, device, wanted)
    folder = find_release(path)
    config = load_release(folder)[1]
    kind = str(config.get("kind"))
    if kind not in EXTRACTORS or (kind == "speech-to-image" and "reranker" not in config):
        refusal = ConfigError if option else CheckpointError
        raise refusal.about(
            f"{option} {path}".strip(), f"a release of kind {kind!r} reads no pictures", f"give {KNOWN}"
        )
    return _open(kind, folder, device, wanted)


def _open(
    kind: str, path: Path, device: "str | torch.device", wanted: dict[str, int | str | None]
) -> "FeatureExtractor":
    row = EXTRACTORS[kind]
    if wanted["side"] is not None and "side" not in row.settings:
        raise ConfigError.about(
            path, "a teacher of one size only", "leave the side out, or give GoogLeNet or EfficientNet-Lite"
        )
    return row.loader()(path, device=device, **{name: wanted[name] for name in row.settings})


def _open_published(
    path: Path, device: "str | torch.device", wanted: dict[str, int | str | None]
) -> "FeatureExtractor":
    """The first kind that the file fits; the errors of all where it fits none."""
    reasons: list[CheckpointError] = []
    for kind in (name for name, row in EXTRACTORS.items() if row.is_published):
        try:
            return _open(kind, path, device, wanted)
        except CheckpointError as error:
            reasons.append(error)
            if not path.is_file():
                raise
        except ConfigError:
            if not reasons:
                raise
    reason = f"neither GoogLeNet's weights ({reasons[0]}) nor Inception's ({reasons[-1]})"
    raise CheckpointError.about(path, reason, f"give {KNOWN}") from reasons[-1]


def teacher_place(path: Path) -> Path:
    """The file or folder itself, or the folder of shipped weights that have its name."""
    return shipped_folder() / path if not path.exists() and str(path) in shipped_releases() else path


def load_teacher(path: Path, *, device: "torch.device", side: int | None = None) -> "FeatureExtractor":
    """Open the network that a training takes its features from, as it is: with gradients, in its own precision.

    Parameters
    ----------
    path : Path
        As for `load_extractor`.
    device : torch.device
        Where it computes.
    side : int, optional
        As for `load_extractor`.

    Raises
    ------
    ConfigError
        If there is no such file or folder, or the teacher's size cannot be chosen.
    CheckpointError
        If it holds something else.
    """
    path = teacher_place(path)
    if not path.exists():
        fix = f"give a teacher's run folder, weights from 'speech2img import', or {' or '.join(shipped_releases())}"
        raise ConfigError.about(path, "no such teacher", fix)
    return load_extractor(path, device=device, side=side)
