"""Teacher features of a corpus: what the speech encoder learns to give. Kept as HDF5 and as the pickle of Li et al."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import peer_parts
from speech2img.device import resolve_device
from speech2img.distributed.chunked_work import compute_chunks, resumable_chunks
from speech2img.distributed.collectives import on_main_process
from speech2img.errors import ConfigError, DataError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import FeatureExtractor
from speech2img.features.googlenet import VIEWS
from speech2img.features.registry import load_teacher, teacher_place
from speech2img.features.stores import derived, image_store
from speech2img.storage.atomic import atomic_path
from speech2img.storage.chunks import Chunk
from speech2img.storage.foreign.peer_embeddings import save_li2020_image_features
from speech2img.storage.foreign.pickles import demand_pickle_or_nothing
from speech2img.storage.hdf5.opener import Store, open_store
from speech2img.storage.hdf5.seal import write_store
from speech2img.storage.hdf5.sources import demand_own_store
from speech2img.storage.names import plain_name
from speech2img.storage.releases.writing import copy_release

_AGAIN = "delete it and run 'speech2img features' again"
_ATTRIBUTES = ("kind", "source", "sha256", "views", "side")


@dataclass(frozen=True)
class FeatureFile:
    """Teacher features of a whole corpus."""

    path: Path
    """The HDF5 file."""
    ids: list[str]
    """Item ids, in the manifest's order."""
    features: np.ndarray
    """float32, (items, views, D)."""
    kind: str
    """Kind of the teacher."""
    source: Path
    """Where the teacher is."""
    sha256: str
    """Hash of the teacher's weights."""
    side: int | None
    """Side in pixels of what the teacher saw, where it was chosen."""

    @property
    def width(self) -> int:
        """Numbers a view."""
        return int(self.features.shape[2])

    def demand_width(self, width: int, *, by: str) -> None:
        """Raise DataError unless each view has ``width`` numbers, as ``by`` needs it."""
        if self.width != width:
            fix = "compute the features again with the teacher it belongs to"
            raise DataError.about(self.path, f"its features have {self.width} numbers a picture, {by} {width}", fix)

    def open_teacher(self, *, device: torch.device) -> FeatureExtractor:
        """The teacher that gave them, as it gave them."""
        return load_teacher(self.source, device=device, side=self.side)


@dataclass(frozen=True)
class Standardizer:
    """Mean and deviation that features are standardised with."""

    mean: np.ndarray
    """float32 or float64, (D,)."""
    std: np.ndarray
    """(D,), above 0."""

    @classmethod
    def of(cls, features_NVD: np.ndarray) -> "Standardizer":
        """Statistics over pictures and views."""
        flat = features_NVD.reshape(-1, features_NVD.shape[-1])
        return cls(flat.mean(axis=0), flat.std(axis=0) + 1e-3 * float(flat.std()) + 1e-8)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Standardised features."""
        return ((features - self.mean) / self.std).astype(np.float32)


def feature_path(root: Path, name: str) -> Path:
    """Where the features of the teacher called ``name`` are; ConfigError where that is a path and no name."""
    return derived(root) / f"features-{plain_name(name, option='name of teacher features')}.h5"


def build_teacher_features(
    root: Path,
    teacher: Path,
    *,
    name: str | None = None,
    views: int | None = None,
    side: int | None = None,
    device: str = "auto",
    workers: int = 2,
    batch_size: int = 64,
    progress: bool = True,
) -> Path:
    """Run the teacher over every picture of a corpus.

    Parameters
    ----------
    root : Path
        Corpus folder.
    teacher : Path
        A teacher's run or release folder, a release of Inception-v3, or BVLC GoogLeNet's ``.npz``.
    name : str, optional
        What the features are called; by default the run folder's name or ``googlenet``.
    views : int, optional
        Views a picture, 1..10; by default the published ten crops with GoogLeNet, and with a trained teacher the
        picture and one slightly shifted copy.
    side : int, optional
        Side in pixels of what GoogLeNet gets; none takes the published 224.
    device : str
        As for `resolve_device`.
    workers, batch_size : int
        Processes that decode; pictures at once.
    progress : bool
        Show progress.

    Returns
    -------
    Path
        ``derived/features-<name>.h5``; and ``<split>/image_features_<name>.pickle`` in the layout of Li et al. (a list
        of (10, 1024) arrays in the manifest's order; fewer views are repeated).

    Raises
    ------
    ConfigError, CheckpointError, DataError
        If the teacher, or the corpus, is not what it should be.

    Notes
    -----
    The processes of a job (`distributed.collectives.joined`) divide the pictures among them; the file is that of
    one process. Finished batches of an interrupted call lie in ``<file>.building``, from which the same call resumes.
    """
    # The network that looks.
    teacher = teacher_place(teacher)
    name = name or ((teacher.name or Path(os.path.realpath(teacher)).name) if teacher.is_dir() else "googlenet")
    path = feature_path(root, name)
    network = load_teacher(teacher, device=resolve_device(device), side=side)
    views = network.default_views if views is None else views
    if not 1 <= views <= VIEWS:
        raise ConfigError.about("views", f"{views} is not between 1 and 10", "choose 1 to 10")
    # Other people's files of that name are not overwritten.
    manifest = Manifest.load(root)
    for part in peer_parts(manifest):
        demand_pickle_or_nothing(_pickle_path(root, part, name))
    made_by: dict[str, str | int] = {"sha256": network.sha256, "views": views, "side": side or 0}
    # Compute what is missing; all processes share the work.
    if not _is_current(path, made_by, manifest):
        store = image_store(
            manifest, size=network.image_size, crop=network.crops_to_box, workers=workers, progress=progress
        )
        source = f"{network.sha256} {views} {side} {batch_size} {store.source}"
        starts = range(0, len(store), batch_size)

        def compute(start: int) -> Chunk:
            rows = range(start, min(start + batch_size, len(store)))
            features = network.views(store.read(rows), views).float().cpu().numpy()
            return Chunk({"features": features}, tuple(store.ids[row] for row in rows))

        def write() -> None:
            place = _keep_teacher(root, name, network, teacher)
            features = np.concatenate([chunks.features("features", start) for start in starts])
            with atomic_path(path) as temporary:
                attributes = {"kind": network.kind, "source": str(place), **made_by}
                write_store(temporary, {"features": features}, [item.id for item in manifest.items], attributes)

        with resumable_chunks(path.with_name(f"{path.name}.building"), source=source) as chunks:
            compute_chunks(chunks, starts, compute, desc="teacher features", progress=progress)
            on_main_process(write)
    on_main_process(lambda: _write_pickles(root, name, manifest))
    return path


def feature_names(root: Path) -> list[str]:
    """Names of all teacher features of a corpus, sorted."""
    return sorted(p.stem.removeprefix("features-") for p in derived(root).glob("features-*.h5"))


def load_features(root: Path, name: str) -> FeatureFile:
    """Read what `build_teacher_features` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged.
    ConfigError
        If the name is a path.
    """
    # A name that is not there: say which are, and how to make it.
    path = feature_path(root, name)
    if not path.exists():
        have = feature_names(root)
        own = f"run 'speech2img features --root {root} --teacher songbirds --name {name}' (the shipped model's teacher)"
        others = "a run of 'train teacher' or weights from 'speech2img import' may stand for songbirds"
        fix = f"give --set features={have[0]}, or {own}" if have else f"{own}; {others}"
        raise DataError.about(path, f"no teacher features of that name (there are: {', '.join(have) or 'none'})", fix)
    # Read it, and refuse what is damaged.
    store = _open(path)
    ids = store.ids()
    features = store.read("features", kinds="f", ndim=3, ids=ids).astype(np.float32, copy=False)
    attributes = {key: store.text(key) for key in ("kind", "source", "sha256")}
    side = store.number("side", 0) or None
    if len(features) != len(ids):
        raise DataError.about(path, f"damaged: features of {len(features)} pictures, {len(ids)} ids", _AGAIN)
    if not np.isfinite(features).all():
        raise DataError.about(path, "its features are damaged: some are not finite", _AGAIN)
    # The network lies within the corpus, so that both can be moved together.
    source = Path(attributes["source"])
    source = source if source.is_absolute() else root / source
    return FeatureFile(path, ids, features, attributes["kind"], source, attributes["sha256"], side)


def _write_pickles(root: Path, name: str, manifest: Manifest) -> None:
    features = load_features(root, name).features
    for part, rows in peer_parts(manifest).items():
        pickled = [np.resize(features[row], (VIEWS, features.shape[2])) for row in rows]
        save_li2020_image_features(_pickle_path(root, part, name), pickled)


def _pickle_path(root: Path, part: str, name: str) -> Path:
    return root / part / f"image_features_{name}.pickle"


def _is_current(path: Path, made_by: Mapping[str, object], manifest: Manifest) -> bool:
    demand_own_store(path, names=("features", "ids", "sha256"))
    if not path.exists():
        return False
    try:
        store = _open(path)
        same = all(store.attributes.get(name, 0) == value for name, value in made_by.items())
        return same and store.ids() == [item.id for item in manifest.items]
    except DataError:
        return False


def _open(path: Path) -> Store:
    return open_store(path, kind=None, arrays=("features", "ids"), attributes=_ATTRIBUTES, fix=_AGAIN)


def _keep_teacher(root: Path, name: str, network: FeatureExtractor, path: Path) -> Path:
    """Copy a small teacher beside its features, so that a moved run does not lose it; large ones stay as they are."""
    if not isinstance(network, AttributeClassifier):
        return Path(os.path.realpath(path))
    copy = _teacher_place(root, name)
    copy_release(network.folder, copy)
    return copy.relative_to(root)


def _teacher_place(root: Path, name: str) -> Path:
    return derived(root) / f"teacher-{name}"
