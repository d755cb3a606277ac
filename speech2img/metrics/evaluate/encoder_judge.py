"""R-precision, recall and mAP by a speech encoder and its feature network that had no part in the model's training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.evaluate.independence import judge_independence, require_independent
from speech2img.metrics.evaluate.model import PaintedGroup
from speech2img.metrics.functional.r_precision import r_precision
from speech2img.metrics.functional.retrieval import retrieval_scores
from speech2img.metrics.functional.score import Score
from speech2img.metrics.report.report import MetricReport, MetricRow

METRICS = "R-precision, recall and mAP"


def check_judges(
    judges: Mapping[str, str], configs: Sequence[Mapping[str, Any]], *, own_sha256: str, allow: bool
) -> tuple[str, ...]:
    """Refuse judges that the model was trained with, or say what the report must say of them.

    Parameters
    ----------
    judges : Mapping of str to str
        What it is -> hash of its weights.
    configs : sequence of Mapping
        Configs of the releases that make up the model.
    own_sha256 : str
        Hash of the model's own weights.
    allow : bool
        Whether to mark the numbers in the place of refusing them.

    Returns
    -------
    tuple of str
        Warnings; empty if every judge is known to be independent.

    Raises
    ------
    MetricError
        If a judge had a part in the training and ``allow`` is False.
    """
    warnings: list[str] = []
    for what, sha256 in judges.items():
        for config in configs:
            found = judge_independence(sha256, config, own_sha256=own_sha256)
            warnings += [
                f"{what} of the judge: {reason}"
                for reason in require_independent(f"{METRICS}, {what} of the judge", found, allow=allow)
            ]
    return tuple(dict.fromkeys(warnings))


class EncoderJudge:
    """Grades each group of an evaluation: does a picture belong to its utterance, its real picture, its class?

    Parameters
    ----------
    encode : callable
        Recordings to embeddings (N, D).
    read : callable
        Pictures (N, S, S, 3) uint8 to features (N, D) in the same space.
    name : str
        What reports call the judge.
    weights_sha256 : str
        Hash of the encoder's weights.
    warnings : sequence of str
        From ``check_judges``; they go with every number.
    seed : int
        Seed of draws and intervals.
    """

    def __init__(
        self,
        *,
        encode: Callable[[Sequence[Path]], NDArray[np.float32]],
        read: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
        name: str,
        weights_sha256: str,
        warnings: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        self._encode, self._read, self._name, self._sha256 = encode, read, name, weights_sha256
        self._warnings, self._seed = tuple(warnings), seed

    def __call__(self, report: MetricReport, group: PaintedGroup) -> None:
        """Add the rows of one group."""
        items = [record.item_id for record in group.records]
        classes = [record.class_id for record in group.records]
        spoken = self._encode([record.audio for record in group.records])
        made, true = self._read(group.pictures), self._read(group.real)
        first = sorted({item: row for row, item in reversed(list(enumerate(items)))}.values())
        photos, photo_items = true[first], [items[row] for row in first]
        photo_classes = [classes[row] for row in first]
        names = [record.id for record in group.records]

        def matching() -> list[Score]:
            return [
                r_precision(
                    made,
                    spoken,
                    range(len(made)),
                    items,
                    picture_ids=names,
                    caption_ids=names,
                    seed=self._seed,
                    num_folds=min(10, len(made)),
                )
            ]

        def recall() -> list[Score]:
            found: list[Score] = []
            for direction, queries, query_ids, gallery, gallery_ids in (
                ("real_to_generated", photos, photo_items, made, items),
                ("generated_to_real", made, items, photos, photo_items),
            ):
                scores = retrieval_scores(queries, gallery, query_ids, gallery_ids)
                found += scores.scores(direction, groups=query_ids, seed=self._seed)
            return [score for score in found if not score.name.startswith("mean_average_precision")]

        def by_class() -> list[Score]:
            found: list[Score] = []
            for direction, queries, query_ids, gallery, gallery_ids in (
                ("real_to_generated", photos, photo_classes, made, classes),
                ("generated_to_real", made, classes, photos, photo_classes),
            ):
                scores = retrieval_scores(queries, gallery, query_ids, gallery_ids)
                found += scores.scores(direction, seed=self._seed)
            return [score for score in found if score.name.startswith("mean_average_precision")]

        for what, relevant, measure in (
            ("R-precision", "utterances of other pictures are the wrong ones", matching),
            ("recall", "pictures of the same real picture are relevant", recall),
            ("mAP", "pictures of the same class are relevant", by_class),
        ):
            self._add(report, group.name, what, relevant, measure)

    def _add(
        self, report: MetricReport, group: str, what: str, relevant: str, measure: Callable[[], list[Score]]
    ) -> None:
        try:
            scores = measure()
        except MetricError as error:
            report.notes.append(f"{what} of {group}: not measured ({error}).")
            return
        for score in scores:
            report.add(
                MetricRow.of(
                    replace(score, warnings=(*score.warnings, *self._warnings)),
                    group=group,
                    network=self._name,
                    weights_sha256=self._sha256,
                    pictures=f"{relevant}; cosine of the judge's features; one picture an utterance",
                    details={"independent": not self._warnings},
                )
            )
