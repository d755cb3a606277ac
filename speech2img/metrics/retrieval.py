"""Does an embedding find its own? Class centroids (Li et al.), recall at K, average precision, median rank."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.frechet import check_features

Similarity = Literal["cosine", "dot"]


@dataclass(frozen=True)
class RetrievalScores:
    """Scores of one direction of retrieval."""

    recall: dict[int, float]
    """Share of the queries with a relevant item among the first K, by K."""
    mean_average_precision: float
    """Mean over the queries of the mean precision at each relevant rank."""
    median_rank: float
    """Median over the queries of the rank of the first relevant item, from 1."""


@dataclass(frozen=True)
class CentroidScores:
    """Scores of classifying images by the class centroids of speech."""

    accuracy: float
    """Share of the images whose best centroid is that of their class."""
    precision_at_k: float
    """Mean over the classes of the share of right ones among the K best images of a class ("AP@50" where K = 50)."""
    num_classes: int
    num_images: int


def similarity(queries: NDArray[np.floating], gallery: NDArray[np.floating], *,
               metric: Similarity = "cosine") -> NDArray[np.float64]:
    """Similarity (Q, G) of queries (Q, D) with a gallery (G, D): cosine or plain dot product."""
    q, g = check_features(queries, "queries"), check_features(gallery, "gallery")
    if q.shape[1] != g.shape[1]:
        raise MetricError.about("retrieval", f"queries of {q.shape[1]} and a gallery of {g.shape[1]} dimensions",
                                "use embeddings of the same space")
    if metric == "cosine":
        q = q / np.linalg.norm(q, axis=1, keepdims=True).clip(min=1e-12)
        g = g / np.linalg.norm(g, axis=1, keepdims=True).clip(min=1e-12)
    return q @ g.T


def retrieval_scores(queries: NDArray[np.floating], gallery: NDArray[np.floating], query_ids: Sequence[object],
                     gallery_ids: Sequence[object], *, ks: Sequence[int] = (1, 5, 10, 50),
                     metric: Similarity = "cosine", chunk: int = 1024) -> RetrievalScores:
    """Recall at K, mean average precision and median rank of queries against a gallery.

    Parameters
    ----------
    queries, gallery : np.ndarray [shape=(Q, D), (G, D), finite]
        Embeddings of the same space.
    query_ids, gallery_ids : sequences of length Q and G
        What must agree for an item to be relevant: image ids for recall, class ids for average precision by class.
    ks : sequence of int
        The K of recall at K; a K above G is taken as G.
    metric : {"cosine", "dot"}
        Similarity.
    chunk : int
        Queries handled at once; bounds the memory.

    Returns
    -------
    RetrievalScores
        Scores over all queries.

    Raises
    ------
    MetricError
        If the lengths disagree or a query has no relevant item.

    Notes
    -----
    Ties keep the order of the gallery (stable sort), so the scores are repeatable.
    """
    _check_lengths(queries, query_ids, "queries")
    _check_lengths(gallery, gallery_ids, "gallery")
    codes = {value: code for code, value in enumerate(dict.fromkeys([*gallery_ids, *query_ids]))}
    query_codes = np.array([codes[value] for value in query_ids])
    gallery_codes = np.array([codes[value] for value in gallery_ids])
    first_ranks: list[NDArray[np.int64]] = []
    precisions: list[NDArray[np.float64]] = []
    for start in range(0, len(query_codes), chunk):
        scores = similarity(queries[start:start + chunk], gallery, metric=metric)
        order = np.argsort(-scores, axis=1, kind="stable")
        hits = gallery_codes[order] == query_codes[start:start + chunk, None]
        if not hits.any(axis=1).all():
            missing = query_ids[start + int(np.flatnonzero(~hits.any(axis=1))[0])]
            raise MetricError.about(f"query {missing!r}", "nothing in the gallery is relevant to it",
                                    "drop the query or complete the gallery")
        first_ranks.append(hits.argmax(axis=1) + 1)
        precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
        precisions.append((precision * hits).sum(axis=1) / hits.sum(axis=1))
    ranks = np.concatenate(first_ranks)
    return RetrievalScores(recall={k: float((ranks <= k).mean()) for k in ks},
                           mean_average_precision=float(np.concatenate(precisions).mean()),
                           median_rank=float(np.median(ranks)))


def class_centroid_scores(image_features: NDArray[np.floating], image_classes: Sequence[int],
                          speech_embeddings: NDArray[np.floating], speech_classes: Sequence[int], *, k: int = 50,
                          metric: Similarity = "dot") -> CentroidScores:
    """Classify images by the class centroids of the speech embeddings, as Li et al. evaluate their encoder.

    Parameters
    ----------
    image_features : np.ndarray [shape=(N, D), finite]
        Teacher features of the images.
    image_classes : sequence of int, length N
        Their classes.
    speech_embeddings : np.ndarray [shape=(U, D), finite]
        Speech embeddings of utterances about images of the same classes.
    speech_classes : sequence of int, length U
        Their classes.
    k : int
        Images taken for each class for ``precision_at_k``; a class with fewer than ``k`` images cannot reach 1.
    metric : {"dot", "cosine"}
        "dot" (not normalised) is the published score.

    Returns
    -------
    CentroidScores
        Accuracy and precision at ``k``.

    Raises
    ------
    MetricError
        If a class of the images was never spoken about, or lengths or dimensions disagree.

    Notes
    -----
    Li et al. 2020 (arXiv:2004.03413), section IV: centroid accuracy and AP@50.
    """
    scores, image_columns = _centroid_similarity(image_features, image_classes, speech_embeddings, speech_classes,
                                                 metric)
    top = np.argsort(-scores, axis=0, kind="stable")[:k]
    right = image_columns[top] == np.arange(scores.shape[1])
    return CentroidScores(accuracy=float((scores.argmax(axis=1) == image_columns).mean()),
                          precision_at_k=float(right.sum(axis=0).mean() / k),
                          num_classes=scores.shape[1], num_images=scores.shape[0])


def k_way_centroid_accuracy(image_features: NDArray[np.floating], image_classes: Sequence[int],
                            speech_embeddings: NDArray[np.floating], speech_classes: Sequence[int], *, ways: int,
                            num_subsets: int = 100, seed: int = 0, metric: Similarity = "dot") -> tuple[float, float]:
    """Centroid accuracy when only ``ways`` classes stand to choice, over random subsets of the classes.

    Parameters
    ----------
    image_features, image_classes, speech_embeddings, speech_classes, metric
        As in ``class_centroid_scores``.
    ways : int
        Classes in a subset, 2 up to the number of classes.
    num_subsets : int
        Number of subsets; one is enough, and taken, where ``ways`` is the number of classes.
    seed : int
        Seed of the draws.

    Returns
    -------
    mean, std : float
        Over the subsets; each subset weighs the same.

    Raises
    ------
    MetricError
        If there are fewer than ``ways`` classes.
    """
    scores, image_columns = _centroid_similarity(image_features, image_classes, speech_embeddings, speech_classes,
                                                 metric)
    num_classes = scores.shape[1]
    if not 2 <= ways <= num_classes:
        raise MetricError.about(f"{ways}-way accuracy", f"there are {num_classes} classes",
                                "choose between 2 and the number of classes")
    rng = np.random.default_rng(seed)
    accuracies = []
    for _ in range(1 if ways == num_classes else num_subsets):
        columns = rng.permutation(num_classes)[:ways]
        rows = np.flatnonzero(np.isin(image_columns, columns))
        best = columns[scores[np.ix_(rows, columns)].argmax(axis=1)]
        accuracies.append(float((best == image_columns[rows]).mean()))
    return float(np.mean(accuracies)), float(np.std(accuracies))


def leave_one_out_centroid_accuracy(embeddings: NDArray[np.floating], classes: Sequence[int],
                                    items: Sequence[object], *, metric: Similarity = "cosine") -> float:
    """Share of utterances nearest to the centroid of their own class, made without any utterance of the same image.

    Parameters
    ----------
    embeddings : np.ndarray [shape=(U, D), finite]
        Speech embeddings.
    classes : sequence of int, length U
        Class of each utterance.
    items : sequence, length U
        Image that each utterance is about; all utterances of one image leave its class's centroid together.
    metric : {"cosine", "dot"}
        Similarity between an utterance and a centroid.

    Returns
    -------
    float
        0..1. Utterances that are alone in their class, with no other image, do not count.

    Raises
    ------
    MetricError
        If there are fewer than two classes or no class has two images.
    """
    _check_lengths(embeddings, classes, "embeddings")
    _check_lengths(embeddings, items, "embeddings")
    rows = check_features(embeddings, "embeddings")
    names, columns = np.unique(np.asarray(classes), return_inverse=True)
    if len(names) < 2:
        raise MetricError.about("centroid accuracy", "all utterances are of one class", "give at least two classes")
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, columns, rows)
    counts = np.bincount(columns).astype(np.float64)
    centroids = sums / counts[:, None]
    members: dict[object, list[int]] = {}
    for row, item in enumerate(items):
        members.setdefault(item, []).append(row)
    right: list[bool] = []
    for own_rows in members.values():
        own = columns[own_rows[0]]
        rest = counts[own] - len(own_rows)
        if rest < 1:
            continue
        held_out = centroids.copy()
        held_out[own] = (sums[own] - rows[own_rows].sum(axis=0)) / rest
        right.extend((similarity(rows[own_rows], held_out, metric=metric).argmax(axis=1) == own).tolist())
    if not right:
        raise MetricError.about("centroid accuracy", "no class has utterances about two images", "give more images")
    return float(np.mean(right))


def _centroid_similarity(image_features: NDArray[np.floating], image_classes: Sequence[int],
                         speech_embeddings: NDArray[np.floating], speech_classes: Sequence[int],
                         metric: Similarity) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Similarity (N, C) of images with the class centroids of speech, and the column of each image's own class."""
    _check_lengths(image_features, image_classes, "image features")
    _check_lengths(speech_embeddings, speech_classes, "speech embeddings")
    spoken = np.asarray(speech_classes)
    names = np.unique(np.asarray(image_classes))
    silent = sorted(set(names.tolist()) - set(spoken.tolist()))
    if silent:
        raise MetricError.about("centroid accuracy", f"classes {silent[:5]} have images but no utterance",
                                "give utterances of every class, or leave out its images")
    speech = check_features(speech_embeddings, "speech embeddings")
    centroids = np.stack([speech[spoken == name].mean(axis=0) for name in names])
    return similarity(image_features, centroids, metric=metric), np.searchsorted(names, np.asarray(image_classes))


def _check_lengths(rows: NDArray[np.floating], labels: Sequence[object], name: str) -> None:
    if len(rows) != len(labels):
        raise MetricError.about(name, f"{len(rows)} rows but {len(labels)} labels", "give one label a row")
