"""Speech embeddings of a corpus in the files that S2IVQ-D's diffusion is trained on (Saeed et al. 2025)."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from speech2img.corpora.records.items import Item
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import peer_parts
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.storage.foreign.peer_embeddings import save_s2ivq_d_embeddings
from speech2img.storage.foreign.pickles import demand_pickle_or_nothing, save_pickle

FOLDER = "s2ivq-d"
"""Below the embeddings' own: what stands in S2IVQ-D's data folder beside ``images``."""


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
    folder = stored.folder / FOLDER
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
