"""Any two sets of pictures, from whichever model: FID, KID, Inception Score, precision and recall into a report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speech2img.errors import ConfigError, MetricError
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_classifier import ImageClassifierExtractor
from speech2img.images.input_filters import input_filter
from speech2img.metrics.evaluate.folder_plan import FolderSettings, plan_distances, plan_score
from speech2img.metrics.evaluate.folder_retrieval import add_folder_retrieval
from speech2img.metrics.evaluate.plan import InceptionPlan, make_score_plan
from speech2img.metrics.evaluate.retrieval_rows import retrieval_rule
from speech2img.metrics.evaluate.rows import NOT_STATED, add_inception_rows, add_score_row
from speech2img.metrics.evaluate.several.networks import ThreeSides, add_ratio_rows
from speech2img.metrics.evaluate.yardsticks.nearest_sheet import add_sheet_of_files
from speech2img.metrics.images.features import FeatureSettings, extract_features
from speech2img.metrics.images.fits import fit_words
from speech2img.metrics.images.folders import several_note, unused_notes
from speech2img.metrics.images.sets import ImageSet, check_count, read_statistics, save_set
from speech2img.metrics.images.sources import FileImages, ImageSource
from speech2img.metrics.report.place import require_report_place, require_statistics_place
from speech2img.metrics.report.protocols import find_protocol
from speech2img.metrics.report.published_results import comparison_markdown, is_published_set
from speech2img.metrics.report.report import MetricReport

NO_PROTOCOL = "none: resized as pytorch-fid does; but photographs with an orientation tag are turned upright"
"""What is done without a protocol; pytorch-fid itself reads photographs as they are stored."""
Side = ImageSource | Path
"""Pictures, or the ``.npz`` with statistics of such."""


def evaluate_folders(
    generated: Side | None,
    real: Side | None,
    *,
    reader: FeatureExtractor | None,
    settings: FolderSettings,
    out: Path,
    training: ImageSource | None = None,
    more_readers: Sequence[FeatureExtractor] = (),
    classifier: ImageClassifierExtractor | None = None,
    save_stats: Path | None = None,
    progress: bool = True,
) -> MetricReport | None:
    """Compare generated with real pictures and write ``report.json`` and ``report.md``.

    Parameters
    ----------
    generated : ImageSource, Path or None
        The pictures or their statistics; None to make statistics of the real ones alone.
    real : ImageSource, Path or None
        The same of the real pictures; None for an Inception Score of the generated ones alone.
    reader : FeatureExtractor or None
        The network; None if both sides are statistics, or ``classifier`` alone reads.
    settings : FolderSettings
        How to compare.
    out : Path
        Folder of the report; finished features are kept in its ``work``, where an interrupted call resumes.
    training : ImageSource or None
        Real training pictures: what the same measures give them, and how near the generated ones lie to them.
    more_readers : sequence of FeatureExtractor
        Further networks, of other names: with training pictures, how far the generated ones are by each, as ratios.
    classifier : ImageClassifierExtractor or None
        A classifier of one's own, for an Inception Score beside that of ``reader``.
    save_stats : Path or None
        Write the statistics of the real pictures, at every output that is read, here.
    progress : bool
        Show progress bars on standard error.

    Returns
    -------
    MetricReport or None
        None without generated pictures.

    Raises
    ------
    ConfigError
        If there are pictures but no network, nothing to do, or something else lies where the report would be.
    DataError, ImageError
        If a picture, folder or statistics file cannot be used; it is named.
    MetricError
        If the two sides were not read alike, or no number can be measured.
    """
    evaluation = _Evaluation(generated, real, reader, classifier, settings, out, progress, training, more_readers)
    evaluation.check(save_stats)
    evaluation.read_distances()
    if save_stats is not None and evaluation.true is not None:
        save_set(save_stats, evaluation.true)
    if generated is None:
        return None
    return evaluation.measure()


def notes_on_files(generated: Side | None, real: Side | None) -> tuple[list[str], list[str]]:
    """What a reader must know of the files of both sides: notes, and the list of those that were not used."""
    notes: list[str] = []
    listing: list[str] = []
    for name, side in (("generated", generated), ("real", real)):
        if isinstance(side, FileImages):
            unused, lines = unused_notes(name, side.passed)
            notes += [*unused, *several_note(name, side.several())]
            listing += lines
    return notes, listing


class _Evaluation:
    """One comparison: its sides, networks and settings."""

    def __init__(
        self,
        generated: Side | None,
        real: Side | None,
        reader: FeatureExtractor | None,
        classifier: ImageClassifierExtractor | None,
        settings: FolderSettings,
        out: Path,
        progress: bool,
        training: ImageSource | None = None,
        more_readers: Sequence[FeatureExtractor] = (),
    ) -> None:
        self.training, self.more_readers = training, more_readers
        self.generated, self.real, self.reader, self.classifier = generated, real, reader, classifier
        self.settings, self.out, self.progress = settings, out, progress
        sides = [side for side in (generated, real) if side is not None]
        self.stored = {side: read_statistics(side) for side in sides if isinstance(side, Path)}
        self.images = [side for side in sides if not isinstance(side, Path)]
        for side in self.images:
            check_count(side)
        self.plan: InceptionPlan | None = None
        self.made: ImageSet | None = None
        self.true: ImageSet | None = None

    def check(self, save_stats: Path | None) -> None:
        """Refuse what makes no sense before any picture is read."""
        # Places that can be written.
        if save_stats is not None:
            require_statistics_place(save_stats)
        if self.generated is not None:
            require_report_place(self.out)
        # Sides that fit together.
        if isinstance(self.real, Path) and (save_stats is not None or self.generated is None):
            raise ConfigError.about(self.real, "statistics already", "give a folder of real pictures to make them of")
        if self.generated is None and save_stats is None:
            raise ConfigError.about("evaluate", "no generated pictures", "give --generated, or --save-stats")
        no_images = self.generated is None or isinstance(self.generated, Path)
        if self.real is None and (no_images or save_stats is not None or self.settings.retrieval):
            raise ConfigError.about("evaluate", "no real pictures", "give --real, --list-real, or a corpus with --root")
        # Measures that need images rather than statistics.
        if self.training is not None and (len(self.images) < 2 or self.reader is None):
            raise ConfigError.about(
                "--train", "it stands beside two folders of pictures", "give --generated, --real and --network"
            )
        if self.classifier is not None and no_images:
            raise ConfigError.about("--classifier", "no generated pictures for it to read", "give --generated a folder")
        if self.more_readers and self.training is None:
            reason = "several networks give ratios to what training pictures have, and there are none"
            raise ConfigError.about("--network", reason, "give --train, or one network")
        if self.settings.retrieval:
            retrieval_rule(self.settings.protocol)
            if self.reader is None or len(self.images) < 2:
                raise ConfigError.about(
                    "--retrieval", "it ranks pictures of both sides by a network", "give --network and two folders"
                )

    def read(self, side: Side | None, network: FeatureExtractor | None, wanted: FeatureSettings) -> ImageSet | None:
        """One side: read by a network, or as its file has it."""
        # Statistics are there already; images are read, and kept for the next call.
        if side is None or isinstance(side, Path):
            return None if side is None else self.stored[side]
        assert network is not None
        return ImageSet(
            side.name,
            images=side,
            features=extract_features(
                side,
                network,
                settings=wanted,
                batch_size=self.settings.batch_size,
                workers=self.settings.workers,
                work=self.out / "work",
                progress=self.progress,
            ),
        )

    def read_distances(self) -> None:
        """Both sides as the distances and the network's own score need them."""
        if self.real is not None and (self.reader is not None or self.stored or self.classifier is None):
            self.plan = plan_distances(self.reader, self.stored.values(), self.settings, has_images=bool(self.images))
        elif self.real is None and self.reader is not None:
            self.plan = plan_score(self.reader, self.settings)
        elif self.classifier is None:
            raise ConfigError.about(
                "evaluate",
                "no network reads the pictures",
                "give --network with Inception's weights, or --classifier with a run of 'train classifier'",
            )
        if self.plan is not None:
            self.made = self.read(self.generated, self.reader, self.plan.settings)
            self.true = self.read(self.real, self.reader, self.plan.real_settings)

    def measure(self) -> MetricReport:
        """Every number into a report, and the report into its folder."""
        report = self._report()
        # Distances where there are two sides, else the score of one.
        if self.plan is not None and self.made is not None:
            if self.true is not None:
                training = self.read(self.training, self.reader, self.plan.real_settings)
                add_inception_rows(
                    report,
                    self.made,
                    self.true,
                    self.plan,
                    reader=self.reader,
                    training=training,
                    seed=self.settings.seed,
                    progress=self.progress,
                )
                if training is not None:
                    tap, path = self.plan.taps[-1], self.out / "nearest-1.png"
                    add_sheet_of_files(report, self.made, self.true, training, tap, path, seed=self.settings.seed)
            else:
                add_score_row(report, self.made, self.plan, reader=self.reader, seed=self.settings.seed)
        # Measures that were asked for.
        if self.classifier is not None:
            self._add_own_score(report, self.classifier)
        if self.settings.retrieval and self.reader is not None:
            made, true = self.images
            add_folder_retrieval(
                report, made, true, self.reader, self.settings, work=self.out / "work", progress=self.progress
            )
        if self.more_readers and self.training is not None and self.reader is not None:
            made, true = self.images
            sides = ThreeSides(made, true, self.training)
            add_ratio_rows(
                report,
                sides,
                (self.reader, *self.more_readers),
                self.settings,
                work=self.out / "work",
                progress=self.progress,
            )
        # A report without a number is none.
        if not report.rows:
            raise MetricError.about("evaluation", " ".join(report.notes), "give more pictures, or --allow-small")
        self._compare(report)
        report.save(self.out)
        return report

    def _add_own_score(self, report: MetricReport, classifier: ImageClassifierExtractor) -> None:
        """Inception Score by a classifier of one's own; of the real pictures too, as its yardstick."""
        plan = make_score_plan(
            classifier,
            protocol=self.settings.protocol,
            corpus=self.settings.corpus,
            fit=self.settings.fit,
            side=self.settings.side,
        )
        report.notes.append(classifier.facts)
        for side, are_real in ((self.generated, False), (self.real, True)):
            if side is not None and not isinstance(side, Path):
                images = self.read(side, classifier, plan.settings)
                assert images is not None
                add_score_row(report, images, plan, reader=classifier, are_real=are_real, seed=self.settings.seed)

    def _report(self) -> MetricReport:
        settings, plan, reader = self.settings, self.plan, self.reader
        # Who read what, and how.
        described: dict[str, Any] = {
            "seed": settings.seed,
            "protocol": settings.protocol or NO_PROTOCOL,
            "averaged weights": settings.ema,
        }
        if reader is not None and plan is not None:
            described |= {
                "network": reader.name,
                "weights": reader.weights_sha256,
                "precision": reader.precision,
                "resize": input_filter(plan.settings.resize).words,
                "fit": fit_words(plan.settings.fit, plan.settings.side),
            }
        if self.classifier is not None:
            described |= {"classifier": self.classifier.name, "classifier's weights": self.classifier.weights_sha256}
        report = MetricReport(
            title="Generated pictures" + (" against real ones" if self.real is not None else ""),
            model=_side(self.made, self.generated),
            corpus={**({"name": settings.corpus} if settings.corpus else {}), **_side(self.true, self.real)},
            settings=described,
            notes=[] if plan is None else list(plan.notes),
            every_row={"ema": settings.ema},
        )
        # What the numbers do not say.
        notes, listing = notes_on_files(self.generated, self.real)
        report.notes += notes
        if listing:
            report.sections["Files that were not used"] = listing
        if settings.protocol is not None:
            report.sections[f"Protocol {settings.protocol}"] = [
                f"- {line}" for line in find_protocol(settings.protocol).describe()
            ]
            report.notes.append(
                "Two folders do not tell how pictures were chosen, drawn and cropped: of the protocol, resizing, "
                "network outputs, splits and order are followed here, and with --retrieval its ranking; the rest is "
                "yours to have followed."
            )
        return report

    def _compare(self, report: MetricReport) -> None:
        settings = self.settings
        if not settings.corpus:
            return
        # Rows that published ones can stand beside.
        tap = self.plan.taps[-1] if self.plan is not None and self.plan.taps else ""
        num_real = None if self.true is None else self.true.num_samples
        lines = comparison_markdown(
            [row for row in report.rows if row.group == tap or row.name != "frechet_distance"],
            corpus=settings.corpus,
            protocol=settings.protocol,
            made_from="",
            is_whole_test_set=is_published_set(settings.corpus, settings.protocol, num_real),
        )
        if lines:
            report.sections["Beside published numbers"] = [
                *lines,
                "",
                "Whether the pictures are those of the published split is judged by their number alone.",
            ]
        else:
            report.notes.append(f"There are no published numbers of {settings.corpus} to compare with.")


def _side(images: ImageSet | None, source: Side | None) -> dict[str, Any]:
    """One side in the head of a report."""
    if images is None:
        return {} if source is None else {"pictures": str(source) if isinstance(source, Path) else source.name}
    return {
        "pictures": images.name,
        "n": images.num_samples or NOT_STATED,
        "files sha256": NOT_STATED if images.protocol is None else images.protocol.files_sha256,
    }
