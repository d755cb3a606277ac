"""Speech embeddings of a whole corpus, for the generator and as both peers' pickles."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speech2img.audio.mel import MEL_PRESETS, released_preset
from speech2img.audio.store import MelStore
from speech2img.batches.encoding import BATCH_FRAMES, batches_by_length, encode_batch
from speech2img.batches.speech import Mels
from speech2img.corpora.records.manifest import Manifest, utterance_id
from speech2img.corpora.records.splits import peer_parts
from speech2img.device import resolve_device
from speech2img.distributed.chunked_work import compute_chunks, resumable_chunks
from speech2img.distributed.collectives import on_main_process
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import CheckpointError, ConfigError, DataError, with_article
from speech2img.features.image_features import Standardizer, load_features
from speech2img.features.plain_frames import HEARD_WITH, PlainFrames, find_plain_frames, plain_key
from speech2img.features.speech_frames import FRAMES_FILE, StoredFrames, load_frames, write_frames
from speech2img.features.stores import demand_embeddings_or_nothing, derived, mel_store
from speech2img.loading import encoder_class
from speech2img.models.encoders.base import SpeechEncoder
from speech2img.models.encoders.pretrained import PretrainedEncoder
from speech2img.storage.atomic import atomic_path
from speech2img.storage.chunks import Chunk
from speech2img.storage.foreign.peer_embeddings import save_li2020_embeddings, save_s2igan_embeddings
from speech2img.storage.hdf5.opener import open_store
from speech2img.storage.hdf5.seal import write_store
from speech2img.storage.names import plain_name
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.provenance import TRAINED_WITH, trained_with
from speech2img.storage.releases.release import load_hashed_release, load_release, strip_prefix
from speech2img.storage.releases.writing import copy_release, save_release

MAX_FRAMES = 2048
SMALLEST_SPREAD = 1e-3
"""Embeddings that differ by less, as a share of their size, tell nothing apart."""
EXTRACT_AGAIN = "extract the embeddings again"
"""What to do about embeddings of another manifest."""


@dataclass(frozen=True)
class EmbeddingFile:
    """Speech embeddings of every utterance of a corpus."""

    folder: Path
    """``derived/embeddings/<name>``."""
    ids: list[str]
    """Utterance ids, in the manifest's order."""
    embeddings: np.ndarray
    """float32, (utterances, D)."""
    sha256: str
    """Hash of the encoder's weights."""
    frames: StoredFrames | None = None
    """What the encoder made of each time step; None where it was not kept."""

    @property
    def width(self) -> int:
        """Numbers an utterance."""
        return int(self.embeddings.shape[1])

    def encoder_release(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and config of the encoder that made them."""
        return load_release(self.folder / "encoder")


def embedding_folder(root: Path, name: str) -> Path:
    """Where the embeddings of the encoder called ``name`` are; ConfigError where that is a path and no name."""
    if name.endswith(".building"):
        raise ConfigError.about("name of embeddings", f"{name!r} is the name of an unfinished folder", "choose another")
    return derived(root) / "embeddings" / plain_name(name, option="name of embeddings")


def extract_embeddings(
    run: Path,
    root: Path,
    *,
    name: str | None = None,
    frames: bool = False,
    device: str = "auto",
    workers: int = 2,
    progress: bool = True,
) -> Path:
    """Run a trained encoder over every utterance of a corpus.

    An embedding does not depend on the utterances it is computed together with (but for rounding). The processes of a
    job (`distributed.collectives.joined`) divide the utterances among them; the files are those of one process.
    Finished batches of an interrupted call lie in ``<name>.building``, from which the same call resumes.

    Parameters
    ----------
    run : Path
        The encoder's run or release folder.
    root : Path
        Corpus folder.
    name : str, optional
        What the embeddings are called; by default the run folder's name.
    frames : bool
        Keep what the encoder makes of each time step too, in ``frames.h5``: for generators that need frames.
    device : str
        As for `resolve_device`.
    workers : int
        Processes that compute log-mels where they are missing.
    progress : bool
        Show progress.

    Returns
    -------
    Path
        ``<root>/derived/embeddings/<name>/`` with ``embeddings.h5`` (rows, utterance ids, lengths), a copy of the
        encoder, and for each split the pickles of Li et al. and of S2IGAN.

    Raises
    ------
    CheckpointError
        If the run has no sound export of a speech encoder.
    ConfigError
        If the name is a path.
    """
    # Read the encoder.
    folder = embedding_folder(root, name or Path(os.path.realpath(run)).name)
    source = find_release(run)
    tensors, config, sha256 = load_hashed_release(source)
    if config.get("kind") not in ("speech-encoder", "speech-to-image"):
        raise CheckpointError.about(
            source, f"holds {with_article(repr(config.get('kind')))}, not a speech encoder", "give an encoder run"
        )
    target = resolve_device(device)
    state = strip_prefix(tensors, "encoder.")
    encoder = build_network(
        encoder_class(config), config.get("encoder"), state, name=str(source), fix="export it again"
    )
    preset = released_preset(config.get("mel_preset"), n_mels=encoder.n_mels, source=source)
    encoder.to(target).eval()
    if frames and not getattr(encoder, "has_frames", True):
        raise ConfigError.about("--frames", f"{source} reads sentences alone", "omit it, or train a word-lstm")

    # Divide the utterances into batches.
    manifest = Manifest.load(root)
    demand_embeddings_or_nothing(folder, peer_parts(manifest))
    store = mel_store(manifest, preset=config["mel_preset"], workers=workers, progress=progress)
    padded_frames, pad_value = _padding(config, source)
    longest = MAX_FRAMES * max(1, round(0.01 * preset.sample_rate) // preset.hop_length)  # frames of 10 ms, or samples
    batches = batches_by_length(np.minimum(store.lengths, longest), BATCH_FRAMES)
    mels = Mels(store, max_frames=padded_frames or longest, pad_value=pad_value)

    heard = None if padded_frames else _heard_before(encoder, config, root, mels, store, longest)

    def compute(number: int) -> Chunk:
        if heard is not None:
            encoding = heard.encode(batches[number], device=target)
        else:
            encoding = encode_batch(encoder, mels, batches[number], device=target, frames=padded_frames)
        speech = _with_zeros(EncodedSpeech.of(encoding, frames=frames))
        arrays = {"embeddings": speech.sentences}
        if speech.frames is not None:
            arrays["frames"] = np.concatenate(speech.frames)
            arrays["steps"] = np.array([[len(steps)] for steps in speech.frames], dtype=np.float32)
        return Chunk(arrays, tuple(store.ids[row] for row in batches[number]))

    def write() -> None:
        in_batch_order = np.concatenate([chunks.features("embeddings", number) for number in range(len(batches))])
        embeddings = np.empty_like(in_batch_order)
        embeddings[np.concatenate(batches)] = in_batch_order
        write_embeddings(
            manifest, embeddings, name=folder.name, lengths=mels.lengths, sha256=sha256, mel_preset=config["mel_preset"]
        )
        if frames:
            write_frames(folder, chunks, batches, ids=list(store.ids), sha256=sha256)
        copy_release(source, folder / "encoder")
        write_pickles(manifest, embeddings, mels.lengths, folder)

    # Encode what is missing, and put the parts together.
    cache_key = f"{sha256} {store.source} {BATCH_FRAMES}{' with frames' if frames else ''}"
    with resumable_chunks(folder.with_name(f"{folder.name}.building"), source=cache_key) as chunks:
        compute_chunks(chunks, range(len(batches)), compute, desc="speech embeddings", progress=progress)
        on_main_process(write)
    return folder


def _heard_before(
    encoder: SpeechEncoder, config: dict[str, Any], root: Path, mels: Mels, store: MelStore, longest: int
) -> PlainFrames | None:
    """What an encoder on a frozen front-end takes of it where a training on this corpus has kept it; None elsewhere."""
    front_end = (trained_with(config) or {}).get(HEARD_WITH)
    if not isinstance(encoder, PretrainedEncoder) or encoder.tuned or front_end is None:
        return None
    key = plain_key(encoder, recordings=store.source, front_end=front_end, longest=longest)
    stored = find_plain_frames(root, key=key)
    return PlainFrames(encoder, mels, store.ids, stored) if stored else None


def _with_zeros(speech: EncodedSpeech) -> EncodedSpeech:
    """Zeros where a cascade read nothing: a training goes on with what is there."""
    if speech.texts is None:
        return speech
    silent = np.zeros_like(speech.sentences[:1])
    frames = None if speech.frames is None else [steps if len(steps) else silent for steps in speech.frames]
    return EncodedSpeech(np.nan_to_num(speech.sentences, nan=0.0), frames, speech.texts)


def _padding(config: dict[str, Any], source: Path) -> tuple[int | None, float]:
    """Frames that every utterance is padded to, where that is fixed, and what stands behind it."""
    frames, value = config.get("pad_to_frames"), config.get("pad_value")
    value = MEL_PRESETS[config["mel_preset"]].pad_value if value is None else value
    right = frames is None or (type(frames) is int and 1 <= frames <= MAX_FRAMES)
    if not right or type(value) not in (int, float) or not np.isfinite(value):
        reason = f"its config pads to {str(frames)[:80]} frames with {str(value)[:80]}"
        raise CheckpointError.about(source, reason, f"give an encoder that takes at most {MAX_FRAMES} frames")
    return frames, float(value)


def extract_image_embeddings(root: Path, features: str, *, name: str = "picture") -> Path:
    """Take the teacher's standardised features of each utterance's picture for its embedding.

    They need no encoder and hear nothing: a generator warms up on them while the encoder is still learning to give the
    same from speech, and a later run takes it over as its ``initial``.

    Parameters
    ----------
    root : Path
        Corpus folder.
    features : str
        Name of the teacher features, ``<root>/derived/features-<features>.h5``.
    name : str
        What the embeddings are called.

    Returns
    -------
    Path
        ``<root>/derived/embeddings/<name>/`` with ``embeddings.h5`` and, for an encoder, mean and deviation.
    """
    # The pooled features of the first view, as the prior standardises them.
    source = load_features(root, features)
    manifest = Manifest.load(root)
    standard = Standardizer.of(
        source.features[[row for row, item in enumerate(manifest.items) if item.split == "train"]]
    )
    counts = [len(item.captions) for item in manifest.items]
    embeddings = np.repeat(standard(source.features[:, 0]), counts, axis=0)
    # Stored like embeddings of speech, the same for all captions of an image.
    folder = write_embeddings(
        manifest,
        embeddings,
        name=name,
        lengths=np.ones(len(embeddings), dtype=np.int64),
        sha256=source.sha256,
        mel_preset="none",
    )
    # Mean and deviation go along as a release, so that a generator finds them.
    tensors = {f"target.{key}": torch.from_numpy(getattr(standard, key).astype(np.float32)) for key in ("mean", "std")}
    card = "# Statistics of teacher features\n\nNo encoder: mean and deviation over the training pictures.\n"
    recorded = {TRAINED_WITH: {"feature network": source.sha256}}
    save_release(folder / "encoder", tensors, {"kind": "feature-statistics", "features": features, **recorded}, card)
    return folder


def write_embeddings(
    manifest: Manifest, embeddings: np.ndarray, *, name: str, lengths: np.ndarray, sha256: str, mel_preset: str
) -> Path:
    """Write ``embeddings.h5`` of a corpus; frames that lay beside it are those of other embeddings, and removed.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    embeddings : ndarray of float32, shape (utterances, D)
        In the manifest's order.
    name : str
        What they are called.
    lengths : ndarray of int64, shape (utterances,)
        Frames of each utterance; 1 where nobody knows.
    sha256 : str
        Hash of what they were computed with.
    mel_preset : str
        Front-end of the encoder.

    Returns
    -------
    Path
        The folder.
    """
    folder = embedding_folder(manifest.root, name)
    demand_embeddings_or_nothing(folder, ())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FRAMES_FILE).unlink(missing_ok=True)
    ids = [utterance_id(item, caption) for item in manifest.items for caption in item.captions]
    with atomic_path(folder / "embeddings.h5") as temporary:
        arrays = {"embeddings": embeddings, "lengths": lengths}
        write_store(temporary, arrays, ids, {"sha256": sha256, "mel_preset": mel_preset})
    return folder


def load_embeddings(root: Path, name: str) -> EmbeddingFile:
    """Read what `extract_embeddings` wrote.

    Raises
    ------
    DataError
        If there is nothing of that name, or it is damaged.
    """
    # A name that is not there: say which are, and how to make it.
    folder = embedding_folder(root, name)
    path = folder / "embeddings.h5"
    if not path.exists():
        have = sorted(p.parent.name for p in folder.parent.glob("*/embeddings.h5"))
        own = f"run 'speech2img extract --run RUN --root {root} --name {name}' (RUN: of 'train encoder', or songbirds)"
        fix = f"give --set embeddings={have[0]} (evaluate: --embeddings {have[0]}), or {own}" if have else own
        raise DataError.about(path, f"no speech embeddings of that name (there are: {', '.join(have) or 'none'})", fix)
    # Read it, and refuse what is damaged.
    fix = "delete the folder and run 'speech2img extract' again"
    store = open_store(path, kind=None, arrays=("embeddings", "ids"), attributes=("sha256",), fix=fix)
    ids, sha256 = store.ids(), store.text("sha256")
    embeddings = store.read("embeddings", kinds="f", ndim=2, ids=ids).astype(np.float32, copy=False)
    if len(ids) != len(embeddings):
        raise DataError.about(path, f"damaged: embeddings of {len(embeddings)} utterances, {len(ids)} ids", fix)
    if not np.isfinite(embeddings).all():
        raise DataError.about(path, "its embeddings are damaged: some are not finite", fix)
    return EmbeddingFile(folder, ids, embeddings, sha256, load_frames(folder, ids, sha256=sha256))


def demand_spread(embeddings_UD: np.ndarray) -> float:
    """Deviation of embeddings from their mean; ConfigError if they differ by no more than rounding."""
    scale = float(np.sqrt(np.mean(np.square(embeddings_UD - embeddings_UD.mean(axis=0)))))
    if scale <= SMALLEST_SPREAD * float(np.sqrt(np.mean(np.square(embeddings_UD)))):
        reason = f"they are the same for every utterance (they differ by {scale:.1e})"
        raise ConfigError.about("embeddings", reason, "train the encoder for longer, or at another learning rate")
    return scale


def write_pickles(manifest: Manifest, embeddings: np.ndarray, lengths: np.ndarray, folder: Path) -> None:
    """Write the pickles of Li et al. and of S2IGAN beside ``embeddings.h5``."""
    ends = np.cumsum([len(item.captions) for item in manifest.items])
    for part, rows in peer_parts(manifest).items():
        spans = [(int(ends[row]) - len(manifest.items[row].captions), int(ends[row])) for row in rows]
        save_s2igan_embeddings(
            folder / f"speech_embeddings_{part}.pickle", [embeddings[first:last] for first, last in spans]
        )
        count = min(last - first for first, last in spans)
        chosen = np.array([np.arange(first, first + count) for first, _ in spans])
        save_li2020_embeddings(folder / part, embeddings[chosen], lengths[chosen], switch=folder.name)
