"""Embeddings of a corpus's captions by a text encoder, in the place of those of its recordings."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speech2img.corpora.records.manifest import Manifest, utterance_id
from speech2img.corpora.records.splits import peer_parts
from speech2img.device import resolve_device
from speech2img.distributed.chunked_work import compute_chunks, resumable_chunks
from speech2img.distributed.collectives import on_main_process
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import CheckpointError, ConfigError, DataError, with_article
from speech2img.features.speech_embeddings import embedding_folder, write_embeddings, write_pickles
from speech2img.features.speech_frames import write_frames
from speech2img.features.stores import demand_embeddings_or_nothing
from speech2img.loading import encoder_class
from speech2img.recognition.cascade import save_reading_encoder
from speech2img.recognition.reading import TextReader
from speech2img.storage.chunks import Chunk
from speech2img.storage.names import some_of
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release, strip_prefix
from speech2img.storage.releases.writing import copy_release, release_config
from speech2img.storage.scratch import scratch_folder

BATCH = 128
"""Captions that are read at once."""


def reads_captions(run: Path) -> bool:
    """Whether a run or release is of a text encoder, which reads captions instead of hearing recordings."""
    config = release_config(find_release(run))
    return config.get("kind") == "text-encoder" or config.get("encoder", {}).get("network") == "text"


def extract_caption_embeddings(
    run: Path, root: Path, *, name: str | None = None, frames: bool = False, device: str = "auto", progress: bool = True
) -> Path:
    """Let a text encoder read every caption of a corpus.

    What it gives is stored as embeddings of speech are, so that every generator can be trained on it. The processes of
    a job divide the captions among them. Finished batches of an interrupted call lie in ``<name>.building``, from which
    the same call resumes.

    Parameters
    ----------
    run : Path
        Run or release of a text encoder, or of an encoder that `save_reading_encoder` made of one.
    root : Path
        Corpus folder.
    name : str, optional
        What the embeddings are called; by default the run folder's name.
    frames : bool
        Keep one vector a word or token too, for generators that look at them.
    device : str
        As for `resolve_device`.
    progress : bool
        Show progress.

    Returns
    -------
    Path
        ``<root>/derived/embeddings/<name>/``, as of `extract_embeddings`; the encoder in it reads text.

    Raises
    ------
    CheckpointError
        If the run has no sound export of a text encoder.
    ConfigError
        If the name is a path, or frames are wanted of an encoder that has none, or of another size than its sentences.
    DataError
        If captions have no text that the encoder can read.
    """
    folder = embedding_folder(root, name or Path(os.path.realpath(run)).name)
    with scratch_folder() as scratch:
        # The text encoder as an encoder of its own, which the generator's release will hold.
        source = find_release(run)
        if release_config(source).get("kind") == "text-encoder":
            save_reading_encoder(str(source), scratch / "encoder")
            source = scratch / "encoder"
        encoder, config, sha256 = _open_reader(source, run, frames=frames)
        encoder.to(resolve_device(device)).eval()

        # Captions of similar length together.
        manifest = Manifest.load(root)
        demand_embeddings_or_nothing(folder, peer_parts(manifest))
        captions = {utterance_id(item, caption): caption.text for item in manifest.items for caption in item.captions}
        ids, texts = list(captions), list(captions.values())
        order = np.argsort([len(text) for text in texts], kind="stable")
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

        @torch.inference_mode()
        def compute(number: int) -> Chunk:
            rows = batches[number].tolist()
            speech = EncodedSpeech.of(encoder.encode_texts([texts[row] for row in rows]), frames=True)
            unread = [ids[row] for row, text in zip(rows, speech.texts or (), strict=True) if not text]
            if unread:
                reason = f"captions without a word that {run} knows: {some_of(unread)}"
                raise DataError.about(root, reason, "write them down, or train a text encoder on this corpus")
            assert speech.frames is not None
            steps = np.array([[len(one)] for one in speech.frames], dtype=np.float32)
            arrays = {"embeddings": speech.sentences, "steps": steps}
            if frames:
                _demand_one_size(speech, run)
                arrays["frames"] = np.concatenate(speech.frames)
            return Chunk(arrays, tuple(ids[row] for row in rows))

        def write() -> None:
            places = np.argsort(order)
            embeddings, steps = (
                np.concatenate([chunks.features(key, number) for number in range(len(batches))])[places]
                for key in ("embeddings", "steps")
            )
            lengths = np.maximum(steps[:, 0].astype(np.int64), 1)
            write_embeddings(
                manifest, embeddings, name=folder.name, lengths=lengths, sha256=sha256, mel_preset=config["mel_preset"]
            )
            if frames:
                write_frames(folder, chunks, batches, ids=ids, sha256=sha256)
            copy_release(source, folder / "encoder")
            write_pickles(manifest, embeddings, lengths, folder)

        # Read what is missing, and put the parts together.
        said = hashlib.sha256("\n".join([*ids, *texts]).encode()).hexdigest()
        key = f"{sha256} {said} {BATCH}{' with frames' if frames else ''}"
        with resumable_chunks(folder.with_name(f"{folder.name}.building"), source=key) as chunks:
            compute_chunks(chunks, range(len(batches)), compute, desc="caption embeddings", progress=progress)
            on_main_process(write)
    return folder


def _open_reader(source: Path, run: Path, *, frames: bool) -> tuple[TextReader, dict[str, Any], str]:
    """The encoder of a release that reads, its config, and the hash of its weights; ``run`` is its name in messages."""
    tensors, config, sha256 = load_hashed_release(source)
    if config.get("encoder", {}).get("network") != "text":
        raise CheckpointError.about(
            run, f"holds {with_article(repr(config.get('kind')))} that reads no text", "give a text encoder"
        )
    state = strip_prefix(tensors, "encoder.")
    encoder = build_network(encoder_class(config), config["encoder"], state, name=str(run), fix="export it again")
    assert isinstance(encoder, TextReader)
    if frames and not encoder.has_frames:
        raise ConfigError.about("--frames", f"{run} reads sentences alone", "omit it, or take a word-lstm or clip")
    return encoder, config, sha256


def _demand_one_size(speech: EncodedSpeech, run: Path) -> None:
    """Raise ConfigError where words and sentences differ in size: a generator takes both by one."""
    assert speech.frames is not None
    words, sentences = speech.frames[0].shape[1], speech.sentences.shape[1]
    if words != sentences:
        reason = f"the words of {run} have {words} numbers, its sentences {sentences}"
        raise ConfigError.about("--frames", reason, "omit it, or take one where they are alike, as of CLIP ViT-B/32")
