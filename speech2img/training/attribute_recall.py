"""Counts what a teacher sees in painted pictures of what was said: how a generator is looked at while it learns."""

from collections.abc import Mapping, Sequence

import numpy as np

from speech2img.batches.labelled_images import NOT_COUNTED
from speech2img.corpora.records.items import CLASS_HEADS


def count_correct_attributes(
    guesses: Mapping[str, np.ndarray],
    heads: Mapping[str, Sequence[str]],
    said: np.ndarray,
    classes: Sequence[str],
    *,
    attributes: Mapping[str, Sequence[str]],
) -> tuple[int, int]:
    """Count the mentions that pictures show.

    Parameters
    ----------
    guesses : Mapping of str to ndarray of int, shape (U,)
        Number of the value that each head of the teacher sees.
    heads : Mapping of str to sequence of str
        The teacher's heads and their values.
    said : ndarray of int, shape (U, attributes)
        Number of the value of each attribute that an utterance mentions, `NOT_COUNTED` elsewhere.
    classes : sequence of str, length U
        Class of each utterance's picture. It is what was said where the teacher knows no attributes.
    attributes : Mapping of str to sequence of str
        The columns of ``said`` and their values.

    Returns
    -------
    right, counted : int
        Mentions that the teacher sees in the picture; mentions that it could see.
    """
    right = counted = 0
    for column, (name, values) in enumerate(attributes.items()):
        if name in heads:
            # The teacher may number the values otherwise, or lack some.
            numbers = {value: number for number, value in enumerate(heads[name])}
            of_teacher = np.array([*(numbers.get(value, NOT_COUNTED) for value in values), NOT_COUNTED])
            wanted = of_teacher[said[:, column]]
            known = wanted != NOT_COUNTED
            right += int((guesses[name][known] == wanted[known]).sum())
            counted += int(known.sum())
    if not any(name in heads for name in attributes):
        for name in CLASS_HEADS:
            if name in heads:
                number = {value: index for index, value in enumerate(heads[name])}
                wanted = np.array([number.get(value, NOT_COUNTED) for value in classes], dtype=np.int64)
                known = wanted != NOT_COUNTED
                right += int((guesses[name][known] == wanted[known]).sum())
                counted += int(known.sum())
    return right, counted
