"""Recordings as a model hears them in a condition, where one that cannot be used need not end the measurement."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.audio.inputs import Recording
from speech2img.audio.remarks import RecordingWarning
from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import AudioError
from speech2img.metrics.evaluate.conditions.registry import heard_in
from speech2img.metrics.evaluate.model_groups import OnError, SpeechPipeline, stretches, usable_speech

Speech = NDArray[np.float32] | EncodedSpeech
"""What a generator takes: embeddings, or with frames where it needs them."""


def heard_runs(
    pipeline: SpeechPipeline,
    condition: str,
    records: Sequence[UtteranceRecord],
    *,
    seed: int,
    on_error: OnError | None = None,
) -> Iterator[tuple[list[int], Speech]]:
    """Speech of the utterances that can be heard in a condition.

    Parameters
    ----------
    pipeline : SpeechPipeline
        The model, whose encoder hears them.
    condition : str
        Name in `CONDITIONS`.
    records : sequence of UtteranceRecord
        As many as are encoded at once.
    seed : int
        Of what chance does to the recordings.
    on_error : callable, optional
        Called with an utterance whose recording cannot be used, and the error; by default the error is raised.

    Yields
    ------
    rows : list of int
        Places among the records, one behind the other without a gap: the noise of images goes by the place.
    speech : np.ndarray or EncodedSpeech
        Of these rows.

    Raises
    ------
    AudioError
        If a recording cannot be used, and nobody is to be told.
    """

    def tell(row: int, error: AudioError) -> None:
        if on_error is None:
            raise error
        on_error(records[row], error)

    # What can be read and changed, then what the model takes of it.
    changed: dict[int, Recording] = {}
    for row, record in enumerate(records):
        try:
            changed[row] = heard_in(condition, record, seed=seed)
        except AudioError as error:
            tell(row, error)
    if not changed:
        return
    places = list(changed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)  # what is wrong with them is what is measured
        heard, speech = usable_speech(pipeline, list(changed.values()), lambda place, error: tell(places[place], error))

    # Without gaps.
    rows = [places[place] for place in heard]
    for part in stretches(rows):
        yield rows[part], speech[part]
