"""The utterances that a model is measured on: how they are chosen, and by group the images that it makes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import AudioError, MetricError
from speech2img.metrics.images.real_images import RealImages
from speech2img.metrics.images.sets import repetition_note
from speech2img.metrics.report.report import MetricReport
from speech2img.storage.progress import Progress

CHUNK = 32
"""Utterances at a time."""
OWN_VOICES = {False: "voices heard in training", True: "unseen voices"}
"""By `UtteranceRecord.held_out_voice`: what the corpus's own recordings are called."""


class SpeechPipeline(Protocol):
    """What the evaluation asks of a model."""

    name: str
    """What reports call it."""
    weights_sha256: str
    image_size: int
    """Side of its pictures in pixels."""
    sampling: Mapping[str, Any]
    """How it draws pictures, for the protocol."""
    needs_frames: bool
    """Whether its generator takes what `encode_speech` gives instead of embeddings."""

    def encode_paths(
        self, paths: Any, *, on_error: Callable[[int, AudioError], None] | None = None
    ) -> NDArray[np.float32]:
        """Embeddings (N, D) of recordings; of one that cannot be used, and is told with its place, a row of NaN."""

    def encode_speech(
        self, recordings: Any, *, on_error: Callable[[int, AudioError], None] | None = None
    ) -> EncodedSpeech:
        """The same with the frames; only asked for where the generator needs them."""

    @overload
    def generate(
        self,
        embeddings: Any,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: Literal[False] = False,
        first_index: int | None = None,
    ) -> NDArray[np.uint8]: ...
    @overload
    def generate(
        self,
        embeddings: Any,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: Literal[True],
        first_index: int | None = None,
    ) -> list[NDArray[np.uint8]]: ...
    def generate(
        self,
        embeddings: Any,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: bool = False,
        first_index: int | None = None,
    ) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        """Pictures (N, num_images, S, S, 3) uint8, or a list of such arrays, one a stage; noise by seed and index."""


@dataclass(frozen=True)
class EvaluatedGroup:
    """The utterances of one split, with all that was made of them."""

    name: str
    records: list[UtteranceRecord]
    embeddings: NDArray[np.float32]
    images: NDArray[np.uint8]
    real: NDArray[np.uint8]
    first_index: int
    """Place of the first chosen utterance among all that are measured."""
    unusable: tuple[AudioError, ...] = ()
    """What was wrong with the recordings that could not be used; their utterances are not among the records."""
    chosen_rows: tuple[int, ...] | None = None
    """Place of each of the records among those that were chosen; None where all could be used."""

    @property
    def num_chosen(self) -> int:
        """Utterances that were chosen, whether they could be used or not."""
        return len(self.records) + len(self.unusable)

    def noise_index(self, row: int) -> int:
        """By what the noise of a record's images is drawn: the same in every model, whatever else could be used."""
        return self.first_index + (row if self.chosen_rows is None else self.chosen_rows[row])

    def notes(self) -> list[str]:
        """What a reader of the report must know: recordings left out, and images that repeat."""
        notes = []
        if self.unusable:
            notes.append(
                f"{self.name}: {len(self.unusable)} of {self.num_chosen} recordings could not be used and are "
                f"not counted; the first: {self.unusable[0]}."
            )
        distinct = len({image.tobytes() for image in self.images})
        repeated = repetition_note(f"{self.name}, generated", distinct, len(self.images))
        return [*notes, *([repeated] if repeated else [])]


GroupMeasure = Callable[[MetricReport, EvaluatedGroup], None]
"""Adds rows about one group to the report."""
OnError = Callable[[UtteranceRecord, AudioError], None]
"""Told of an utterance whose recording cannot be used."""


def group_name(split: str, kind: str) -> str:
    """What reports call the utterances of a split; ``kind`` is what the corpus calls its classes."""
    return {"test_seen": f"seen {kind}", "test": f"unseen {kind}", "val": f"seen {kind}, validation"}.get(split, split)


def rows_by_language(records: Sequence[UtteranceRecord]) -> dict[str, list[int]]:
    """Rows of ``records`` by what reports call their language; empty where all are of one language.

    Parameters
    ----------
    records : sequence of UtteranceRecord
        The utterances of a group.

    Returns
    -------
    dict of str to list of int
        Name (``language ar``) -> rows, by the languages' codes.
    """
    codes = sorted({record.language for record in records})
    if len(codes) < 2:
        return {}
    return {
        f"language {code}": [row for row, record in enumerate(records) if record.language == code] for code in codes
    }


def with_languages(
    name: str, records: Sequence[UtteranceRecord], rows: Sequence[int] | None = None
) -> dict[str, Sequence[int]]:
    """Rows of a group of utterances, and of each of its languages where it has several, by what reports call them.

    Parameters
    ----------
    name : str
        What reports call the whole group.
    records : sequence of UtteranceRecord
        Utterances.
    rows : sequence of int, optional
        Which of them are the group's; all by default.

    Returns
    -------
    dict of str to sequence of int
        The group by its name, then ``NAME, language CODE`` for each of several languages.
    """
    rows = range(len(records)) if rows is None else rows
    languages = rows_by_language([records[row] for row in rows])
    parts = {f"{name}, {language}": [rows[place] for place in places] for language, places in languages.items()}
    return {name: rows, **parts}


def choose_utterances(records: Sequence[UtteranceRecord], *, count: int, seed: int) -> list[UtteranceRecord]:
    """A seeded choice that spreads over languages, over voices heard and unheard, over classes, and over pictures.

    Parameters
    ----------
    records : sequence of UtteranceRecord
        What to choose from: the utterances of one split.
    count : int
        How many, at least 2; all of them if there are fewer.
    seed : int
        Seed of the choice; it does not depend on the order of ``records``.

    Returns
    -------
    list of UtteranceRecord
        As many of each language, one language after the other; half of them in held-out voices where there are any;
        within each half the classes take turns, and within a class the pictures, so no picture is used twice before
        every picture was used once.
    """
    if count < 2:
        raise MetricError.about("number of utterances", f"{count}", "choose at least 2")
    ordered = sorted(records, key=lambda record: record.id)
    rng = np.random.default_rng(seed)
    chosen: list[UtteranceRecord] = []
    parts = [[ordered[row] for row in rows] for rows in rows_by_language(ordered).values()] or [ordered]
    for number, part in enumerate(parts):
        # What the languages that follow lack, this one gives.
        left, following = count - len(chosen), sum(map(len, parts[number + 1 :]))
        share = min(max(left // (len(parts) - number), left - following), len(part))
        chosen += _choose_voices(part, share, rng, used={record.item_id for record in chosen})
    return chosen


def _choose_voices(
    ordered: Sequence[UtteranceRecord], count: int, rng: np.random.Generator, *, used: set[str]
) -> list[UtteranceRecord]:
    """Half in voices unheard in training where there are both; first of pictures that are not ``used``."""
    unheard = [record for record in ordered if record.held_out_voice]
    heard = [record for record in ordered if not record.held_out_voice]
    if not unheard or not heard:
        return _take_turns(unheard or heard, count, rng, used=used)
    share = min(max(count // 2, count - len(heard)), len(unheard))
    chosen = _take_turns(unheard, share, rng, used=used)
    return chosen + _take_turns(heard, count - share, rng, used=used | {record.item_id for record in chosen})


def _take_turns(
    records: Sequence[UtteranceRecord], count: int, rng: np.random.Generator, *, used: set[str]
) -> list[UtteranceRecord]:
    # Every image once before any image twice.
    shuffled = [records[row] for row in rng.permutation(len(records))]
    times_used: dict[str, int] = dict.fromkeys(used, 1)
    places: list[tuple[int, int, UtteranceRecord]] = []
    for position, record in enumerate(shuffled):
        turn = times_used.get(record.item_id, 0)
        times_used[record.item_id] = turn + 1
        places.append((turn, position, record))
    # Then every class once before any class twice.
    turns_of_class: dict[int, int] = {}
    ranked: list[tuple[int, int, UtteranceRecord]] = []
    for _, position, record in sorted(places, key=lambda entry: entry[:2]):
        turn = turns_of_class.get(record.class_id, 0)
        turns_of_class[record.class_id] = turn + 1
        ranked.append((turn, position, record))
    return [record for _, _, record in sorted(ranked, key=lambda entry: entry[:2])[:count]]


def stretches(numbers: Sequence[int]) -> list[slice]:
    """Slices of rising numbers within which none is left out: for each, images are generated at once."""
    starts = [place for place, number in enumerate(numbers) if not place or numbers[place - 1] != number - 1]
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(numbers)], strict=False)]


def generate_group(
    pipeline: SpeechPipeline,
    records: list[UtteranceRecord],
    name: str,
    first_index: int,
    *,
    real: RealImages,
    seed: int,
    on_error: OnError | None = None,
    progress: bool,
) -> EvaluatedGroup:
    """Hear the recordings, generate an image of each that can be used, and read the real ones.

    Parameters
    ----------
    pipeline : SpeechPipeline
        The model.
    records : list of UtteranceRecord
        The utterances.
    name : str
        What reports call the group.
    first_index : int
        Place of the first one among all that are measured: noise is drawn by it.
    real : RealImages
        The corpus's images.
    seed : int
        Of the noise.
    on_error : callable, optional
        Called with an utterance whose recording cannot be used, and the error; by default the error is raised.
    progress : bool
        Show a progress bar.

    Raises
    ------
    AudioError
        If a recording cannot be used, and nobody is to be told; or fewer than two can.
    """
    used: list[int] = []
    unusable: list[AudioError] = []
    embeddings: list[NDArray[np.float32]] = []
    images: list[NDArray[np.uint8]] = []
    real_parts: list[NDArray[np.uint8]] = []

    def leave_out(chunk: Sequence[UtteranceRecord], row: int, error: AudioError) -> None:
        if on_error is None:
            raise error
        on_error(chunk[row], error)
        unusable.append(error)

    with Progress(total=len(records), what=f"pictures, {name}", unit="utterance", progress=progress) as bar:
        for start in range(0, len(records), CHUNK):
            chunk = records[start : start + CHUNK]
            recordings = [record.audio for record in chunk]
            rows, speech = usable_speech(pipeline, recordings, partial(leave_out, chunk))
            embeddings.append(speech.sentences if isinstance(speech, EncodedSpeech) else speech)
            for part in stretches(rows):
                first = first_index + start + rows[part.start]
                images.append(pipeline.generate(speech[part], seed=seed, first_index=first)[:, 0])
                real_parts.append(real.read([chunk[row].item_id for row in rows[part]]))
            used += [start + row for row in rows]
            bar.update(len(chunk))
    if unusable and len(used) < 2:
        raise unusable[0]
    return EvaluatedGroup(
        name,
        [records[row] for row in used],
        np.concatenate(embeddings),
        np.concatenate(images),
        np.concatenate(real_parts),
        first_index,
        tuple(unusable),
        tuple(used) if unusable else None,
    )


def usable_speech(
    pipeline: SpeechPipeline, recordings: Sequence[Any], on_error: Callable[[int, AudioError], None]
) -> tuple[list[int], NDArray[np.float32] | EncodedSpeech]:
    """Places of the recordings that can be used, and their speech; ``on_error`` is told of each other one."""
    unusable: set[int] = set()

    def leave_out(place: int, error: AudioError) -> None:
        unusable.add(place)
        on_error(place, error)

    encode = pipeline.encode_speech if pipeline.needs_frames else pipeline.encode_paths
    speech = encode(recordings, on_error=leave_out)
    rows = [place for place in range(len(recordings)) if place not in unusable]
    return rows, speech[rows] if unusable else speech


def speech_of(
    pipeline: SpeechPipeline, records: Sequence[UtteranceRecord], embeddings: NDArray[np.float32] | None = None
) -> NDArray[np.float32] | EncodedSpeech:
    """What a generator takes of utterances: embeddings, already known or not, or with frames where it needs them."""
    recordings = [record.audio for record in records]
    if pipeline.needs_frames:
        return pipeline.encode_speech(recordings)
    return pipeline.encode_paths(recordings) if embeddings is None else embeddings
