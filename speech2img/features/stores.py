"""What is derived from a corpus and kept in <root>/derived: stores of mels, images, latents, tokens."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from speech2img.audio.mel import MEL_PRESETS
from speech2img.audio.store import MelStore, build_mel_store
from speech2img.corpora.records.manifest import Manifest, demand_same_items, utterance_id
from speech2img.corpora.registry import facts_of
from speech2img.device import resolve_device
from speech2img.distributed.chunked_work import compute_chunks, resumable_chunks
from speech2img.distributed.collectives import is_main_process, main_process_first, on_main_process
from speech2img.errors import ConfigError, DataError
from speech2img.images.encoded_store import EncodedFormat, EncodedKey, EncodedStore
from speech2img.images.latent_store import LATENTS, LatentStore, write_latents
from speech2img.images.store import ImageStore, build_image_store
from speech2img.images.token_store import TOKENS, TokenStore, write_tokens
from speech2img.storage.chunks import Chunk
from speech2img.storage.foreign.peer_embeddings import li2020_paths
from speech2img.storage.foreign.pickles import demand_pickle_or_nothing
from speech2img.storage.hdf5.sources import demand_own_store
from speech2img.storage.names import plain_name
from speech2img.storage.releases.writing import require_release_place

if TYPE_CHECKING:
    from speech2img.images.codecs import ReleasedCodec

StoreT = TypeVar("StoreT", bound=EncodedStore)
_PIXELS_A_BATCH = 1 << 18  # of images that a codec sees at a time: its widest maps have 64 MiB


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


def latent_store(
    manifest: Manifest,
    codec: "ReleasedCodec",
    *,
    size: int,
    mirrored: bool = False,
    device: str = "auto",
    workers: int = 2,
    progress: bool = True,
) -> LatentStore:
    """The corpus's pictures as latents of a codec, in the manifest's order; those of another codec are made again.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    codec : ReleasedCodec
        From `load_codec`.
    size : int
        Side of the pictures in pixels.
    mirrored : bool
        Keep latents of the mirror images too.
    device : str
        As for `resolve_device`; the codec goes there.
    workers : int
        Processes that decode pictures.
    progress : bool
        Show progress.

    Raises
    ------
    ConfigError
        If the codec has no latents of that size, or the corpus tells left from right and mirror images are wanted.
    DataError
        If something else has the store's name, or a latent is beyond what float16 holds.

    Notes
    -----
    The processes of a job divide the pictures among them. Finished batches of an interrupted call lie in
    ``<file>.building``, from which the same call resumes.
    """

    def write(path: Path, parts: Iterable[np.ndarray], ids: list[str], side: int, key: EncodedKey) -> None:
        shape = (key.views, codec.network.channels, side, side)
        write_latents(path, parts, ids=ids, shape=shape, key=key)

    options: dict[str, Any] = {
        "size": size,
        "mirrored": mirrored,
        "device": device,
        "workers": workers,
        "progress": progress,
    }
    return _encoded_store(manifest, codec, LATENTS, LatentStore, codec.encode_views, write, **options)


def token_store(
    manifest: Manifest,
    codec: "ReleasedCodec",
    *,
    size: int,
    mirrored: bool = False,
    device: str = "auto",
    workers: int = 2,
    progress: bool = True,
) -> TokenStore:
    """The corpus's pictures as tokens of a codec with a codebook; parameters and errors as of `latent_store`.

    Raises
    ------
    ConfigError
        If the codec has no codes.
    """
    num_codes = codec.token_network().num_codes

    def write(path: Path, parts: Iterable[np.ndarray], ids: list[str], side: int, key: EncodedKey) -> None:
        write_tokens(path, parts, ids=ids, shape=(key.views, side, side), key=key, num_codes=num_codes)

    options: dict[str, Any] = {
        "size": size,
        "mirrored": mirrored,
        "device": device,
        "workers": workers,
        "progress": progress,
    }
    return _encoded_store(manifest, codec, TOKENS, TokenStore, codec.encode_token_views, write, **options)


def _encoded_store(
    manifest: Manifest,
    codec: "ReleasedCodec",
    format: EncodedFormat,
    opened: Callable[[Path], StoreT],
    encode: Callable[[np.ndarray, int], np.ndarray],
    write: Callable[[Path, Iterable[np.ndarray], list[str], int, EncodedKey], None],
    *,
    size: int,
    mirrored: bool,
    device: str,
    workers: int,
    progress: bool,
) -> StoreT:
    """A store of what a codec makes of the pictures; kept where it is of these pictures and this codec."""
    # What can be refused before the work.
    side = codec.latent_side(size)
    if mirrored:
        demand_no_sides(manifest)
    path = _encoded_path(manifest.root, codec.name, format, size=size, mirrored=mirrored)
    demand_own_store(path, names=format.arrays)
    # What is there already is kept, if it is of these pictures and this codec.
    images = image_store(manifest, size=size, workers=workers, progress=progress)
    key = EncodedKey(codec.sha256, size, 2 if mirrored else 1, images.source)
    if (store := _current(path, opened, key, images.ids)) is not None:
        return store
    # Compute what is missing; all processes share the work.
    codec.network.to(resolve_device(device))
    batch = max(1, _PIXELS_A_BATCH // size**2)
    starts = range(0, len(images), batch)

    def compute(start: int) -> Chunk:
        rows = range(start, min(start + batch, len(images)))
        encoded = encode(images.read(rows), key.views).astype(np.float32)  # exact for tokens, which have 16 bits
        return Chunk({format.array: encoded}, tuple(images.ids[row] for row in rows))

    with resumable_chunks(path.with_name(f"{path.name}.building"), source=f"{key} {batch}") as chunks:
        compute_chunks(chunks, starts, compute, desc=format.array, progress=progress)
        parts = (chunks.features(format.array, start) for start in starts)
        on_main_process(lambda: write(path, parts, images.ids, side, key))
    return opened(path)


def load_latents(manifest: Manifest, codec: "ReleasedCodec", *, size: int, mirrored: bool = False) -> LatentStore:
    """Latents that `latent_store` made; errors as there, and DataError for those of another codec or manifest."""
    more = " --latents" if codec.has_codes else ""
    return _load_encoded(manifest, codec, LATENTS, LatentStore, size=size, mirrored=mirrored, more=more)


def load_tokens(manifest: Manifest, codec: "ReleasedCodec", *, size: int, mirrored: bool = False) -> TokenStore:
    """Tokens that `token_store` made; errors as there, and DataError for those of another codec or manifest."""
    codec.token_network()
    return _load_encoded(manifest, codec, TOKENS, TokenStore, size=size, mirrored=mirrored, more="")


def _load_encoded(
    manifest: Manifest,
    codec: "ReleasedCodec",
    format: EncodedFormat,
    opened: Callable[[Path], StoreT],
    *,
    size: int,
    mirrored: bool,
    more: str,
) -> StoreT:
    codec.latent_side(size)
    path, what = _encoded_path(manifest.root, codec.name, format, size=size, mirrored=mirrored), format.array
    call = f"--root {manifest.root} --codec {codec.folder} --image-size {size}{' --mirrored' if mirrored else ''}{more}"
    fix = f"run 'speech2img features {call}'"
    if not path.exists():
        raise DataError.about(path, f"there are no {what} of that codec and size", fix)
    store = opened(path)
    demand_same_items(manifest, store.ids, source=path, fix=fix)
    if store.key.sha256 != codec.sha256:
        raise DataError.about(path, f"its {what} are of another codec (sha256 {store.key.sha256[:12]}...)", fix)
    if (store.key.image_size, store.key.views) != (size, 2 if mirrored else 1):
        raise DataError.about(path, f"its {what} are of {store.key.image_size} px, not as its name says", fix)
    return store


def _encoded_path(root: Path, name: str, format: EncodedFormat, *, size: int, mirrored: bool) -> Path:
    name = plain_name(name, option="name of the codec's folder")
    return derived(root) / f"{format.array}-{size}-{name}{'-mirrored' if mirrored else ''}.h5"


def _current(path: Path, opened: Callable[[Path], StoreT], key: EncodedKey, ids: list[str]) -> StoreT | None:
    try:
        store = opened(path) if path.exists() else None
    except DataError:
        return None
    return store if store is not None and (store.key, store.ids) == (key, ids) else None


def demand_no_sides(manifest: Manifest) -> None:
    """Raise ConfigError for a corpus with an attribute that mirror images would contradict."""
    for name, values in facts_of(manifest).attributes.items():
        if {"left", "right"} <= set(values):
            raise ConfigError.about("--mirrored", f"attribute {name!r} of this corpus tells left from right", "omit it")


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
