"""Embeddings in the files of other programs: S2IGAN's, S2IVQ-D's and StackGAN's taken, S2IVQ-D's written."""

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from speech2img.corpora.readers.peer_splits import TEXT_EMBEDDINGS
from speech2img.corpora.records.items import Item
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import peer_parts
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import load_embeddings, write_embeddings
from speech2img.storage.foreign.peer_embeddings import load_s2igan_embeddings, save_s2ivq_d_embeddings
from speech2img.storage.foreign.pickles import demand_pickle_or_nothing, save_pickle
from speech2img.storage.reading import file_sha256
from speech2img.storage.releases.writing import save_release

S2IVQ_D = "s2ivq-d"
"""Folder below the embeddings' own: what stands in S2IVQ-D's data folder beside ``images``."""
_FIX = "give the folder with the pickles that were extracted for this corpus"


def import_embeddings(folder: Path, root: Path, *, name: str = "s2igan") -> Path:
    """Take pickles of embeddings for those of a corpus.

    Parameters
    ----------
    folder : Path
        Where the pickles are: ``speech_embeddings_{train,test}.pickle`` in S2IGAN's ``outputs/pre_train/<set>``, in
        S2IVQ-D's ``speech`` or in what ``extract`` wrote; or ``{train,test}/char-CNN-RNN-embeddings.pickle``, of text,
        in StackGAN's ``data/<set>``. Of a corpus of several languages each may have its own file:
        ``speech_embeddings_train_ar.pickle``.
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
    counts, languages = [len(item.captions) for item in manifest.items], spoken_languages(manifest.items)
    rows: dict[int, np.ndarray] = {}
    digest = hashlib.sha256()
    for part, images in peer_parts(manifest).items():
        files = _files_of(folder, part, languages)
        spoken = {language: load_s2igan_embeddings(path) for language, path in files.items()}
        for language, path in files.items():
            if (count := len(spoken[language])) != len(images):
                raise DataError.about(path, f"has {count} pictures, the corpus's {part} has {len(images)}", _FIX)
        if not files:
            continue
        path, (per_image, *others) = next(iter(files.values())), spoken.values()
        if others:
            per_image = _in_caption_order([manifest.items[image] for image in images], spoken, files)
        for image, heard in zip(images, per_image, strict=True):
            if len(heard) != counts[image]:
                reason = f"{len(heard)} utterances of {manifest.items[image].id}, the corpus has {counts[image]}"
                raise DataError.about(path, reason, _FIX)
            rows[image] = heard
        for path in files.values():
            digest.update(file_sha256(path).encode())
    # Nothing may be missing.
    missing = [item.id for image, item in enumerate(manifest.items) if image not in rows]
    if missing:
        parts = ", ".join(f"speech_embeddings_{part}.pickle" for part in peer_parts(manifest))
        parts += f", or {TEXT_EMBEDDINGS} in train and test"
        raise DataError.about(
            folder, f"no embeddings of {len(missing)} pictures ({missing[0]}, ...)", f"all are in {parts}"
        )
    if len({heard.shape[1] for heard in rows.values()}) != 1:
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


def _files_of(folder: Path, part: str, languages: list[str]) -> dict[str, Path]:
    """Files of a part that are there: one for all under the empty name, or one a language."""
    for whole in (folder / f"speech_embeddings_{part}.pickle", folder / part / TEXT_EMBEDDINGS):
        if whole.is_file():
            return {"": whole}
    paths = {language: folder / f"speech_embeddings_{part}_{language}.pickle" for language in languages}
    found = {language: path for language, path in paths.items() if path.is_file()}
    if found and len(found) < len(paths):
        missing = next(path for language, path in paths.items() if language not in found)
        raise DataError.about(missing, f"is missing, and captions are in {', '.join(languages)}", _FIX)
    return found


def _in_caption_order(
    items: list[Item], spoken: dict[str, list[np.ndarray]], files: dict[str, Path]
) -> list[np.ndarray]:
    """Embeddings of each image in the order of its captions, each the next one of its language."""
    per_image = []
    for row, item in enumerate(items):
        said = [caption.language for caption in item.captions]
        for language, rows in spoken.items():
            if len(rows[row]) != said.count(language):
                reason = f"{len(rows[row])} utterances of {item.id}, the corpus has {said.count(language)}"
                raise DataError.about(files[language], reason, _FIX)
        turns = {language: iter(rows[row]) for language, rows in spoken.items()}
        per_image.append(np.stack([next(turns[language]) for language in said]))
    return per_image


def spoken_languages(items: Sequence[Item]) -> list[str]:
    """Languages of the captions of some images, in the order in which they come."""
    return list(dict.fromkeys(caption.language for item in items for caption in item.captions))


def write_s2ivq_d_embeddings(root: Path, name: str) -> Path:
    """Write extracted embeddings as S2IVQ-D reads them.

    Parameters
    ----------
    root : Path
        Corpus folder.
    name : str
        What the embeddings are called.

    Returns
    -------
    Path
        ``<root>/derived/embeddings/<name>/s2ivq-d``: for each part of the corpus ``<part>/filenames.pickle`` with the
        names of the images below ``images``, and ``speech/speech_embeddings_<part>.pickle`` with one array (images,
        captions, D); a corpus of several languages has a file for each, ``speech_embeddings_<part>_<language>.pickle``.
        All images have as many captions there as the one with the fewest.

    Raises
    ------
    DataError
        If there are no such embeddings, an image has no caption of a language, or a file of another program is there.
    """
    # Which utterances stand in which file.
    manifest, stored = Manifest.load(root), load_embeddings(root, name)
    firsts = np.cumsum([0, *(len(item.captions) for item in manifest.items)])
    languages = spoken_languages(manifest.items)
    folder = stored.folder / S2IVQ_D
    files: dict[Path, np.ndarray] = {}
    for part, rows in peer_parts(manifest).items():
        for language in languages:
            ending = f"{part}_{language}" if len(languages) > 1 else part
            path = folder / "speech" / f"speech_embeddings_{ending}.pickle"
            demand_pickle_or_nothing(path)
            files[path] = _utterances(manifest, rows, firsts, language)
    # Arrays, and the names that they go by.
    for part, rows in peer_parts(manifest).items():
        names = [PurePosixPath(manifest.items[row].image) for row in rows]
        listed = [str(path.relative_to("images")) if path.parts[0] == "images" else str(path) for path in names]
        (folder / part).mkdir(parents=True, exist_ok=True)
        save_pickle(folder / part / "filenames.pickle", listed)
    (folder / "speech").mkdir(parents=True, exist_ok=True)
    for path, utterances_NK in files.items():
        save_s2ivq_d_embeddings(path, stored.embeddings[utterances_NK])
    return folder


def _utterances(manifest: Manifest, rows: Sequence[int], firsts: np.ndarray, language: str) -> np.ndarray:
    """Numbers (N, K) of the first K utterances of each image in a language."""
    per_image = [
        [
            int(firsts[row]) + place
            for place, said in enumerate(manifest.items[row].captions)
            if said.language == language
        ]
        for row in rows
    ]
    count = min(map(len, per_image))
    if not count:
        item = manifest.items[rows[[len(of_image) for of_image in per_image].index(0)]]
        raise DataError.about(manifest.root, f"{item.id} has no caption in {language!r}", "omit --format")
    return np.array([of_image[:count] for of_image in per_image])
