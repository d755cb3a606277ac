"""What is measured by an Inception network and how: from its outputs, a protocol's name and the user's own wishes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from speech2img.errors import ConfigError, MetricError, with_article
from speech2img.features.base import FeatureExtractor, check_outputs
from speech2img.features.layers import POOLS
from speech2img.metrics.images.features import FeatureSettings
from speech2img.metrics.report.protocols import InceptionScoreRule, Protocol, find_protocol

USUAL_SUBSETS = 100


@dataclass(frozen=True, kw_only=True)
class InceptionPlan:
    """Everything that is decided before a picture is read."""

    settings: FeatureSettings
    """Outputs to read, with those of the score; resize filter and fit."""
    taps: tuple[str, ...]
    """Outputs for distances, small to large."""
    score: InceptionScoreRule | None = None
    """Rule of the Inception Score; None: the network has no classifier, or was not asked for it."""
    score_tap: str = "logits"
    score_label: str = ""
    """What rows of the score call the classifier; empty: the output's name."""
    score_warnings: tuple[str, ...] = ()
    """Why the score is not the protocol's."""
    allow_small: bool = False
    """Whether no more pictures than dimensions are allowed, with a warning."""
    num_subsets: int = USUAL_SUBSETS
    """Subsets of the kernel distance."""
    papers_only: bool = False
    """Whether only the distances that papers have are measured: those of FID and KID, without floors."""
    notes: tuple[str, ...] = ()
    """What a reader must know of the plan itself."""

    @property
    def real_settings(self) -> FeatureSettings:
        """What is read of real pictures: no score is measured on them."""
        return replace(self.settings, taps=self.taps)


def make_plan(
    reader: FeatureExtractor,
    *,
    protocol: str | None = None,
    taps: Sequence[str] = (),
    corpus: str = "",
    fit: str | None = None,
    side: int | None = None,
    allow_small: bool = False,
) -> InceptionPlan:
    """Decide what to measure.

    Parameters
    ----------
    reader : FeatureExtractor
        The network.
    protocol : str or None
        Name in ``PROTOCOLS``; None: resized as pytorch-fid does, at all outputs that the weights reach.
    taps : sequence of str
        Outputs wanted, of ``POOLS`` and ``logits``; empty: the protocol's, or all.
    corpus : str
        Name of the corpus, for protocols that differ by it.
    fit : str or None
        How pictures are brought to the network's size, of ``FITS``; None: the protocol's, else ``equal``.
    side : int or None
        Pixels, for ``squash`` and ``middle``.
    allow_small : bool
        Whether to compute, with a warning, a distance that is refused for too few pictures.

    Raises
    ------
    ConfigError
        For an unknown fit or output.
    MetricError
        For an unknown protocol, or outputs that these weights do not reach.
    """
    # The outputs: those asked for, those of the protocol, or all that the network has.
    named = None if protocol is None else find_protocol(protocol)
    notes: list[str] = []
    wanted = tuple(taps)
    if unknown := [tap for tap in wanted if tap not in (*POOLS, "logits")]:
        raise ConfigError.about(f"output {unknown[0]!r}", "unknown", f"use {', '.join(POOLS)} or logits")
    if wanted:
        check_outputs(reader, wanted)
    else:
        reached = tuple(tap for tap in POOLS if tap in reader.outputs)
        wanted = reached if reader.classifier is None else (*reached, "logits")
        if named is not None and named.frechet.layer in reached:
            wanted = tuple(tap for tap in wanted if tap in (named.frechet.layer, "logits"))
        elif named is not None:
            notes.append(f"{named.title} has FID at {named.frechet.layer}; these weights reach {reached[-1]} only.")
    # How images are read, and the measures that the outputs allow.
    pools = tuple(tap for tap in POOLS if tap in wanted)
    plan = InceptionPlan(
        settings=_input_settings(named, pools, fit=fit, side=side),
        taps=pools,
        allow_small=allow_small or (named is not None and named.frechet.allow_small),
        notes=tuple(notes),
        num_subsets=named.kernel_subsets[0] if named is not None and named.kernel_subsets else USUAL_SUBSETS,
    )
    return _with_score(plan, reader, protocol, corpus) if "logits" in wanted else plan


def make_score_plan(
    classifier: FeatureExtractor,
    *,
    protocol: str | None = None,
    corpus: str = "",
    fit: str | None = None,
    side: int | None = None,
) -> InceptionPlan:
    """Decide how the Inception Score of a classifier of one's own is measured: no distance, one score.

    Parameters
    ----------
    classifier : FeatureExtractor
        The classifier.
    protocol, corpus, fit, side
        As for ``make_plan``; of the protocol its splits, order and way to 299 px count.

    Raises
    ------
    ConfigError
        For an unknown fit.
    MetricError
        For an unknown protocol.
    """
    named = None if protocol is None else find_protocol(protocol)
    plan = InceptionPlan(settings=_input_settings(named, (), fit=fit, side=side), taps=(), score_label="own classifier")
    return _with_score(plan, classifier, protocol, corpus)


def _input_settings(
    named: Protocol | None, taps: tuple[str, ...], *, fit: str | None, side: int | None
) -> FeatureSettings:
    """How pictures are brought to the network: as the user wishes, else as the protocol has it."""
    if named is not None and fit is None and named.frechet.squash is not None:
        fit, side = "squash", named.frechet.squash
    resize = "legacy" if named is None else named.frechet.input_filter
    return FeatureSettings(taps=taps, resize=resize, fit=fit or "equal", side=side)


def _with_score(plan: InceptionPlan, reader: FeatureExtractor, protocol: str | None, corpus: str) -> InceptionPlan:
    """The plan with the Inception Score that this network's classifier can give."""
    # The protocol's rule of the score, as far as this network can follow it.
    own = str(reader.classifier)
    rule, warnings = InceptionScoreRule(classifier=own), []
    if protocol is not None:
        try:
            rule = find_protocol(protocol).inception_score(corpus)
        except MetricError as error:
            warnings.append(f"not by {protocol} ({error})")
    if rule.classifier != own:
        warnings.append(
            f"{protocol} has {with_article(rule.classifier)} classifier, these weights have {own}: not comparable"
        )
        rule = replace(rule, classifier=own, leave_out_first=0)
    # The FID build's customary score leaves the bias out.
    tap = "logits_unbiased" if own == "fid" else "logits"
    return replace(
        plan,
        settings=replace(plan.settings, taps=(*plan.taps, tap)),
        score=rule,
        score_tap=tap,
        score_warnings=tuple(warnings),
    )
