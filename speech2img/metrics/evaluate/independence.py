"""The independent judge: no model is graded by a network that it was trained with, unless the report says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from speech2img.errors import MetricError
from speech2img.storage.provenance import UNKNOWN, trained_with

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
    judge = judge_sha256.lower()
    if judge and judge in own_sha256.lower().split("+"):
        return Independence("trained with it", "the judge is part of the model itself")
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
