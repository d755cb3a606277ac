"""Confidence of a released encoder: learned from what it should understand and from what it should not."""

from collections.abc import Iterable
from os import PathLike

import numpy as np
import torch

from speech2img.audio.inputs import Recording
from speech2img.errors import DataError
from speech2img.models.encoders.confidence import ConfidenceHead
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release
from speech2img.training.encoder.confidence_fit import fitted_confidence

LEAST = 50
"""Fewest recordings of a kind from which a confidence is learned."""
PART = "confidence"


def add_confidence(
    release: str | PathLike[str],
    inside: Iterable[Recording],
    outside: Iterable[Recording],
    *,
    components: int = 64,
    device: str = "auto",
) -> ConfidenceHead:
    """Let a release tell how sure it is of what it hears; `SpeechToImage.confidence` then answers.

    Parameters
    ----------
    release : str or path
        Run or release folder with a speech encoder; its release is written again with the confidence in it.
    inside : iterable of recordings
        Descriptions of the kind it was trained on, in voices and conditions that it should understand; best ones that
        it was not trained on.
    outside : iterable of recordings
        Speech about other things, noise, music.
    components : int
        Of `ConfidenceHead`.
    device : str
        Where the recordings are encoded.

    Raises
    ------
    DataError
        If there are fewer than `LEAST` recordings of a kind.
    AudioError
        If a recording cannot be used.

    Notes
    -----
    The release's hash changes, by which generators know the encoder that they were trained on. Add it to a whole model,
    or to an encoder before its embeddings are extracted.
    """
    pipe = SpeechToImage.load(release, device=device)
    sentences = {}
    for kind, recordings in (("inside", inside), ("outside", outside)):
        given = list(recordings)
        if len(given) < LEAST:
            raise DataError.about(f"recordings {kind}", f"{len(given)}, too few to learn from", f"give {LEAST} or more")
        sentences[kind] = torch.from_numpy(np.asarray(pipe.encode_paths(given)))
    head = fitted_confidence(sentences["inside"], sentences["outside"], components=components)

    # Into the release, in the place of an older one.
    folder = find_release(release)
    tensors, config = load_release(folder)
    kept = {name: value for name, value in tensors.items() if not name.startswith(f"{PART}.")}
    kept |= {f"{PART}.{name}": value for name, value in head.state_dict().items()}
    config[PART] = {"embedding_dim": head.embedding_dim, "components": head.components}
    save_release(folder, kept, config, (folder / "CARD.md").read_text(encoding="utf-8", errors="replace"))
    return head
