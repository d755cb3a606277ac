"""Recall and mAP between real and generated pictures by Inception's features, as the speech papers report them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from speech2img.errors import MetricError
from speech2img.features.base import FeatureExtractor
from speech2img.features.layers import DEEPEST, POOLS
from speech2img.images.input_filters import input_filter
from speech2img.metrics.evaluate.inputs import MetricInputs, MetricOptions
from speech2img.metrics.evaluate.registry import measure
from speech2img.metrics.functional.retrieval import queries_of_each_class, retrieval_scores
from speech2img.metrics.functional.score import Score
from speech2img.metrics.images.features import FeatureSettings, ImageFeatures
from speech2img.metrics.report.protocols import RetrievalRule, find_protocol
from speech2img.metrics.report.report import MetricReport
from speech2img.metrics.report.section import ReportSection


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Pictures that a network has read, and what each of them is about."""

    features: ImageFeatures
    items: Sequence[str | None]
    """Real picture that each belongs to (of a real one: itself); None where that is unknown."""
    classes: Sequence[str | int | None]
    """Class of each; None where that is unknown."""


def retrieval_rule(protocol: str | None) -> RetrievalRule:
    """How a protocol ranks pictures; without a protocol as "clean" does.

    Raises
    ------
    MetricError
        If the protocol is unknown, or its paper has no retrieval.
    """
    named = find_protocol(protocol or "clean")
    if named.retrieval is None:
        fix = "leave --retrieval out, or choose s2igan, sta or clean"
        raise MetricError.about(f"protocol {named.name}", "the paper ranks no pictures", fix)
    return named.retrieval


def retrieval_settings(reader: FeatureExtractor, rule: RetrievalRule) -> FeatureSettings:
    """What is read of pictures to rank them: the deepest output, in the protocol's own way to 299 px."""
    reached = [tap for tap in POOLS if tap in reader.outputs]
    return FeatureSettings(taps=(reached[-1],), resize=rule.input_filter, fit="each")


def add_retrieval_rows(
    report: MetricReport,
    generated: LabelledImages,
    real: LabelledImages,
    *,
    protocol: str | None,
    reader: FeatureExtractor,
    corpus: str = "",
    group: str = "",
    seed: int = 0,
) -> None:
    """Add recall at K, mean average precision and median rank in the directions that a protocol has.

    Parameters
    ----------
    report : MetricReport
        Where the rows go; what could not be measured goes into its notes, with the reason.
    generated, real : LabelledImages
        The two sets, read by ``retrieval_settings``.
    protocol : str or None
        Name in ``PROTOCOLS``; None: as "clean".
    reader : FeatureExtractor
        The network.
    corpus : str
        Name of the corpus, for the queries of S2IGAN's mAP.
    group : str
        What it is measured on, in words.
    seed : int
        Seed of the choice of queries and of the intervals.

    Raises
    ------
    MetricError
        If the two sets were not read alike, or the protocol has no retrieval.
    """
    # How the protocol ranks.
    rule = retrieval_rule(protocol)
    generated.features.protocol.check_comparable(real.features.protocol)
    per_class = (rule.queries_per_class or {}).get(corpus)
    ranking = _Ranking(generated, real, rule, per_class=per_class, reader=reader, seed=seed)

    # Under the words that say so.
    section = ReportSection(
        report=report,
        group=f"{group}, {ranking.tap}" if group else ranking.tap,
        network=reader.name,
        weights_sha256=reader.weights_sha256,
        images=ranking.words,
        details=ranking.details,
        warnings=ranking.warnings,
        refusal=f"{{title}}{f' of {group}' if group else ''}: not measured ({{error}}).",
    )
    measure(section, MetricInputs(ranking=ranking), MetricOptions(seed=seed))


class _Ranking:
    """The two sets as a protocol ranks them."""

    def __init__(
        self,
        generated: LabelledImages,
        real: LabelledImages,
        rule: RetrievalRule,
        *,
        per_class: int | None,
        reader: FeatureExtractor,
        seed: int,
    ) -> None:
        # What is ranked; incomplete batches were dropped by some programs.
        self._per_class = per_class
        self._generated, self._real, self._rule, self._seed = generated, real, rule, seed
        protocol = real.features.protocol
        (self.tap,) = protocol.taps
        self._kept = {side: len(side.items) - len(side.items) % rule.whole_batches_of for side in (generated, real)}
        self.words = f"cosine of the features at {self.tap}; {input_filter(protocol.resize).words}"
        if rule.whole_batches_of > 1:
            self.words += f"; pictures that do not fill a batch of {rule.whole_batches_of} are dropped"
        # How it was ranked, for the report.
        self.details: dict[str, Any] = {
            "dimensions": POOLS[self.tap],
            "build": reader.build,
            "resize": protocol.resize,
            "precision": protocol.precision,
            "generated": _protocol_of(generated),
            "real": _protocol_of(real),
            "whole_batches_of": rule.whole_batches_of,
        }
        # Where it differs from the protocol.
        self.warnings: tuple[str, ...] = ()
        if reader.build != rule.build or self.tap != DEEPEST:
            self.warnings = (
                f"the protocol ranks by 2,048 features of the {rule.build} Inception, this is {self.tap} of "
                f"{reader.build}: not comparable",
            )

    def recall(self) -> list[Score]:
        """Recall at K and median rank, where it is known which real picture each generated one is of."""
        if None in self._generated.items:
            lost = self._generated.features.ids[list(self._generated.items).index(None)]
            raise MetricError.about(
                lost,
                "its name fits no real picture, so there is no right answer",
                "name generated pictures after real ones: NAME.png, NAME_0.png, NAME_1.png, ...",
            )
        has_answer = set(self._generated.items[: self._kept[self._generated]])
        queries = [row for row in range(self._kept[self._real]) if self._real.items[row] in has_answer]
        scores = self._both(queries, list(range(self._kept[self._generated])), lambda side: side.items)
        right = "pictures generated for the same real picture are relevant"
        return [_said(score, right) for score in scores if not score.name.startswith("mean_average_precision")]

    def by_class(self) -> list[Score]:
        """Mean average precision where the class is what counts."""
        per_class = self._per_class
        # Classes must be known.
        if None in (*self._generated.classes, *self._real.classes) or len(set(self._real.classes)) < 2:
            raise MetricError.about(
                "classes", "of some pictures unknown, or one alone", "put pictures into a folder for each class"
            )
        # Some protocols ask with some images of each class only.
        queries, gallery = list(range(self._kept[self._real])), list(range(self._kept[self._generated]))
        if per_class is not None:
            names = [str(self._real.items[row]) for row in queries]
            codes = {label: number for number, label in enumerate(sorted(map(str, set(self._real.classes))))}
            chosen = set(
                queries_of_each_class(
                    names,
                    [codes[str(self._real.classes[row])] for row in queries],
                    per_class=per_class,
                    seed=self._seed,
                )
            )
            queries = [row for row, name in zip(queries, names, strict=True) if name in chosen]
            gallery = [row for row in gallery if str(self._generated.items[row]) in chosen]
        # Rank by class.
        scores = self._both(queries, gallery, lambda side: side.classes)
        asking = "every picture is a query" if per_class is None else f"{per_class} real pictures a class are queries"
        right = f"pictures of the same class are relevant, {asking}"
        return [_said(score, right) for score in scores if score.name.startswith("mean_average_precision")]

    def _both(
        self, real: list[int], generated: list[int], labels_of: Callable[[LabelledImages], Sequence[object]]
    ) -> list[Score]:
        """Scores in the rule's directions; a query without any answer in the gallery is none."""
        results: list[Score] = []
        ends = {"real": (self._real, real), "generated": (self._generated, generated)}
        # Each direction; a query whose answer is not in the gallery asks nothing.
        for direction in self._rule.directions:
            (asking, queries), (asked, gallery) = (ends[end] for end in direction.split("_to_"))
            gallery_labels = [labels_of(asked)[row] for row in gallery]
            known = set(gallery_labels)
            queries = [row for row in queries if labels_of(asking)[row] in known]
            if not queries:
                raise MetricError.about("retrieval", "no query or no gallery is left", "give more pictures")
            scores = retrieval_scores(
                asking.features.features[self.tap][queries],
                asked.features.features[self.tap][gallery],
                [labels_of(asking)[row] for row in queries],
                gallery_labels,
                ks=self._rule.ks,
            )
            results += scores.scores(direction, groups=[asking.items[row] for row in queries], seed=self._seed)
        return results


def _said(score: Score, right: str) -> Score:
    """The score with what counts as right in its protocol."""
    return replace(score, protocol=f"{score.protocol}; {right}")


def _protocol_of(images: LabelledImages) -> dict[str, Any]:
    protocol = asdict(images.features.protocol)
    return {key: protocol[key] for key in ("n", "crop", "files_sha256")}
