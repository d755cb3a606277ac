"""Embeddings that others wrote, for a corpus of ours: S2IGAN's of speech, and those of text that StackGAN reads."""

import hashlib
from pathlib import Path

import numpy as np

from speech2img.corpora.readers.peer_splits import TEXT_EMBEDDINGS
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import peer_parts
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import write_embeddings
from speech2img.storage.foreign.peer_embeddings import load_s2igan_embeddings
from speech2img.storage.reading import file_sha256
from speech2img.storage.releases.writing import save_release

_FIX = "give the folder with the pickles that were extracted for this corpus"


def import_embeddings(folder: Path, root: Path, *, name: str = "s2igan") -> Path:
    """Take pickles of embeddings for those of a corpus.

    Parameters
    ----------
    folder : Path
        Where the pickles are: ``speech_embeddings_{train,test}.pickle`` in S2IGAN's ``outputs/pre_train/<set>`` or in
        what ``extract`` wrote; or ``{train,test}/char-CNN-RNN-embeddings.pickle`` in StackGAN's ``data/<set>``.
    root : Path
        Corpus folder; each pickle lists the pictures in the order of the part's ``filenames.pickle``.
    name : str
        What the embeddings are called.

    Returns
    -------
    Path
        ``<root>/derived/embeddings/<name>/``. There is no encoder beside them: a generator trained on them takes
        embeddings only.

    Raises
    ------
    DataError
        If a file is damaged, does not fit the corpus, or pictures are left without embeddings.
    """
    # One pickle a part of the corpus; each image must have as many embeddings as captions.
    manifest = Manifest.load(root)
    counts = [len(item.captions) for item in manifest.items]
    rows: dict[int, np.ndarray] = {}
    digest = hashlib.sha256()
    for part, images in peer_parts(manifest).items():
        path = folder / f"speech_embeddings_{part}.pickle"
        if not path.is_file():
            path = folder / part / TEXT_EMBEDDINGS
        if not path.is_file():
            continue
        per_image = load_s2igan_embeddings(path)
        if len(per_image) != len(images):
            raise DataError.about(path, f"has {len(per_image)} pictures, the corpus's {part} has {len(images)}", _FIX)
        for image, spoken in zip(images, per_image, strict=True):
            if len(spoken) != counts[image]:
                reason = f"{len(spoken)} utterances of {manifest.items[image].id}, the corpus has {counts[image]}"
                raise DataError.about(path, reason, _FIX)
            rows[image] = spoken
        digest.update(file_sha256(path).encode())
    # Nothing may be missing.
    missing = [item.id for image, item in enumerate(manifest.items) if image not in rows]
    if missing:
        parts = ", ".join(f"speech_embeddings_{part}.pickle" for part in peer_parts(manifest))
        parts += f", or {TEXT_EMBEDDINGS} in train and test"
        raise DataError.about(
            folder, f"no embeddings of {len(missing)} pictures ({missing[0]}, ...)", f"all are in {parts}"
        )
    if len({spoken.shape[1] for spoken in rows.values()}) != 1:
        raise DataError.about(folder, "the parts have embeddings of different sizes", _FIX)
    # Stored in the order of the manifest.
    embeddings = np.concatenate([rows[image] for image in range(len(counts))])
    written = write_embeddings(
        manifest,
        embeddings,
        name=name,
        lengths=np.ones(len(embeddings), dtype=np.int64),
        sha256=digest.hexdigest(),
        mel_preset="none",
    )
    card = "# Embeddings of another program\n\nNo encoder: the embeddings were read from pickles.\n"
    save_release(written / "encoder", {}, {"kind": "embeddings-only", "source": folder.name}, card)
    return written
