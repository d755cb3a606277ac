"""R-precision: does a generated picture match its own caption better than 99 captions of other pictures?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import canonical_order, codes_of, mean_interval
from speech2img.metrics.functional.feature_statistics import check_features
from speech2img.metrics.functional.retrieval import TIE, unit_rows
from speech2img.metrics.functional.score import Score

_BLOCK = 1 << 22


def r_precision(
    images: NDArray[np.floating],
    captions: NDArray[np.floating],
    true_captions: Sequence[int],
    caption_items: Sequence[object],
    *,
    num_candidates: int = 100,
    num_folds: int = 10,
    image_ids: Sequence[str] | None = None,
    caption_ids: Sequence[str] | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> Score:
    """Share of pictures whose own caption is the nearest of one true and ``num_candidates`` - 1 random ones.

    Parameters
    ----------
    images : np.ndarray [shape=(N, D), finite]
        Embeddings of the generated pictures by an encoder that no generator was trained with.
    captions : np.ndarray [shape=(M, D), finite]
        Embeddings of captions or utterances in the same space.
    true_captions : sequence of int, length N
        Row in ``captions`` of the caption that each picture was made from.
    caption_items : sequence of length M
        What each caption is about. The wrong ones are drawn among captions of other items; captions of the same
        wording should have the same item.
    num_candidates : int
        Captions a picture chooses among, >= 2.
    num_folds : int
        Folds for the spread; the pictures are dealt by the seed.
    image_ids, caption_ids : sequences of str, optional
        Names: with them a seed draws alike however the files were listed.
    num_bootstrap : int
        Resamples of items for the interval; 0: no interval.
    seed : int
        Seed of the draws.

    Returns
    -------
    Score
        "r_precision", 0..1; chance is 1 / num_candidates.

    Raises
    ------
    MetricError
        If there are too few captions of other items, or lengths or dimensions disagree.

    Notes
    -----
    Xu et al. 2018 (AttnGAN, arXiv:1711.10485), section 4: cosine, R = 1 of 100, 30,000 pictures, ten folds. A picture
    whose own caption ties with a wrong one has not found it.
    """
    # Images and captions of one space, labelled row by row.
    own, texts = check_features(images, "pictures"), check_features(captions, "captions")
    if own.shape[1] != texts.shape[1]:
        raise MetricError.about(
            "R-precision",
            f"pictures of {own.shape[1]}, captions of {texts.shape[1]} dimensions",
            "use embeddings of the same space",
        )
    true = np.asarray(true_captions)
    if len(true) != len(own) or len(caption_items) != len(texts):
        raise MetricError.about(
            "R-precision",
            f"{len(true)} true captions for {len(own)} pictures, {len(caption_items)} items for {len(texts)} captions",
            "give one label a row",
        )
    if true.dtype.kind not in "iu" or true.min() < 0 or true.max() >= len(texts):
        raise MetricError.about("R-precision", "a true caption is no row of the captions", "give row numbers")
    if not 1 <= num_folds <= len(own) or num_candidates < 2:
        raise MetricError.about(
            "R-precision",
            f"{num_folds} folds of {len(own)} pictures, {num_candidates} candidates",
            "use fewer folds, and at least 2 candidates",
        )
    # Each image's own caption, and others drawn from other items.
    items = codes_of(caption_items)
    order, caption_order = canonical_order(own, image_ids), canonical_order(texts, caption_ids)
    rng = np.random.default_rng(seed)
    candidates = _draw(true[order], items, caption_order, num_candidates - 1, rng)
    # Right where its own is nearest by more than rounding.
    right = np.empty(len(own))
    own, texts = unit_rows(own), unit_rows(texts)
    step = max(1, _BLOCK // (num_candidates * own.shape[1]))
    for start in range(0, len(own), step):
        rows = order[start : start + step]
        cosines = np.einsum("nd,ncd->nc", own[rows], texts[candidates[start : start + step]])
        right[rows] = cosines[:, 0] > cosines[:, 1:].max(axis=1) + TIE
    # Spread over folds, interval over items.
    folds = np.array_split(right[order[rng.permutation(len(order))]], num_folds)
    return Score(
        name="r_precision",
        value=float(right.mean()),
        num_samples=len(own),
        seed=seed,
        is_share=True,
        spread=float(np.std([fold.mean() for fold in folds])) if num_folds > 1 else None,
        interval=mean_interval(right, groups=items[true].tolist(), num_bootstrap=num_bootstrap, seed=seed),
        protocol=f"share of pictures nearest (cosine) to their own caption among {num_candidates}, the others drawn "
        f"from other items; a tie counts as wrong; ± over {num_folds} fold(s); interval by {num_bootstrap:,} "
        "resamples of items",
        settings={
            "num_candidates": num_candidates,
            "num_folds": num_folds,
            "num_captions": len(texts),
            "chance": 1.0 / num_candidates,
        },
    )


def _draw(
    true: NDArray[np.int64],
    items: NDArray[np.int64],
    caption_order: NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Rows (N, 1 + count) of captions: the true one, then others of other items without replacement."""
    # Captions by item, in an order that does not depend on the files.
    ordered_items = items[caption_order]
    members = np.argsort(ordered_items, kind="stable")
    edges = np.searchsorted(ordered_items[members], np.arange(items.max() + 2))
    drawn = np.empty((len(true), 1 + count), dtype=np.int64)
    for row, caption in enumerate(true):
        own = members[edges[items[caption]] : edges[items[caption] + 1]]
        others = len(items) - len(own)
        if others < count:
            raise MetricError.about(
                "R-precision",
                f"{others} captions of other items, {count} are drawn",
                "give more captions, or use fewer candidates",
            )
        # Drawn from all but the item's own: numbers are shifted past these.
        places = rng.choice(others, count, replace=False, shuffle=False)
        places += np.searchsorted(own - np.arange(len(own)), places, side="right")
        drawn[row, 0] = caption
        drawn[row, 1:] = caption_order[places]
    return drawn
