"""What Inception says of a model's pictures: the same numbers as for two folders, beside the rest of its report."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.corpora.records.utterances import ManifestLike
from speech2img.errors import ConfigError
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_classifier import ImageClassifierExtractor
from speech2img.metrics.evaluate.model_groups import EvaluatedGroup
from speech2img.metrics.evaluate.plan import InceptionPlan, make_plan, make_score_plan
from speech2img.metrics.evaluate.retrieval_rows import (
    LabelledImages,
    add_retrieval_rows,
    retrieval_rule,
    retrieval_settings,
)
from speech2img.metrics.evaluate.rows import add_inception_rows, add_score_row
from speech2img.metrics.evaluate.yardsticks.training_images import training_ids
from speech2img.metrics.functional.class_probe import FEWEST_IMAGES
from speech2img.metrics.images.features import FeatureSettings, ImageFeatures, extract_features
from speech2img.metrics.images.real_images import ImageStoreLike, RealImages
from speech2img.metrics.images.sets import ImageSet
from speech2img.metrics.images.sources import ArrayImages, ImageSource
from speech2img.metrics.report.protocols import find_protocol
from speech2img.metrics.report.published_results import comparison_markdown, is_published_set
from speech2img.metrics.report.report import MetricReport


class InceptionMetrics:
    """Measures each group of an evaluation against all real pictures of its split, at the size of the generated ones.

    Parameters
    ----------
    reader : FeatureExtractor or None
        The network; None where ``classifier`` alone reads.
    manifest : ManifestLike
        The corpus.
    size : int
        Side of the generated pictures in pixels.
    store : ImageStoreLike or None
        Prepared real pictures.
    work : Path or None
        Folder for finished features.
    protocol : str or None
        Name in ``PROTOCOLS``; None: resized as pytorch-fid does, at all outputs that the weights reach.
    classifier : ImageClassifierExtractor or None
        A classifier of one's own, for an Inception Score of generated and of real pictures.
    warnings : sequence of str
        What the report must say of the classifier: that the model was trained with the network it is made of.
    retrieval : bool
        Also rank real and generated pictures by the network's features, as the protocol does.
    allow_small : bool
        Whether to compute, with a warning, a distance that is refused for too few pictures.
    seed, batch_size, workers
        As for ``extract_features`` and the measures.
    progress : bool
        Show progress bars.

    Raises
    ------
    ConfigError
        If there is neither a network nor a classifier, or retrieval without a network.
    MetricError
        For an unknown protocol, or retrieval by one that has none.
    """

    def __init__(
        self,
        reader: FeatureExtractor | None,
        manifest: ManifestLike,
        *,
        size: int,
        classifier: ImageClassifierExtractor | None = None,
        warnings: Sequence[str] = (),
        retrieval: bool = False,
        store: ImageStoreLike | None = None,
        work: Path | None = None,
        protocol: str | None = None,
        allow_small: bool = False,
        seed: int = 0,
        batch_size: int = 16,
        workers: int = 2,
        progress: bool = True,
    ) -> None:
        if reader is None and (retrieval or classifier is None):
            raise ConfigError.about("--retrieval", "no network ranks the pictures", "give --inception")
        self._reader, self._manifest, self._work, self._protocol = reader, manifest, work, protocol
        self._classifier, self._warnings = classifier, tuple(warnings)
        self._rule = retrieval_rule(protocol) if retrieval else None
        self._plan = (
            None
            if reader is None
            else make_plan(reader, protocol=protocol, corpus=manifest.corpus, allow_small=allow_small)
        )
        self._real = RealImages(manifest, size=size, store=store)
        self._seed, self._batch_size, self._workers, self._progress = seed, batch_size, workers, progress

    def __call__(self, report: MetricReport, group: EvaluatedGroup) -> None:
        """Add the rows of one group, and what the protocol does and the papers have."""
        # Both sides.
        split = group.records[0].split
        ids = [item.id for item in self._manifest.items if item.split == split]
        generated = ArrayImages(group.images, name=f"generated, {group.name}")
        real = SplitImages(self._real, ids, name=f"real, {split}")
        before = len(report.rows)
        # What was asked for.
        if self._reader is not None and self._plan is not None:
            self._add_distances(report, group, generated, real, self._reader, self._plan)
            self._add_retrieval(report, group, generated, real, self._reader)
        if self._classifier is not None:
            self._add_own_score(report, group, generated, real, self._classifier)
        if self._protocol is not None:
            report.sections[f"Protocol {self._protocol}"] = [
                f"- {line}" for line in find_protocol(self._protocol).describe()
            ]
        # Published numbers of the same split.
        lines = comparison_markdown(
            [row for row in report.rows[before:] if row.name != "frechet_distance" or self._is_deepest(row.group)],
            corpus=self._manifest.corpus,
            protocol=self._protocol,
            is_whole_test_set=split == "test" and is_published_set(self._manifest.corpus, self._protocol, len(ids)),
        )
        if lines:
            report.sections[f"Beside published numbers: {group.name}"] = lines

    def _is_deepest(self, group: str) -> bool:
        return self._plan is not None and group.endswith(self._plan.taps[-1])

    def _add_distances(
        self,
        report: MetricReport,
        group: EvaluatedGroup,
        generated: ImageSource,
        real: ImageSource,
        reader: FeatureExtractor,
        plan: InceptionPlan,
    ) -> None:
        class_of = {item.id: item.class_id for item in self._manifest.items}
        shown = [class_of[item_id] for item_id in real.ids]
        described = [class_of[record.item_id] for record in group.records]
        # A corpus may have a class for each picture: then there are none to be told apart.
        has_classes = min(Counter(shown).values()) >= FEWEST_IMAGES
        made, true = (
            ImageSet(
                source.name,
                self._read(source, reader, settings),
                classes=classes if has_classes else None,
                images=source,
            )
            for source, settings, classes in ((generated, plan.settings, described), (real, plan.real_settings, shown))
        )
        # As many training pictures as were generated.
        names = training_ids(self._manifest, most=len(group.records), seed=self._seed)
        training = None
        if len(names) > 1:
            source = SplitImages(self._real, names, name="real, train")
            training = ImageSet(source.name, self._read(source, reader, plan.real_settings), images=source)
        add_inception_rows(
            report,
            made,
            true,
            plan,
            reader=reader,
            training=training,
            group=group.name,
            seed=self._seed,
            progress=self._progress,
        )
        report.notes += [note for note in plan.notes if note not in report.notes]

    def _add_retrieval(
        self,
        report: MetricReport,
        group: EvaluatedGroup,
        generated: ImageSource,
        real: ImageSource,
        reader: FeatureExtractor,
    ) -> None:
        if self._rule is None:
            return
        # Each by its class and the image it is about.
        wanted = retrieval_settings(reader, self._rule)
        class_of = {item.id: item.class_id for item in self._manifest.items}
        items = [record.item_id for record in group.records]
        add_retrieval_rows(
            report,
            LabelledImages(self._read(generated, reader, wanted), items, [class_of[item] for item in items]),
            LabelledImages(self._read(real, reader, wanted), real.ids, [class_of[item] for item in real.ids]),
            protocol=self._protocol,
            reader=reader,
            corpus=self._manifest.corpus,
            group=group.name,
            seed=self._seed,
        )

    def _add_own_score(
        self,
        report: MetricReport,
        group: EvaluatedGroup,
        generated: ImageSource,
        real: ImageSource,
        classifier: ImageClassifierExtractor,
    ) -> None:
        plan = make_score_plan(classifier, protocol=self._protocol, corpus=self._manifest.corpus)
        plan = replace(plan, score_warnings=(*plan.score_warnings, *self._warnings))
        for source, are_real in ((generated, False), (real, True)):
            image_set = ImageSet(source.name, self._read(source, classifier, plan.settings))
            add_score_row(
                report, image_set, plan, reader=classifier, group=group.name, are_real=are_real, seed=self._seed
            )
        if classifier.facts not in report.notes:
            report.notes.append(classifier.facts)

    def _read(self, source: ImageSource, reader: FeatureExtractor, settings: FeatureSettings) -> ImageFeatures:
        return extract_features(
            source,
            reader,
            settings=settings,
            batch_size=self._batch_size,
            workers=self._workers,
            work=self._work,
            progress=self._progress,
        )


class SplitImages:
    """Real pictures of a corpus at one size, as a source; read one at a time.

    Parameters
    ----------
    real : RealImages
        The pictures.
    ids : sequence of str
        Which.
    name : str
        What messages call them.
    """

    def __init__(self, real: RealImages, ids: list[str], *, name: str) -> None:
        self._real = real
        self.ids = sorted(ids)
        self.name = name
        self.crop = real.protocol

    def read(self, index: int) -> tuple[Image.Image, str]:
        """See ``ImageSource``."""
        pixels = np.ascontiguousarray(self._real.read([self.ids[index]])[0])
        return Image.fromarray(pixels), hashlib.sha256(pixels.tobytes()).hexdigest()

    def fingerprint(self) -> str:
        """See ``ImageSource``; every pixel counts."""
        digest = hashlib.sha256()
        for index, item in enumerate(self.ids):
            digest.update(f"{item} {self.read(index)[1]}\n".encode())
        return digest.hexdigest()
