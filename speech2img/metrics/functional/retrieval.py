"""Does an embedding find its own? Recall at K, mean average precision and median rank, in either direction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import mean_interval, median_interval
from speech2img.metrics.functional.feature_statistics import check_features
from speech2img.metrics.functional.score import Score

Similarity = Literal["cosine", "dot"]
Ties = Literal["worst", "best"]

TIE = 1e-12
"""Similarities nearer to each other than this part of the largest one count as equal: rounding decides nothing."""

_BLOCK = 1 << 22


@dataclass(frozen=True)
class RetrievalScores:
    """Scores of one direction of retrieval."""

    recall: dict[int, float]
    """Share of the queries with a relevant item among the first K, by K."""
    mean_average_precision: float
    """Mean over the queries of the mean precision at each relevant rank."""
    median_rank: float
    """Median over the queries of the rank of the first relevant item, from 1."""
    chance_recall: dict[int, float]
    """Recall of a random order, by K."""
    chance_average_precision: float
    """Mean average precision of a random order."""
    gallery_size: int
    first_ranks: NDArray[np.int64] = field(repr=False, compare=False)
    """Rank of the first relevant item by query, from 1, shape (Q,)."""
    average_precisions: NDArray[np.float64] = field(repr=False, compare=False)
    """By query, shape (Q,)."""
    num_tied: int = 0
    """Queries with a relevant item that ties with one that is not."""

    def scores(
        self, direction: str, *, groups: Sequence[object] | None = None, num_bootstrap: int = 1000, seed: int = 0
    ) -> list[Score]:
        """The numbers for a report: recall at every K, mean average precision, median rank.

        Parameters
        ----------
        direction : str
            Names the metrics: "real_to_generated" gives "recall_at_1_real_to_generated" and so on.
        groups : sequence of length Q, optional
            What is resampled as a whole: queries about the same item.
        num_bootstrap : int
            Resamples of queries for the intervals; 0: none.
        seed : int
            Seed of the resampling.
        """
        # What is said of every number.
        count = len(self.first_ranks)
        sizes = {"num_queries": count, "gallery_size": self.gallery_size, "num_tied": self.num_tied}
        base = f"{count:,} queries against a gallery of {self.gallery_size:,}; n = queries"
        if self.num_tied:
            base += f"; {self.num_tied:,} queries have ties"

        def mean(values: NDArray[np.floating], name: str, what: str, chance: float) -> Score:
            return Score(
                name=f"{name}_{direction}",
                value=float(values.mean()),
                num_samples=count,
                is_share=True,
                seed=seed,
                protocol=f"{what} (chance {100 * chance:.2g} %); {base}; interval by {num_bootstrap:,} resamples",
                interval=mean_interval(values, groups=groups, num_bootstrap=num_bootstrap, seed=seed),
                settings={**sizes, "chance": chance},
            )

        # Recall, precision and rank.
        scores = [
            mean(
                (self.first_ranks <= k).astype(np.float64),
                f"recall_at_{k}",
                f"a relevant one in the first {k}",
                self.chance_recall[k],
            )
            for k in self.recall
        ]
        scores.append(
            mean(
                self.average_precisions,
                "mean_average_precision",
                "mean precision at the relevant ranks",
                self.chance_average_precision,
            )
        )
        scores.append(
            Score(
                name=f"median_rank_{direction}",
                value=self.median_rank,
                num_samples=count,
                settings=sizes,
                protocol=f"median rank of the first relevant one; {base}; interval by {num_bootstrap:,} resamples",
                seed=seed,
                higher_is_better=False,
                interval=median_interval(self.first_ranks, groups=groups, num_bootstrap=num_bootstrap, seed=seed),
            )
        )
        return scores


def unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows divided by their length; a row of zeros stays."""
    unit: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-12)
    return unit


def similarity(
    queries: NDArray[np.floating], gallery: NDArray[np.floating], *, metric: Similarity = "cosine"
) -> NDArray[np.float64]:
    """Similarity (Q, G) of queries (Q, D) with a gallery (G, D): cosine or plain dot product."""
    q, g = check_features(queries, "queries"), check_features(gallery, "gallery")
    if q.shape[1] != g.shape[1]:
        raise MetricError.about(
            "retrieval",
            f"queries of {q.shape[1]} and a gallery of {g.shape[1]} dimensions",
            "use embeddings of the same space",
        )
    return unit_rows(q) @ unit_rows(g).T if metric == "cosine" else q @ g.T


def retrieval_scores(
    queries: NDArray[np.floating],
    gallery: NDArray[np.floating],
    query_ids: Sequence[object],
    gallery_ids: Sequence[object],
    *,
    ks: Sequence[int] = (1, 5, 10, 50),
    metric: Similarity = "cosine",
    ties: Ties = "worst",
) -> RetrievalScores:
    """Recall at K, mean average precision and median rank of queries against a gallery.

    Parameters
    ----------
    queries, gallery : np.ndarray [shape=(Q, D), (G, D), finite]
        Embeddings of the same space; swapped, with their ids, they give the other direction.
    query_ids, gallery_ids : sequences of length Q and G
        What must agree for an item to be relevant: image ids for recall, class ids for average precision by class.
    ks : sequence of int
        The K of recall at K; a K above G is taken as G.
    metric : {"cosine", "dot"}
        Similarity.
    ties : {"worst", "best"}
        Where relevant items stand among others of the same similarity: behind them, so that a model whose answers are
        all alike finds nothing, or before them.

    Returns
    -------
    RetrievalScores
        Scores over all queries; they do not depend on the order of queries or gallery.

    Raises
    ------
    MetricError
        If the lengths disagree or a query has no relevant item.
    """
    # Every query must have an answer.
    check_labels(queries, query_ids, "queries")
    check_labels(gallery, gallery_ids, "gallery")
    if not ks or min(ks) < 1:
        raise MetricError.about("recall at K", f"K = {', '.join(map(str, ks)) or '(none)'}", "use K of at least 1")
    rows_of: dict[object, list[int]] = {}
    for row, value in enumerate(gallery_ids):
        rows_of.setdefault(value, []).append(row)
    missing = next((value for value in query_ids if value not in rows_of), None)
    if missing is not None:
        raise MetricError.about(
            f"query {missing!r}", "nothing in the gallery is relevant to it", "drop the query or complete the gallery"
        )
    # Rank each query's answers, in blocks that fit the memory.
    first_ranks = np.empty(len(queries), dtype=np.int64)
    precisions = np.empty(len(queries))
    tied = 0
    step = max(1, _BLOCK // len(gallery))
    for start in range(0, len(queries), step):
        scores = similarity(queries[start : start + step], gallery, metric=metric)
        margins = TIE * np.abs(scores).max(axis=1)
        ordered = np.sort(scores, axis=1)
        for row, (line, sort, margin) in enumerate(zip(scores, ordered, margins, strict=True), start=start):
            # Those above an answer, with ties counted against it or for it.
            relevant = np.sort(line[rows_of[query_ids[row]]])
            behind, before = (_others_above(sort, relevant, relevant + sign * margin) for sign in (-1.0, 1.0))
            tied += bool((behind != before).any())
            counted = np.arange(1, len(relevant) + 1)
            ranks = counted + (behind if ties == "worst" else before)[::-1]
            first_ranks[row] = ranks[0]
            precisions[row] = (counted / ranks).mean()
    # What chance would give, for galleries of this size.
    sizes = np.array([len(rows_of[value]) for value in query_ids])
    return RetrievalScores(
        recall={k: float((first_ranks <= k).mean()) for k in ks},
        mean_average_precision=float(precisions.mean()),
        median_rank=float(np.median(first_ranks)),
        gallery_size=len(gallery),
        num_tied=tied,
        chance_recall={k: float(np.mean([chance_recall(len(gallery), size, k) for size in sizes])) for k in ks},
        chance_average_precision=float(np.mean([chance_average_precision(len(gallery), size) for size in sizes])),
        first_ranks=first_ranks,
        average_precisions=precisions,
    )


def chance_recall(gallery_size: int, num_relevant: int, k: int) -> float:
    """Probability that one of ``num_relevant`` items is among the first ``k`` of a random order."""
    left = gallery_size - num_relevant
    drawn = np.arange(min(k, gallery_size))
    return float(1.0 - np.prod((left - drawn).clip(min=0) / (gallery_size - drawn)))


def chance_average_precision(gallery_size: int, num_relevant: int) -> float:
    """Expected average precision of a random order, exactly (Bestgen 2015)."""
    harmonic = float((1.0 / np.arange(1, gallery_size + 1)).sum())
    if gallery_size == 1:
        return 1.0
    return ((num_relevant - 1) / (gallery_size - 1) * (gallery_size - harmonic) + harmonic) / gallery_size


def queries_of_each_class(
    item_ids: Sequence[str], classes: Sequence[int], *, per_class: int, seed: int = 0
) -> list[str]:
    """Items to be queries of the mean average precision by class, as S2IGAN has two of each test class.

    Parameters
    ----------
    item_ids : sequence of str
        Real pictures; the choice does not depend on their order.
    classes : sequence of int
        The class of each.
    per_class : int
        How many of each class.
    seed : int
        Seed of the choice.

    Returns
    -------
    list of str
        Sorted ids. The gallery is what was generated of these items.

    Raises
    ------
    MetricError
        If a class has fewer items.
    """
    # Images by class, sorted.
    of_class: dict[int, list[str]] = {}
    for item, class_id in sorted(zip(item_ids, classes, strict=True)):
        of_class.setdefault(class_id, []).append(item)
    # Drawn by the seed, class after class.
    rng = np.random.default_rng(seed)
    chosen: list[str] = []
    for class_id in sorted(of_class):
        items = of_class[class_id]
        if not 1 <= per_class <= len(items):
            raise MetricError.about(
                f"class {class_id}",
                f"{len(items)} pictures, {per_class} are to be queries",
                "give more pictures of it or take fewer queries a class",
            )
        chosen.extend(items[index] for index in rng.permutation(len(items))[:per_class])
    return sorted(chosen)


def check_labels(rows: NDArray[np.floating], labels: Sequence[object], name: str) -> None:
    """MetricError unless there is one label a row."""
    if len(rows) != len(labels):
        raise MetricError.about(name, f"{len(rows)} rows but {len(labels)} labels", "give one label a row")


def _others_above(
    ordered: NDArray[np.float64], relevant: NDArray[np.float64], limits: NDArray[np.float64]
) -> NDArray[np.int64]:
    """How many items that are not relevant reach each limit; ``ordered`` has all similarities, ascending."""
    reached: NDArray[np.int64] = (
        len(ordered) - np.searchsorted(ordered, limits) - (len(relevant) - np.searchsorted(relevant, limits))
    )
    return reached
