"""Speech and pictures in one space, as S2IGAN grades its speech embedding network: mAP by class, recall both ways."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.metrics.functional.retrieval import check_labels, retrieval_scores
from speech2img.metrics.functional.score import Score

KS = (1, 5, 10, 50)


def speech_image_scores(
    speech: NDArray[np.floating],
    spoken_of: Sequence[str],
    images: NDArray[np.floating],
    items: Sequence[str],
    classes: Sequence[int],
    *,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> list[Score]:
    """How well utterances and pictures find each other.

    Parameters
    ----------
    speech : np.ndarray [shape=(U, D), finite]
        Speech embeddings; the utterances of a picture in the order of its captions.
    spoken_of : sequence of str, length U
        The picture that each utterance is about.
    images : np.ndarray [shape=(N, D), finite]
        Picture embeddings of the same space.
    items : sequence of str, length N
        Their names.
    classes : sequence of int, length N
        Their classes; where every picture is a class of its own, only recall is measured.
    num_bootstrap, seed : int
        Of the intervals.

    Returns
    -------
    list of Score
        ``mean_average_precision_as_published``: one query a class, the first utterance of its first picture by name;
        ``mean_average_precision_speech_to_picture``: every utterance a query; both with all pictures as gallery and
        pictures of the class as relevant. ``recall_at_K`` and median rank in both directions, over all utterances.

    Raises
    ------
    MetricError
        If lengths or dimensions disagree, or an utterance is about a picture that is not there.

    Notes
    -----
    S2IGAN (arXiv:2005.06968): mAP for CUB and Oxford-102, recall for Flickr8k and Places.
    """
    # What each row is about.
    check_labels(speech, spoken_of, "speech embeddings")
    check_labels(images, items, "picture embeddings")
    check_labels(images, classes, "picture embeddings")
    class_of = dict(zip(items, classes, strict=True))
    scores: list[Score] = []
    # By class: as published with one query a class, and with every utterance.
    if len(set(classes)) < len(classes) and all(item in class_of for item in spoken_of):
        first: dict[int, int] = {}
        for row in sorted(range(len(spoken_of)), key=lambda row: (class_of[spoken_of[row]], spoken_of[row], row)):
            first.setdefault(class_of[spoken_of[row]], row)
        for direction, rows in (("as_published", list(first.values())), ("speech_to_picture", range(len(spoken_of)))):
            asked = [class_of[spoken_of[row]] for row in rows]
            ranking = retrieval_scores(speech[list(rows)], images, asked, classes, ks=(1,))
            scores += [
                score
                for score in ranking.scores(direction, num_bootstrap=num_bootstrap, seed=seed)
                if score.name.startswith("mean_average_precision")
            ]
    # By the very image, in both directions.
    for direction, queries, query_ids, gallery, gallery_ids in (
        ("speech_to_picture", speech, spoken_of, images, items),
        ("picture_to_speech", images, items, speech, spoken_of),
    ):
        ranking = retrieval_scores(queries, gallery, query_ids, gallery_ids, ks=KS)
        scores += [
            score
            for score in ranking.scores(direction, groups=query_ids, num_bootstrap=num_bootstrap, seed=seed)
            if not score.name.startswith("mean_average_precision")
        ]
    return scores
