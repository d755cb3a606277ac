"""Class centroids of speech, as Li et al. grade their encoder: centroid accuracy, AP@50, k-way, leave-one-out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import Interval, mean_interval, resampling_counts
from speech2img.metrics.functional.feature_statistics import check_features
from speech2img.metrics.functional.retrieval import Similarity, check_labels, similarity
from speech2img.metrics.functional.score import Score


@dataclass(frozen=True)
class CentroidScores:
    """Scores of classifying images by the class centroids of speech."""

    accuracy: float
    """Share of the images whose best centroid is that of their class."""
    precision_at_k: float
    """Mean over the classes of the share of right ones among the K best images of a class ("AP@50" where K = 50)."""
    num_classes: int
    num_images: int
    k: int
    right: NDArray[np.float64] = field(repr=False, compare=False)
    """1.0 for each image with the right centroid, else 0.0, shape (N,)."""
    precisions: NDArray[np.float64] = field(repr=False, compare=False)
    """Share of right ones among the K best images, by class, shape (C,)."""

    def scores(self, *, num_bootstrap: int = 1000, seed: int = 0) -> list[Score]:
        """The two numbers for a report, with intervals by resampling images and classes."""
        sizes = {"num_classes": self.num_classes, "num_images": self.num_images}
        return [
            Score(
                name="class_centroid_accuracy",
                value=self.accuracy,
                num_samples=self.num_images,
                is_share=True,
                seed=seed,
                settings={**sizes, "chance": 1.0 / self.num_classes},
                interval=mean_interval(self.right, num_bootstrap=num_bootstrap, seed=seed),
                protocol=f"best of {self.num_classes} classes; interval by {num_bootstrap:,} resamples of images",
            ),
            Score(
                name=f"average_precision_at_{self.k}",
                value=self.precision_at_k,
                num_samples=self.num_images,
                is_share=True,
                seed=seed,
                settings={**sizes, "k": self.k},
                interval=mean_interval(self.precisions, num_bootstrap=num_bootstrap, seed=seed),
                protocol=f"share of right ones among the {self.k} best images of a class, mean over "
                f"{self.num_classes} classes (a class with fewer than {self.k} images cannot reach 1); "
                f"interval by {num_bootstrap:,} resamples of classes",
            ),
        ]


def class_centroid_scores(
    image_features: NDArray[np.floating],
    image_classes: Sequence[int],
    speech_embeddings: NDArray[np.floating],
    speech_classes: Sequence[int],
    *,
    k: int = 50,
    metric: Similarity = "dot",
) -> CentroidScores:
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
    # Similarity of images to the mean embedding of each class.
    scores, image_columns = _centroid_similarity(
        image_features, image_classes, speech_embeddings, speech_classes, metric
    )
    # The best class of each image, and the best images of each class.
    top = np.argsort(-scores, axis=0, kind="stable")[:k]
    precisions = (image_columns[top] == np.arange(scores.shape[1])).sum(axis=0) / k
    right = (scores.argmax(axis=1) == image_columns).astype(np.float64)
    return CentroidScores(
        accuracy=float(right.mean()),
        precision_at_k=float(precisions.mean()),
        k=k,
        num_classes=scores.shape[1],
        num_images=scores.shape[0],
        right=right,
        precisions=precisions,
    )


def k_way_centroid_accuracy(
    image_features: NDArray[np.floating],
    image_classes: Sequence[int],
    speech_embeddings: NDArray[np.floating],
    speech_classes: Sequence[int],
    *,
    ways: int,
    num_subsets: int = 100,
    seed: int = 0,
    metric: Similarity = "dot",
) -> tuple[float, float]:
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
    asked, right = _k_ways(
        image_features,
        image_classes,
        speech_embeddings,
        speech_classes,
        ways=ways,
        num_subsets=num_subsets,
        seed=seed,
        metric=metric,
    )
    accuracies = right.sum(axis=0) / asked.sum(axis=0)
    return float(accuracies.mean()), float(accuracies.std())


def k_way_interval(
    image_features: NDArray[np.floating],
    image_classes: Sequence[int],
    speech_embeddings: NDArray[np.floating],
    speech_classes: Sequence[int],
    *,
    ways: int,
    num_subsets: int = 100,
    num_bootstrap: int = 1000,
    seed: int = 0,
    metric: Similarity = "dot",
) -> Interval:
    """95 % interval of ``k_way_centroid_accuracy`` by resampling images; the subsets of classes are held fixed."""
    asked, right = _k_ways(
        image_features,
        image_classes,
        speech_embeddings,
        speech_classes,
        ways=ways,
        num_subsets=num_subsets,
        seed=seed,
        metric=metric,
    )
    # Subsets are held fixed: the interval is over images.
    counts = resampling_counts(len(asked), num_bootstrap, np.random.default_rng(seed))
    with np.errstate(invalid="ignore"):
        replicates = np.nanmean((counts @ right) / (counts @ asked), axis=1)
    low, high = np.percentile(replicates, (2.5, 97.5))
    return float(low), float(high)


def _k_ways(
    image_features: NDArray[np.floating],
    image_classes: Sequence[int],
    speech_embeddings: NDArray[np.floating],
    speech_classes: Sequence[int],
    *,
    ways: int,
    num_subsets: int,
    seed: int,
    metric: Similarity,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each image and subset (N, S): is the image's class in the subset, and is it the one chosen?"""
    # Similarity of images to the mean embedding of each class.
    scores, image_columns = _centroid_similarity(
        image_features, image_classes, speech_embeddings, speech_classes, metric
    )
    num_classes = scores.shape[1]
    if not 2 <= ways <= num_classes:
        raise MetricError.about(
            f"{ways}-way accuracy", f"there are {num_classes} classes", "choose between 2 and the number of classes"
        )
    # Subsets of the classes, the same for every model by the seed.
    rng = np.random.default_rng(seed)
    subsets = 1 if ways == num_classes else num_subsets
    asked, right = np.zeros((len(scores), subsets)), np.zeros((len(scores), subsets))
    for subset in range(subsets):
        columns = rng.permutation(num_classes)[:ways]
        rows = np.flatnonzero(np.isin(image_columns, columns))
        best = columns[scores[np.ix_(rows, columns)].argmax(axis=1)]
        asked[rows, subset] = 1.0
        right[rows, subset] = best == image_columns[rows]
    return asked, right


def leave_one_out_centroid_accuracy(
    embeddings: NDArray[np.floating], classes: Sequence[int], items: Sequence[object], *, metric: Similarity = "cosine"
) -> float:
    """Mean of ``leave_one_out_hits``, 0..1."""
    return float(leave_one_out_hits(embeddings, classes, items, metric=metric)[0].mean())


def leave_one_out_hits(
    embeddings: NDArray[np.floating], classes: Sequence[int], items: Sequence[object], *, metric: Similarity = "cosine"
) -> tuple[NDArray[np.float64], list[object]]:
    """Which utterances are nearest to the centroid of their own class, made without any utterance of the same image.

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
    right : np.ndarray [shape=(K,)]
        1.0 or 0.0 for each utterance; those that are alone in their class, with no other image, are left out.
    about : list of length K
        The image of each.

    Raises
    ------
    MetricError
        If there are fewer than two classes or no class has two images.
    """
    # Centroids of all utterances.
    check_labels(embeddings, classes, "embeddings")
    check_labels(embeddings, items, "embeddings")
    rows = check_features(embeddings, "embeddings")
    names, columns = np.unique(np.asarray(classes), return_inverse=True)
    if len(names) < 2:
        raise MetricError.about("centroid accuracy", "all utterances are of one class", "give at least two classes")
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, columns, rows)
    counts = np.bincount(columns).astype(np.float64)
    centroids = sums / counts[:, None]
    # Each image's own utterances are left out of its class.
    members: dict[object, list[int]] = {}
    for row, item in enumerate(items):
        members.setdefault(item, []).append(row)
    right: list[bool] = []
    about: list[object] = []
    for item, own_rows in members.items():
        own = columns[own_rows[0]]
        rest = counts[own] - len(own_rows)
        if rest < 1:
            continue
        held_out = centroids.copy()
        held_out[own] = (sums[own] - rows[own_rows].sum(axis=0)) / rest
        right.extend((similarity(rows[own_rows], held_out, metric=metric).argmax(axis=1) == own).tolist())
        about.extend([item] * len(own_rows))
    if not right:
        raise MetricError.about("centroid accuracy", "no class has utterances about two images", "give more images")
    return np.array(right, dtype=np.float64), about


def _centroid_similarity(
    image_features: NDArray[np.floating],
    image_classes: Sequence[int],
    speech_embeddings: NDArray[np.floating],
    speech_classes: Sequence[int],
    metric: Similarity,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Similarity (N, C) of images with the class centroids of speech, and the column of each image's own class."""
    # Every class must be spoken of.
    check_labels(image_features, image_classes, "image features")
    check_labels(speech_embeddings, speech_classes, "speech embeddings")
    spoken = np.asarray(speech_classes)
    names = np.unique(np.asarray(image_classes))
    silent = sorted(set(names.tolist()) - set(spoken.tolist()))
    if silent:
        raise MetricError.about(
            "centroid accuracy",
            f"classes {silent[:5]} have images but no utterance",
            "give utterances of every class, or leave out its images",
        )
    # Similarity to the mean embedding of each class.
    speech = check_features(speech_embeddings, "speech embeddings")
    centroids = np.stack([speech[spoken == name].mean(axis=0) for name in names])
    return similarity(image_features, centroids, metric=metric), np.searchsorted(names, np.asarray(image_classes))
