"""What is derived from a corpus and kept in <root>/derived: mel store, image store; made where they are missing."""

from collections.abc import Iterable
from pathlib import Path

from speech2img.audio.mel import MEL_PRESETS
from speech2img.audio.store import MelStore, build_mel_store
from speech2img.corpora.records.manifest import Manifest, demand_same_items, utterance_id
from speech2img.corpora.registry import facts_of
from speech2img.distributed.collectives import is_main_process, main_process_first
from speech2img.errors import ConfigError, DataError
from speech2img.images.store import ImageStore, build_image_store
from speech2img.storage.foreign.peer_embeddings import li2020_paths
from speech2img.storage.foreign.pickles import demand_pickle_or_nothing
from speech2img.storage.hdf5.sources import demand_own_store
from speech2img.storage.releases.writing import require_release_place


def derived(root: Path) -> Path:
    """Folder of everything that can be made again from the corpus."""
    return root / "derived"


def image_store(
    manifest: Manifest, *, size: int, crop: bool = True, workers: int = 2, progress: bool = True
) -> ImageStore:
    """The corpus's pictures as uint8 of one size.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    size : int
        Side in pixels.
    crop : bool
        Crop photographs to their bounding box where one is known (drawn corpora keep the whole picture anyway).
    workers : int
        Processes that decode.
    progress : bool
        Show progress.
    """
    boxed = facts_of(manifest).crop and any(item.box is not None for item in manifest.items)
    path = derived(manifest.root) / (f"images-{size}-whole.h5" if boxed and not crop else f"images-{size}.h5")
    crop = crop and boxed
    entries = [(item.id, manifest.root / item.image, item.box if crop else None) for item in manifest.items]
    with main_process_first():
        demand_own_store(path, names=("pixels", "ids"))
        build_image_store(path, entries, size=size, workers=workers, progress=progress and is_main_process())
    store = ImageStore(path)
    demand_same_items(manifest, store.ids, source=path, fix="delete it and run the command again")
    return store


def mel_store(manifest: Manifest, *, preset: str, workers: int = 2, progress: bool = True) -> MelStore:
    """The corpus's recordings as log-mels of one preset, in the manifest's order.

    Raises
    ------
    ConfigError
        For an unknown preset.
    DataError
        If a caption has no recording.
    """
    if preset not in MEL_PRESETS:
        raise ConfigError.about("mel_preset", f"'{preset}' is unknown", f"choose among {', '.join(MEL_PRESETS)}")
    path = derived(manifest.root) / f"mels-{preset}.h5"
    # Every caption must be spoken.
    entries = []
    for item in manifest.items:
        for caption in item.captions:
            if caption.audio is None:
                raise DataError.about(
                    utterance_id(item, caption), "has no recording", "run speech2img synthesize first"
                )
            entries.append((utterance_id(item, caption), manifest.root / caption.audio))
    # One process builds, the others wait and open.
    with main_process_first():
        demand_own_store(path, names=("frames", "ids", "offsets"))
        build_mel_store(
            path, entries, preset=MEL_PRESETS[preset], workers=workers, progress=progress and is_main_process()
        )
    return MelStore(path)


def demand_embeddings_or_nothing(folder: Path, parts: Iterable[str]) -> None:
    """Check that the embeddings of a corpus replace nothing in their folder but earlier ones of this package.

    Parameters
    ----------
    folder : Path
        ``derived/embeddings/<name>``, made or not; a link is followed.
    parts : iterable of str
        Parts of the corpus whose pickles will be written.

    Raises
    ------
    DataError
        If a file of one of their names is something else.
    ConfigError
        If what is called ``encoder`` there is no release, or the folder cannot be made.
    """
    require_release_place(folder / "encoder")
    demand_own_store(folder / "embeddings.h5", names=("embeddings", "ids", "sha256"))
    for part in parts:
        for path in (folder / f"speech_embeddings_{part}.pickle", *li2020_paths(folder / part, folder.name)):
            demand_pickle_or_nothing(path)
