"""Judges: none grades a model that it was trained with, unless the report says so; and the encoder that grades."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.evaluate.inputs import MetricInputs, MetricOptions
from speech2img.metrics.evaluate.model_groups import EvaluatedGroup
from speech2img.metrics.evaluate.registry import measure
from speech2img.metrics.functional.r_precision import r_precision
from speech2img.metrics.functional.retrieval import retrieval_scores
from speech2img.metrics.functional.score import Score
from speech2img.metrics.report.report import MetricReport
from speech2img.metrics.report.section import ReportSection
from speech2img.storage.releases.provenance import UNKNOWN, trained_with

METRICS = "R-precision, recall and mAP"
Verdict = Literal["independent", "trained with it", "unknown"]


@dataclass(frozen=True)
class Independence:
    """Whether a judge had a part in the training of what it judges."""

    verdict: Verdict
    reason: str
    """In one sentence, for the report."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the report must say beside the number; nothing for an independent judge."""
        return () if self.verdict == "independent" else (self.reason,)


def judge_independence(judge_sha256: str, config: Mapping[str, Any], *, own_sha256: str = "") -> Independence:
    """Compare a judge's weights with those that a release was trained with.

    Parameters
    ----------
    judge_sha256 : str
        Hash of the weights of the network behind R-precision, mAP or an attribute's accuracy.
    config : Mapping
        The config of the release that made the pictures.
    own_sha256 : str
        Hash of that release's own weights, several joined by "+": a model is no judge of itself.

    Returns
    -------
    Independence
        "unknown" where the release does not say what it was trained with.
    """
    # A part of the model itself.
    judge = judge_sha256.lower()
    if judge and judge in own_sha256.lower().split("+"):
        return Independence("trained with it", "the judge is part of the model itself")
    # By the hashes that its release records; silence is no proof.
    recorded = trained_with(config)
    roles = sorted(role for role, sha256 in (recorded or {}).items() if sha256 == judge != "")
    if not roles and (recorded is None or not judge or UNKNOWN in recorded.values()):
        return Independence(
            "unknown",
            "the release does not record all networks that it was trained with, so the judge may be one of them",
        )
    if roles:
        return Independence(
            "trained with it",
            f"the judge ({judge[:12]}) was the generator's own {', '.join(roles)} "
            "in training: the number is a training loss, not a grade",
        )
    return Independence("independent", f"the judge ({judge[:12]}) had no part in the training")


def require_independent(metric: str, independence: Independence, *, allow: bool = False) -> tuple[str, ...]:
    """Refuse a judge that the model was trained with, or give what the report must say.

    Parameters
    ----------
    metric : str
        What it is to measure, for the message.
    independence : Independence
        From ``judge_independence``.
    allow : bool
        Whether the user asked for the number all the same.

    Returns
    -------
    tuple of str
        Warnings for the report's row.

    Raises
    ------
    MetricError
        If the judge was part of the training and ``allow`` is False.
    """
    if independence.verdict == "trained with it" and not allow:
        raise MetricError.about(
            metric, independence.reason, "give another judge, or allow it to have the number marked in the report"
        )
    return independence.warnings


def check_judges(
    judges: Mapping[str, str],
    configs: Sequence[Mapping[str, Any]],
    *,
    own_sha256: str,
    allow: bool,
    metric: str = METRICS,
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
        Whether to mark the numbers instead of refusing them.
    metric : str
        What they measure, or the option that names them, for messages.

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
            shared = judge_independence(sha256, config, own_sha256=own_sha256)
            warnings += [
                f"{what} of the judge: {reason}"
                for reason in require_independent(f"{metric}, {what} of the judge", shared, allow=allow)
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

    def __call__(self, report: MetricReport, group: EvaluatedGroup) -> None:
        """Add the rows of one group."""
        # What the judge makes of the recordings, the generated and the real images.
        spoken = self._encode([record.audio for record in group.records])
        ranking = _JudgedGroup(group, spoken, self._read(group.images), self._read(group.real), seed=self._seed)

        # Its numbers.
        section = ReportSection(
            report=report,
            group=group.name,
            network=self._name,
            weights_sha256=self._sha256,
            images="cosine of the judge's features; one picture an utterance",
            details={"independent": not self._warnings},
            warnings=self._warnings,
        )
        measure(section, MetricInputs(matching=ranking, ranking=ranking), MetricOptions(seed=self._seed))


class _JudgedGroup:
    """Images and utterances of a group as the judge sees them: what can be matched and ranked."""

    def __init__(
        self,
        group: EvaluatedGroup,
        spoken: NDArray[np.float32],
        generated: NDArray[np.float32],
        real: NDArray[np.float32],
        *,
        seed: int,
    ) -> None:
        self._spoken, self._generated, self._seed = spoken, generated, seed
        self._names = [record.id for record in group.records]
        self._items = [record.item_id for record in group.records]
        self._classes = [record.class_id for record in group.records]
        # A real image of several utterances is ranked once.
        first = sorted({item: row for row, item in reversed(list(enumerate(self._items)))}.values())
        self._real = real[first]
        self._real_items = [self._items[row] for row in first]
        self._real_classes = [self._classes[row] for row in first]

    def r_precision(self) -> list[Score]:
        """See ``Matching``."""
        score = r_precision(
            self._generated,
            self._spoken,
            range(len(self._generated)),
            self._items,
            image_ids=self._names,
            caption_ids=self._names,
            seed=self._seed,
            num_folds=min(10, len(self._generated)),
        )
        return [_right(score, "utterances of other pictures are the wrong ones")]

    def recall(self) -> list[Score]:
        """See ``Ranking``."""
        scores: list[Score] = []
        for direction, queries, query_ids, gallery, gallery_ids in (
            ("real_to_generated", self._real, self._real_items, self._generated, self._items),
            ("generated_to_real", self._generated, self._items, self._real, self._real_items),
        ):
            ranked = retrieval_scores(queries, gallery, query_ids, gallery_ids)
            scores += ranked.scores(direction, groups=query_ids, seed=self._seed)
        right = "pictures of the same real picture are relevant"
        return [_right(score, right) for score in scores if not score.name.startswith("mean_average_precision")]

    def by_class(self) -> list[Score]:
        """See ``Ranking``."""
        scores: list[Score] = []
        for direction, queries, query_ids, gallery, gallery_ids in (
            ("real_to_generated", self._real, self._real_classes, self._generated, self._classes),
            ("generated_to_real", self._generated, self._classes, self._real, self._real_classes),
        ):
            ranked = retrieval_scores(queries, gallery, query_ids, gallery_ids)
            scores += ranked.scores(direction, seed=self._seed)
        right = "pictures of the same class are relevant"
        return [_right(score, right) for score in scores if score.name.startswith("mean_average_precision")]


def _right(score: Score, relevant: str) -> Score:
    """The score with what counts as right in its protocol."""
    return replace(score, protocol=f"{score.protocol}; {relevant}")
