"""One table of the same pictures as each of several papers would count them, and which file is missing for the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from speech2img.errors import ConfigError, MetricError
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_classifier import ImageClassifierExtractor
from speech2img.features.layers import DEEPEST
from speech2img.metrics.evaluate.folder_plan import FolderSettings
from speech2img.metrics.evaluate.folder_retrieval import add_folder_retrieval
from speech2img.metrics.evaluate.plan import InceptionPlan, make_plan, make_score_plan
from speech2img.metrics.evaluate.rows import add_inception_rows, add_score_row
from speech2img.metrics.images.features import FeatureSettings, extract_features
from speech2img.metrics.images.sets import ImageSet, check_count
from speech2img.metrics.images.sources import ImageSource
from speech2img.metrics.report.place import require_report_place
from speech2img.metrics.report.protocols import Protocol, find_protocol
from speech2img.metrics.report.report import MetricReport, MetricRow, format_value

TITLE = "The same pictures by each protocol"
MISSING = {
    "fid": "pt_inception-2015-12-05-6726825d.pth with its softmax (folded files and the TorchScript file have none)",
    "torchvision": "inception_v3_google-0cc3c7bd.pth",
    "fine-tuned": "StackGAN's inception_finetuned_models, which nobody publishes any more (a run of 'train "
    "classifier' as --classifier gives another score, not comparable)",
}
"""Classifier of an Inception Score -> file that has it."""
ALWAYS = ("frechet_distance", "kernel_distance", "inception_score")
COLUMNS = {
    "frechet_distance": "FID",
    "kernel_distance": "KID",
    "inception_score": "Inception Score",
    "recall_at_50_real_to_generated": "R@50",
    "mean_average_precision_real_to_generated": "mAP",
}
"""Metric -> heading; those of rankings only where they were measured."""
_FID_FILE = "the FID Inception to its 2,048 pool: pt_inception-2015-12-05-6726825d.pth, or both folded files"


@dataclass(frozen=True)
class ProtocolSides:
    """Pictures as one protocol takes them."""

    generated: ImageSource
    real: ImageSource


def evaluate_protocols(
    sides: Mapping[str, ProtocolSides],
    *,
    readers: Sequence[FeatureExtractor],
    classifier: ImageClassifierExtractor | None = None,
    settings: FolderSettings,
    out: Path,
    progress: bool = True,
) -> MetricReport:
    """Measure pictures by several protocols in one pass and write ``report.json`` and ``report.md``.

    Parameters
    ----------
    sides : Mapping of str to ProtocolSides
        Name in ``PROTOCOLS`` -> generated and real pictures, cropped and turned as the protocol does.
    readers : sequence of FeatureExtractor
        Published networks, of different names; each protocol takes those that it needs.
    classifier : ImageClassifierExtractor or None
        Stands in for a fine-tuned classifier, with a warning.
    settings : FolderSettings
        ``protocol`` is not used.
    out : Path
        Folder of the report; features that two protocols share are read once.
    progress : bool
        Show progress bars.

    Returns
    -------
    MetricReport
        A group a protocol, and the table as a section.

    Raises
    ------
    ConfigError
        If there is no network, or something else lies where the report would be.
    DataError, ImageError
        If a picture cannot be used.
    MetricError
        If no number can be measured.
    """
    # What can be refused before a picture is read.
    require_report_place(out)
    if not readers and classifier is None:
        raise ConfigError.about("--protocol", "no network reads the pictures", "give --network")
    for side in sides.values():
        check_count(side.generated)
        check_count(side.real)
    report = MetricReport(
        title="Generated pictures by several protocols",
        model={"pictures": next(iter(sides.values())).generated.name},
        corpus={"name": settings.corpus} if settings.corpus else {},
        settings={"seed": settings.seed, "protocols": ", ".join(sides), "averaged weights": settings.ema},
        every_row={"ema": settings.ema},
    )
    # Protocol by protocol.
    evaluation = _Protocols(report, readers, classifier, settings, out / "work", progress)
    missing = {name: evaluation.measure(find_protocol(name), side) for name, side in sides.items()}
    if not report.rows:
        lacking = "; ".join(dict.fromkeys(line for lines in missing.values() for line in lines))
        raise MetricError.about("--protocol", f"no number can be had ({lacking})", "give those files as --network")
    report.sections[TITLE] = table_of(report.rows, missing)
    report.save(out)
    return report


class _Protocols:
    """What all protocols of one evaluation share."""

    def __init__(
        self,
        report: MetricReport,
        readers: Sequence[FeatureExtractor],
        classifier: ImageClassifierExtractor | None,
        settings: FolderSettings,
        work: Path,
        progress: bool,
    ) -> None:
        self.report, self.readers, self.classifier, self.settings = report, readers, classifier, settings
        self.work, self.progress = work, progress

    def measure(self, protocol: Protocol, sides: ProtocolSides) -> list[str]:
        """Add the rows of one protocol; what could not be computed for want of a file, in words."""
        missing: list[str] = []
        # Distances by the network of FID.
        layer = protocol.frechet.layer
        reader = next((one for one in self.readers if one.build == "fid" and layer in one.outputs), None)
        if reader is None:
            missing.append(f"FID: {_FID_FILE}")
        else:
            plan = replace(self._plan(reader, protocol, layer), papers_only=True)
            made = self._read(sides.generated, reader, replace(plan.settings, taps=plan.taps))
            true = self._read(sides.real, reader, plan.real_settings)
            plan = replace(plan, score=None)
            add_inception_rows(
                self.report,
                made,
                true,
                plan,
                reader=reader,
                group=protocol.name,
                seed=self.settings.seed,
                progress=self.progress,
            )
        # The score by the classifier of the paper.
        wanted = protocol.inception_score(self.settings.corpus).classifier
        scorer = next((one for one in self.readers if one.classifier == wanted), None)
        if scorer is not None:
            self._add_score(self._plan(scorer, protocol, "logits"), scorer, protocol, sides)
        else:
            missing.append(f"Inception Score: {MISSING[wanted]}")
            if wanted == "fine-tuned" and self.classifier is not None:
                plan = make_score_plan(
                    self.classifier,
                    protocol=protocol.name,
                    corpus=self.settings.corpus,
                    fit=self._fit(protocol),
                    side=self.settings.side,
                )
                self._add_score(plan, self.classifier, protocol, sides)
        # Rankings, where they are asked for and the paper has them.
        rule = protocol.retrieval
        if self.settings.retrieval and rule is not None:
            ranker = next((one for one in self.readers if one.build == rule.build and DEEPEST in one.outputs), None)
            if ranker is None:
                missing.append(f"recall and mAP: {MISSING[rule.build] if rule.build == 'torchvision' else _FID_FILE}")
            else:
                own = replace(self.settings, protocol=protocol.name)
                pictures = sides.generated, sides.real
                add_folder_retrieval(
                    self.report, *pictures, ranker, own, work=self.work, progress=self.progress, group=protocol.name
                )
        return missing

    def _add_score(
        self, plan: InceptionPlan, scorer: FeatureExtractor, protocol: Protocol, sides: ProtocolSides
    ) -> None:
        images = self._read(sides.generated, scorer, plan.settings)
        add_score_row(self.report, images, plan, reader=scorer, group=protocol.name, seed=self.settings.seed)

    def _plan(self, reader: FeatureExtractor, protocol: Protocol, tap: str) -> InceptionPlan:
        settings = self.settings
        return make_plan(
            reader,
            protocol=protocol.name,
            taps=(tap,),
            corpus=settings.corpus,
            fit=self._fit(protocol),
            side=settings.side,
            allow_small=settings.allow_small,
        )

    def _fit(self, protocol: Protocol) -> str | None:
        """As asked for; else the protocol's own, and without one each picture as it is."""
        return self.settings.fit or (None if protocol.frechet.squash is not None else "each")

    def _read(self, source: ImageSource, reader: FeatureExtractor, wanted: FeatureSettings) -> ImageSet:
        settings = self.settings
        features = extract_features(
            source,
            reader,
            settings=wanted,
            batch_size=settings.batch_size,
            workers=settings.workers,
            work=self.work,
            progress=self.progress,
        )
        return ImageSet(source.name, features)


def table_of(rows: Sequence[MetricRow], missing: Mapping[str, Sequence[str]]) -> list[str]:
    """Lines of Markdown: a row a protocol, with what is missing for its empty cells.

    Parameters
    ----------
    rows : sequence of MetricRow
        Their groups begin with the protocol's name.
    missing : Mapping of str to sequence of str
        Protocol -> what could not be computed, and the file that it needs.
    """
    measured = {row.name for row in rows}
    columns = {name: title for name, title in COLUMNS.items() if name in measured or name in ALWAYS}
    lines = [
        f"| protocol | {' | '.join(columns.values())} | pictures | missing |",
        f"|---|{'---|' * (len(columns) + 2)}",
    ]
    for name, lacking in missing.items():
        own = {row.name: row for row in rows if row.group.split(", ")[0] == name}
        cells = [format_value(own[metric]) if metric in own else "–" for metric in columns]
        count = next((f"{row.num_samples:,}" for row in own.values()), "–")
        lines.append(f"| {name} | {' | '.join(cells)} | {count} | {'; '.join(lacking) or 'nothing'} |")
    return lines
