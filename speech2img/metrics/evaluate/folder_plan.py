"""What is measured of two folders: from the user's wishes, the network at hand and statistics that were made before."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from speech2img.errors import ConfigError, MetricError
from speech2img.features.base import FeatureExtractor
from speech2img.features.layers import DEEPEST, POOLS
from speech2img.metrics.evaluate.plan import InceptionPlan, make_plan
from speech2img.metrics.images.features import FeatureSettings
from speech2img.metrics.images.sets import ImageSet, check_against_network
from speech2img.metrics.report.protocols import find_protocol


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """How two sets are compared."""

    protocol: str | None = None
    """Name in ``PROTOCOLS``; None: as pytorch-fid, at all outputs that the weights reach."""
    taps: tuple[str, ...] = ()
    """Outputs wanted; empty: the protocol's, or all."""
    fit: str | None = None
    """Of ``FITS``; None: the protocol's, else pictures of unequal sizes are refused."""
    side: int | None = None
    """Pixels, for ``squash`` and ``middle``."""
    allow_small: bool = False
    """Compute, with a warning, a FID of no more pictures than dimensions."""
    retrieval: bool = False
    """Also rank pictures against each other, those of the same name or folder being relevant."""
    ema: str = "not told by a folder"
    """Whether averaged weights made the generated pictures, in words."""
    corpus: str = ""
    """Corpus whose published numbers are shown beside, or empty."""
    seed: int = 0
    batch_size: int = 16
    workers: int = 2


def plan_distances(
    reader: FeatureExtractor | None, stored: Iterable[ImageSet], settings: FolderSettings, *, has_images: bool
) -> InceptionPlan:
    """What to measure between two sides; statistics of a file restrict it to the outputs that they are of.

    Parameters
    ----------
    reader : FeatureExtractor or None
        The network; None where both sides are statistics.
    stored : iterable of ImageSet
        The sides that are statistics.
    settings : FolderSettings
        What is wished.
    has_images : bool
        Whether a side is pictures.

    Raises
    ------
    ConfigError
        If there are pictures but no network, or an output is wished that the statistics do not have.
    MetricError
        If statistics do not fit each other, the network or the protocol, or no output is left for distances.
    """
    # Outputs that all statistics files have in common.
    files = list(stored)
    common = tuple(tap for tap in POOLS if all(tap in statistics.taps for statistics in files)) if files else ()
    if files and not common:
        listed = " and ".join(", ".join(statistics.taps) for statistics in files)
        raise MetricError.about("statistics", f"of {listed}", "give those of one output of the network")
    pools = tuple(tap for tap in settings.taps if tap in POOLS)
    if files and (lacking := [tap for tap in pools if tap not in common]):
        raise ConfigError.about(
            files[0].name, f"statistics of {', '.join(common)}, not of {lacking[0]}", f"choose --taps {common[-1]}"
        )
    # Statistics on both sides: nothing is left to be read.
    if not has_images:
        _check_filter(files, settings.protocol)
        chosen = pools or common
        return InceptionPlan(settings=FeatureSettings(taps=chosen), taps=chosen, allow_small=settings.allow_small)
    if reader is None:
        raise ConfigError.about(
            "evaluate",
            "no network reads the pictures",
            "give --network with pt_inception-2015-12-05-*.pth, or what 'speech2img import fid-inception' made of it",
        )
    # The outputs asked for, or those of the protocol.
    wanted = settings.taps
    if files and not pools:
        also = "logits" in wanted or (not wanted and reader.classifier is not None)
        wanted = (*_of_protocol(common, settings.protocol), *(("logits",) if also else ()))
    plan = make_plan(
        reader,
        protocol=settings.protocol,
        taps=wanted,
        corpus=settings.corpus,
        fit=settings.fit,
        side=settings.side,
        allow_small=settings.allow_small,
    )
    if not plan.taps:
        raise ConfigError.about("--taps logits", "no output for distances", f"add {DEEPEST}, or leave --taps out")
    # Statistics of another network cannot be compared.
    for statistics in files:
        check_against_network(statistics, reader, plan.settings)
    return plan


def plan_score(reader: FeatureExtractor, settings: FolderSettings) -> InceptionPlan:
    """The Inception Score of generated pictures alone: no output for distances is read.

    Raises
    ------
    MetricError
        If the network has no classifier.
    """
    # An Inception Score needs a classifier.
    if reader.classifier is None:
        raise MetricError.about(
            reader.name,
            "no classifier, and without real pictures only an Inception Score can be measured",
            "give --real, weights that reach the classifier, or --classifier",
        )
    plan = make_plan(
        reader,
        protocol=settings.protocol,
        taps=("logits",),
        corpus=settings.corpus,
        fit=settings.fit,
        side=settings.side,
    )
    return replace(plan, notes=(*plan.notes, "No real pictures: FID, KID, precision and recall need them."))


def _of_protocol(taps: tuple[str, ...], protocol: str | None) -> tuple[str, ...]:
    """A protocol's own output where the statistics have it, else all of theirs."""
    layer = None if protocol is None else find_protocol(protocol).frechet.layer
    return (layer,) if layer in taps else taps


def _check_filter(stored: Iterable[ImageSet], protocol: str | None) -> None:
    """Refuse statistics whose resize filter is not that of the protocol they are said to follow."""
    wanted = None if protocol is None else find_protocol(protocol).frechet.input_filter
    for statistics in stored:
        if wanted is not None and statistics.protocol is not None and statistics.protocol.resize != wanted:
            raise MetricError.about(
                statistics.name,
                f"pictures resized by {statistics.protocol.resize}, protocol {protocol} by {wanted}",
                "make the statistics again with that --protocol",
            )
