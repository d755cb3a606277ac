"""A seeded, balanced choice among the utterances of a corpus."""

from collections.abc import Sequence

import numpy as np

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.errors import MetricError


def choose_utterances(records: Sequence[UtteranceRecord], *, count: int, seed: int) -> list[UtteranceRecord]:
    """A seeded choice that spreads over voices heard and unheard, over classes, and over pictures.

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
        Half in held-out voices where there are any; within each half the classes take turns, and within a class the
        pictures, so no picture is used twice before every picture was used once.
    """
    if count < 2:
        raise MetricError.about("number of utterances", f"{count}", "choose at least 2")
    ordered = sorted(records, key=lambda record: record.id)
    unheard = [record for record in ordered if record.held_out_voice]
    heard = [record for record in ordered if not record.held_out_voice]
    rng = np.random.default_rng(seed)
    if not unheard or not heard:
        return _take_turns(unheard or heard, count, rng, used=set())
    share = min(max(count // 2, count - len(heard)), len(unheard))
    chosen = _take_turns(unheard, share, rng, used=set())
    return chosen + _take_turns(heard, count - share, rng, used={record.item_id for record in chosen})


def _take_turns(
    records: Sequence[UtteranceRecord], count: int, rng: np.random.Generator, *, used: set[str]
) -> list[UtteranceRecord]:
    shuffled = [records[row] for row in rng.permutation(len(records))]
    times_used: dict[str, int] = dict.fromkeys(used, 1)
    places: list[tuple[int, int, UtteranceRecord]] = []
    for place, record in enumerate(shuffled):
        turn = times_used.get(record.item_id, 0)
        times_used[record.item_id] = turn + 1
        places.append((turn, place, record))
    turns_of_class: dict[int, int] = {}
    ranked: list[tuple[int, int, UtteranceRecord]] = []
    for _, place, record in sorted(places, key=lambda entry: entry[:2]):
        turn = turns_of_class.get(record.class_id, 0)
        turns_of_class[record.class_id] = turn + 1
        ranked.append((turn, place, record))
    return [record for _, _, record in sorted(ranked, key=lambda entry: entry[:2])[:count]]
