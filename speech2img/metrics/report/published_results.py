"""Published numbers with the protocol behind each, and why ours may not stand beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from speech2img.metrics.report.protocols import find_protocol
from speech2img.metrics.report.report import MetricRow, format_value

Status = Literal["confirmed", "recalled"]

METRICS: dict[str, str] = {
    "frechet_distance": "FID",
    "inception_score": "IS",
    "r_precision": "R-precision",
    "mean_average_precision_real_to_generated": "mAP",
    "recall_at_50_real_to_generated": "R@50",
}
"""Name of a metric here -> what papers call it."""


@dataclass(frozen=True)
class PublishedNumber:
    """One number of one paper."""

    corpus: str
    method: str
    input: str
    """"text" or "speech"."""
    metric: str
    """As in ``METRICS``."""
    value: float
    """Shares as parts of 1."""
    spread: float | None = None
    protocol: str | None = None
    """Name in ``PROTOCOLS``; None where the paper's own is none of them."""
    status: Status = "confirmed"
    """"recalled": quoted from memory in our fact sheet; look it up before quoting it."""
    note: str = ""


def _rows(
    corpus: str,
    method: str,
    spoken: str,
    *,
    fid: float | None = None,
    inception: tuple[float, float] | None = None,
    share: tuple[str, float] | None = None,
    protocol: str | None = None,
    recalled: str = "",
    note: str = "",
) -> list[PublishedNumber]:
    """The numbers of one row of a table; ``recalled`` names those that are."""
    # A row for each number that the table has.
    rows: list[tuple[str, float, float | None]] = []
    if fid is not None:
        rows.append(("frechet_distance", fid, None))
    if inception is not None:
        rows.append(("inception_score", *inception))
    if share is not None:
        rows.append((share[0], share[1] / 100.0, None))
    return [
        PublishedNumber(
            corpus,
            method,
            spoken,
            metric,
            value,
            spread,
            protocol,
            "recalled" if METRICS[metric] in recalled.split() else "confirmed",
            note,
        )
        for metric, value, spread in rows
    ]


_MAP, _R50, _RP = "mean_average_precision_real_to_generated", "recall_at_50_real_to_generated", "r_precision"

PUBLISHED: tuple[PublishedNumber, ...] = tuple(
    number
    for rows in (
        _rows("cub", "GAN-INT-CLS", "text", fid=68.79, inception=(2.88, 0.04), recalled="FID IS"),
        _rows("cub", "StackGAN", "text", fid=51.89, inception=(3.70, 0.04), protocol="stackgan", recalled="FID IS"),
        _rows("cub", "StackGAN-v2", "text", fid=15.30, inception=(4.04, 0.05), protocol="stackgan"),
        _rows(
            "cub",
            "StackGAN-v2, measured by S2IGAN",
            "text",
            fid=20.94,
            inception=(4.02, 0.03),
            share=(_MAP, 7.01),
            protocol="s2igan",
            recalled="FID IS mAP",
        ),
        _rows(
            "cub",
            "AttnGAN",
            "text",
            inception=(4.36, 0.03),
            share=(_RP, 67.82),
            protocol="stackgan",
            recalled="R-precision",
        ),
        _rows("cub", "AttnGAN", "text", fid=23.98, recalled="FID", note="measured by DM-GAN"),
        _rows("cub", "MirrorGAN", "text", inception=(4.56, 0.05), protocol="stackgan"),
        _rows("cub", "SEGAN", "text", inception=(4.67, 0.04), protocol="stackgan"),
        _rows(
            "cub",
            "DM-GAN",
            "text",
            inception=(4.75, 0.07),
            share=(_RP, 72.31),
            protocol="stackgan",
            recalled="IS R-precision",
        ),
        _rows("cub", "DM-GAN", "text", fid=16.09, recalled="FID"),
        _rows(
            "cub", "VQ-Diffusion", "text", fid=10.32, note="30,000 generated against 30,000 over-sampled real pictures"
        ),
        _rows("cub", "Li et al.", "speech", fid=18.37, inception=(4.09, 0.04), note="by external tools"),
        _rows(
            "cub",
            "StackGAN-v2",
            "speech",
            fid=18.94,
            inception=(4.14, 0.04),
            share=(_MAP, 8.09),
            protocol="s2igan",
            recalled="mAP",
            note="trained by the authors of S2IGAN",
        ),
        _rows(
            "cub",
            "S2IGAN",
            "speech",
            fid=14.50,
            inception=(4.29, 0.04),
            share=(_MAP, 9.04),
            protocol="s2igan",
            recalled="mAP",
        ),
        _rows("cub", "Fusion-S2iGan", "speech", fid=13.09, inception=(5.06, 0.09)),
        _rows("cub", "Speak the Art", "speech", fid=9.76, inception=(4.07, 0.05), protocol="sta"),
        _rows(
            "oxford102", "StackGAN", "text", fid=55.28, inception=(3.20, 0.01), protocol="stackgan", recalled="FID IS"
        ),
        _rows(
            "oxford102",
            "StackGAN-v2",
            "text",
            fid=50.38,
            inception=(3.35, 0.07),
            share=(_MAP, 9.88),
            protocol="s2igan",
            recalled="FID IS mAP",
        ),
        _rows("oxford102", "Li et al.", "speech", fid=54.76, inception=(3.23, 0.05), recalled="FID IS"),
        _rows(
            "oxford102",
            "StackGAN-v2",
            "speech",
            fid=54.33,
            inception=(3.69, 0.08),
            share=(_MAP, 12.18),
            protocol="s2igan",
            recalled="FID IS mAP",
        ),
        _rows(
            "oxford102",
            "S2IGAN",
            "speech",
            fid=48.64,
            inception=(3.55, 0.04),
            share=(_MAP, 13.40),
            protocol="s2igan",
            recalled="FID IS mAP",
        ),
        _rows(
            "flickr8k", "AttnGAN", "text", fid=84.08, inception=(12.37, 0.41), share=(_R50, 50.40), protocol="s2igan"
        ),
        _rows(
            "flickr8k",
            "StackGAN-v2",
            "speech",
            fid=101.74,
            inception=(8.36, 0.39),
            share=(_R50, 16.40),
            protocol="s2igan",
            note="R@50 equals that of S2IGAN: perhaps a slip of copying",
        ),
        _rows(
            "flickr8k", "S2IGAN", "speech", fid=93.29, inception=(8.72, 0.34), share=(_R50, 16.40), protocol="s2igan"
        ),
        _rows("flickr8k", "Fusion-S2iGan", "speech", fid=70.80, inception=(11.70, 0.45), share=(_R50, 34.95)),
        _rows(
            "flickr8k", "Speak the Art", "speech", fid=31.15, inception=(12.3, 0.6), share=(_R50, 43.46), protocol="sta"
        ),
    )
    for number in rows
)
"""Of Places no table could be had."""

TEST_IMAGES = {"cub": 2_933, "oxford102": 1_155, "flickr8k": 1_000, "places": 2_779}
"""Real pictures of the published test split."""
ALL_IMAGES = {"cub": 11_788, "oxford102": 8_189, "flickr8k": 8_091}
"""All real pictures of a corpus."""
TEST_CAPTIONS = {"cub": 29_330, "oxford102": 11_550, "flickr8k": 4_970, "places": 2_779}
"""Captions of the published test split, each of which gave one picture."""

_COUNT_TOLERANCE = 0.02
_STACKGAN_IMAGES = 30_000


def is_published_set(corpus: str, protocol: str | None, num_real: int | None) -> bool:
    """Whether so many real pictures can be those that a corpus's published numbers were measured against.

    Parameters
    ----------
    corpus : str
        As in ``PUBLISHED``.
    protocol : str or None
        Name of the protocol followed: "sta" takes all pictures of the corpus, the others those of the test split.
    num_real : int or None
        Real pictures measured against; None: not known.
    """
    expected = (ALL_IMAGES if protocol == "sta" else TEST_IMAGES).get(corpus)
    return expected is not None and num_real is not None and abs(num_real - expected) <= _COUNT_TOLERANCE * expected


def published_on(corpus: str, metrics: Iterable[str] = METRICS) -> list[PublishedNumber]:
    """The published numbers of a corpus, metric by metric; empty where there are none."""
    return [number for metric in metrics for number in PUBLISHED if (number.corpus, number.metric) == (corpus, metric)]


def reasons_against(
    number: PublishedNumber, ours: MetricRow, *, corpus: str, protocol: str | None, is_whole_test_set: bool
) -> tuple[str, ...]:
    """Why a number of ours may not be compared with a published one.

    Parameters
    ----------
    number : PublishedNumber
        The published one.
    ours : MetricRow
        Ours; its ``details`` hold "dimensions" where it is a distance between features, and where the network is an
        Inception its "build", "classifier" and "precision".
    corpus : str
        Ours was measured on it.
    protocol : str or None
        Name of the protocol we followed.
    is_whole_test_set : bool
        Whether the model never saw the test classes and all of the published test split was measured.

    Returns
    -------
    tuple of str
        Empty: comparable as far as the protocols are known.
    """
    # Images and protocol.
    reasons = []
    if corpus != number.corpus or not is_whole_test_set:
        reasons.append("other pictures: not the published test split as a whole")
    if number.protocol is None:
        reasons.append("its protocol is not known well enough" + (f" ({number.note})" if number.note else ""))
    elif protocol != number.protocol:
        reasons.append(f"measured by protocol {number.protocol}, ours by {protocol or 'none of the published ones'}")
    # Networks.
    if number.metric == "inception_score" and number.protocol != "sta" and corpus in ("cub", "oxford102"):
        reasons.append("its classifier, fine-tuned on the test classes, is no longer available")
    if number.metric == "frechet_distance" and ours.details.get("dimensions") != 2048:
        reasons.append(f"FID in {ours.details.get('dimensions', 'unknown')} dimensions, published in 2,048")
    reasons += _other_network(number, ours, corpus)
    # How many images.
    expected = _STACKGAN_IMAGES if number.protocol == "stackgan" else TEST_CAPTIONS.get(corpus, 0)
    if (
        number.metric in ("frechet_distance", "inception_score")
        and number.protocol is not None
        and ours.num_samples < (1.0 - _COUNT_TOLERANCE) * expected
    ):
        reasons.append(f"ours of {ours.num_samples:,} generated pictures, published of about {expected:,}")
    # What is known of the number itself.
    if number.metric == "r_precision":
        reasons.append("its encoder is the DAMSM that the generator was trained with")
    if number.status == "recalled":
        reasons.append("quoted from memory: look it up")
    return tuple(reasons)


def _other_network(number: PublishedNumber, ours: MetricRow, corpus: str) -> list[str]:
    """What differs in the network behind a number, as far as the row says."""
    reasons = []
    if number.metric == "frechet_distance" and ours.details.get("build", "fid") != "fid":
        reasons.append("not known to be features of FID's Inception")
    if number.metric.startswith(("recall_at_", "mean_average_precision")):
        network = (ours.details.get("build", "unknown"), ours.details.get("dimensions"))
        if network != ("torchvision", 2048):
            reasons.append(
                f"ranked by torchvision's Inception in 2,048 dimensions, ours by {network[0]} in {network[1]}"
            )
    if number.metric == "inception_score" and number.protocol is not None and "classifier" in ours.details:
        theirs = find_protocol(number.protocol).inception_score(corpus).classifier
        if ours.details["classifier"] != theirs:
            reasons.append(f"classifier {theirs}, ours {ours.details['classifier']}")
    if ours.details.get("precision", "float32") != "float32":
        reasons.append(f"ours in {ours.details['precision']}")
    return reasons


def comparison_markdown(
    rows: Sequence[MetricRow], *, corpus: str, protocol: str | None, is_whole_test_set: bool, made_from: str = "speech"
) -> list[str]:
    """Lines of a Markdown table with ours beside the published numbers of the same metrics; empty if there are none.

    Parameters
    ----------
    rows : sequence of MetricRow
        Ours.
    corpus, protocol, is_whole_test_set
        As for ``reasons_against``.
    made_from : str
        What our pictures were made from; empty where that is not known.
    """
    # Under each of ours the published ones, with the reasons against comparing them.
    lines: list[str] = []
    for row in rows:
        numbers = published_on(corpus, [row.name]) if row.name in METRICS else []
        if not numbers:
            continue
        label = METRICS[row.name]
        lines.append(f"| {label} | **ours**, {row.group} | {made_from} | {format_value(row)} | {protocol or 'own'} | |")
        for number in numbers:
            reasons = reasons_against(
                number, row, corpus=corpus, protocol=protocol, is_whole_test_set=is_whole_test_set
            )
            mark = "comparable" if not reasons else f"not comparable: {'; '.join(reasons)}"
            lines.append(
                f"| {label} | {number.method} | {number.input} | {_shown(number)} | "
                f"{number.protocol or 'own'} | {mark} |"
            )
    if not lines:
        return []
    return ["| metric | model | from | value | protocol | beside ours |", "|---|---|---|---|---|---|", *lines]


def _shown(number: PublishedNumber) -> str:
    if METRICS[number.metric] in ("mAP", "R@50", "R-precision"):
        return f"{100 * number.value:.2f} %"
    return f"{number.value:.2f}" + (f" ± {number.spread:.2f}" if number.spread is not None else "")
