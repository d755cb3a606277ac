"""The whole measurement of a model: utterances in, pictures judged, report out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from speech2img.corpora.records.items import CLASS_HEADS
from speech2img.corpora.records.utterances import ManifestLike, UtteranceRecord, utterances_of
from speech2img.corpora.registry import facts_of
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import MetricError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import FeatureExtractor, FeatureReading, read_images
from speech2img.metrics.evaluate import model_rows as measures
from speech2img.metrics.evaluate.utterances import choose_utterances
from speech2img.metrics.functional.spoken_attributes import per_picture
from speech2img.metrics.images.real_images import ImageStoreLike, RealPictures
from speech2img.metrics.images.sets import repetition_note
from speech2img.metrics.report.html_page import DiversityEntry, GalleryEntry, PageData, write_page
from speech2img.metrics.report.place import require_report_place
from speech2img.metrics.report.report import MetricReport
from speech2img.storage.atomic import atomic_path, write_json
from speech2img.storage.progress import Progress, track

CHUNK = 32
DIVERSITY_UTTERANCES = 8
DIVERSITY_PICTURES = 8
Renderer = Callable[[Mapping[str, str], int, int], NDArray[np.uint8]]
"""(attributes, seed, size) -> picture (size, size, 3): draws a real picture anew."""


class SpeechPipeline(Protocol):
    """What the evaluation asks of a model."""

    name: str
    """What reports call it."""
    weights_sha256: str
    image_size: int
    """Side of its pictures in pixels."""
    painting: Mapping[str, Any]
    """How it draws pictures, for the protocol."""
    needs_frames: bool
    """Whether its generator takes what `encode_speech` gives in the place of embeddings."""

    def encode_paths(self, paths: Any) -> NDArray[np.float32]:
        """Embeddings (N, D) of recordings."""

    def encode_speech(self, recordings: Any) -> EncodedSpeech:
        """The same with the frames; only asked for where the generator needs them."""

    def generate(
        self,
        embeddings: Any,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: bool = False,
        first_index: int | None = None,
    ) -> Any:
        """Pictures (N, num_images, S, S, 3) uint8, or a list of such arrays, one a stage; noise by seed and index."""


@dataclass(frozen=True)
class PaintedGroup:
    """The utterances of one split, with all that was made of them."""

    name: str
    records: list[UtteranceRecord]
    embeddings: NDArray[np.float32]
    pictures: NDArray[np.uint8]
    real: NDArray[np.uint8]
    first_index: int


GroupMeasure = Callable[[MetricReport, PaintedGroup], None]
"""Adds rows about one group to the report."""


def evaluate_pipeline(
    pipeline: SpeechPipeline,
    manifest: ManifestLike,
    *,
    splits: Sequence[str] = ("test_seen", "test"),
    judge: AttributeClassifier | None = None,
    network: FeatureExtractor | None = None,
    image_store: ImageStoreLike | None = None,
    retrieval: Mapping[str, measures.RetrievalArrays] | None = None,
    renderer: Renderer | None = None,
    curves: Mapping[str, Path] | None = None,
    num_utterances: int = 200,
    num_shown: int = 24,
    seed: int = 0,
    extras: Sequence[GroupMeasure] = (),
    notes: Sequence[str] = (),
    ema: str = "not told",
    out: Path,
    progress: bool = True,
) -> MetricReport:
    """Measure a model on utterances it never heard, and write the report and the page.

    Parameters
    ----------
    pipeline : SpeechPipeline
        The model: ``encode_paths`` and ``generate``.
    manifest : ManifestLike
        The corpus, with recordings.
    splits : sequence of str
        Parts of the corpus to measure on, each a group of its own; training parts are refused.
    judge : AttributeClassifier or None
        Reads the attributes; None where the corpus knows none (no spoken-attribute accuracy then).
    network : FeatureExtractor or None
        Its features stand behind Frechet distance, Inception Score and diversity; None: the judge.
    image_store : ImageStoreLike or None
        Prepared real pictures; None: the files are read.
    retrieval : Mapping[str, RetrievalArrays] or None
        Teacher features by split, for class-centroid accuracy and AP@50.
    renderer : callable or None
        Draws real pictures of one bird with other seeds, beside which diversity is read.
    curves : Mapping[str, Path] or None
        Name -> ``stats.jsonl`` of the training runs, for the page.
    num_utterances : int
        Utterances of each split.
    num_shown : int
        Utterances on the page, over all splits, drawn by the seed.
    seed : int
        Seed of the choice of utterances, of the generator's noise and of the resampling.
    extras : sequence of callables
        More to be measured of every group, after all else.
    notes : sequence of str
        What a reader of the report must know of what it was given.
    ema : str
        Whether the generator's weights are averaged over the training, in words; goes with every number.
    out : Path
        Folder for ``report.json``, ``report.md``, ``report.html``, ``utterances.json`` and ``pictures/``.
    progress : bool
        Show progress bars on standard error.

    Returns
    -------
    MetricReport
        All numbers.

    Raises
    ------
    ConfigError
        If something else than a report lies where the report would be.
    MetricError
        If there is neither a judge nor a network, or a split is a training split.
    DataError
        If a split has no recorded utterances.
    """
    require_report_place(out)
    features = network if network is not None else judge
    if features is None:
        raise MetricError.about("evaluation", "neither a judge nor a feature network", "give one of them")
    if "train" in splits or not splits:
        raise MetricError.about(
            f"splits {', '.join(splits) or '(none)'}",
            "a model is not measured on its training data",
            "choose test_seen, test or val",
        )
    real_pictures = RealPictures(manifest, size=pipeline.image_size, store=image_store)
    facts = facts_of(manifest)
    kind = facts.classes
    groups: list[PaintedGroup] = []
    for split in splits:
        recorded = utterances_of(manifest, [split], by_manner=facts.manner)
        records = choose_utterances(recorded, count=num_utterances, seed=seed)
        first = sum(len(group.records) for group in groups)
        groups.append(
            _paint(pipeline, records, _group_name(split, kind), first, real_pictures, seed=seed, progress=progress)
        )
    report = MetricReport(
        title=f"{pipeline.name}: from speech to pictures",
        model={
            "name": pipeline.name,
            "weights_sha256": pipeline.weights_sha256,
            "picture size": pipeline.image_size,
            "averaged weights": ema,
            **pipeline.painting,
        },
        every_row={"ema": ema},
        corpus={
            "name": manifest.corpus,
            "splits": ", ".join(splits),
            "utterances": sum(len(group.records) for group in groups),
        },
        settings={"seed": seed, "utterances a split": num_utterances, "real pictures": real_pictures.protocol},
        judge_accuracy=dict(judge.accuracy) if judge is not None else {},
        notes=list(notes),
    )
    for group in groups:
        distinct = len({picture.tobytes() for picture in group.pictures})
        if note := repetition_note(f"{group.name}, generated", distinct, len(group.pictures)):
            report.notes.append(note)
    readings, real_readings = _judge_all(report, groups, judge, kind=kind, seed=seed, progress=progress)
    for group in track(groups, what="likeness", unit="group", progress=progress):
        _measure_likeness(report, group, manifest, real_pictures, features, seed=seed)
        _measure_retrieval(report, group, pipeline, (retrieval or {}).get(group.records[0].split), seed=seed)
    diversity = _measure_diversity(
        report, groups, pipeline, manifest, real_pictures, features, renderer, seed=seed, progress=progress
    )
    for measure in extras:
        for group in groups:
            measure(report, group)
    gallery = _gallery(groups, pipeline, readings, real_readings, count=num_shown, seed=seed)
    write_json(
        out / "utterances.json",
        [
            {
                "id": record.id,
                "group": group.name,
                "voice": record.voice,
                "held_out_voice": record.held_out_voice,
                "text": record.text,
                "class": record.class_name,
                "mentions": dict(record.mentions),
                "read": readings.get(record.id),
                "read_off_real": real_readings.get(record.id),
            }
            for group in groups
            for record in group.records
        ],
    )
    for group in groups:
        for record, picture in zip(group.records, group.pictures, strict=True):
            with atomic_path(out / "pictures" / f"{record.id.replace('/', '__')}.png") as path:
                Image.fromarray(picture).save(path, format="PNG")
    report.save(out)
    write_page(out / "report.html", PageData(report, gallery, diversity, curves or {}))
    return report


def _group_name(split: str, kind: str) -> str:
    return {"test_seen": f"seen {kind}", "test": f"unseen {kind}", "val": f"seen {kind}, validation"}.get(split, split)


def _paint(
    pipeline: SpeechPipeline,
    records: list[UtteranceRecord],
    name: str,
    first_index: int,
    real: RealPictures,
    *,
    seed: int,
    progress: bool,
) -> PaintedGroup:
    embeddings: list[NDArray[np.float32]] = []
    pictures: list[NDArray[np.uint8]] = []
    real_parts: list[NDArray[np.uint8]] = []
    with Progress(total=len(records), what=f"pictures, {name}", unit="utterance", progress=progress) as bar:
        for start, chunk in _chunks(records):
            speech = _speech(pipeline, chunk)
            embeddings.append(speech.sentences if isinstance(speech, EncodedSpeech) else speech)
            pictures.append(pipeline.generate(speech, seed=seed, first_index=first_index + start)[:, 0])
            real_parts.append(real.read([record.item_id for record in chunk]))
            bar.update(len(chunk))
    return PaintedGroup(
        name, records, np.concatenate(embeddings), np.concatenate(pictures), np.concatenate(real_parts), first_index
    )


def _speech(
    pipeline: SpeechPipeline, records: Sequence[UtteranceRecord], embeddings: NDArray[np.float32] | None = None
) -> NDArray[np.float32] | EncodedSpeech:
    """What a generator takes of utterances: embeddings, already known or not, or with frames where it needs them."""
    recordings = [record.audio for record in records]
    if pipeline.needs_frames:
        return pipeline.encode_speech(recordings)
    return pipeline.encode_paths(recordings) if embeddings is None else embeddings


def _judge_all(
    report: MetricReport,
    groups: Sequence[PaintedGroup],
    judge: AttributeClassifier | None,
    *,
    kind: str,
    seed: int,
    progress: bool,
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Spoken-attribute accuracy of every group, of its voices, and of all groups together; readings by utterance."""
    readings: dict[str, dict[str, str]] = {}
    real_readings: dict[str, dict[str, str]] = {}
    if judge is None:
        report.notes.append("No judge: the corpus does not know what its pictures show, so no attribute is measured.")
        return readings, real_readings
    for group in track(groups, what="judge", unit="group", progress=progress):
        ids = [record.id for record in group.records]
        readings |= dict(zip(ids, per_picture(judge.predict(group.pictures)), strict=True))
        real_readings |= dict(zip(ids, per_picture(judge.predict(group.real)), strict=True))

    def measure(name: str, records: Sequence[UtteranceRecord]) -> None:
        mentions = [_said(record, judge) for record in records]
        if sum(bool(mention) for mention in mentions) < 2:
            report.notes.append(f"{name}: fewer than two utterances mention an attribute, so none is measured.")
            return
        measures.add_spoken_attributes(
            report,
            name,
            [readings[record.id] for record in records],
            mentions,
            [real_readings[record.id] for record in records],
            manner=records[0].by_manner,
            judge=judge,
            seed=seed,
        )

    for group in groups:
        measure(group.name, group.records)
        for voices, held_out in (("voices heard in training", False), ("unseen voices", True)):
            part = [record for record in group.records if record.held_out_voice == held_out]
            if 1 < len(part) < len(group.records):
                measure(f"{group.name}, {voices}", part)
    if len(groups) > 1:
        measure(f"all {kind}", [record for group in groups for record in group.records])
    return readings, real_readings


def _said(record: UtteranceRecord, judge: AttributeClassifier) -> dict[str, str]:
    """What the judge can read of what an utterance says; in a corpus that records no mentions, the class was said."""
    if record.mentions:
        return {name: value for name, value in record.mentions.items() if name in judge.heads}
    return {head: record.class_name for head in CLASS_HEADS if record.class_name in judge.heads.get(head, ())}


def _measure_likeness(
    report: MetricReport,
    group: PaintedGroup,
    manifest: ManifestLike,
    real_pictures: RealPictures,
    network: FeatureExtractor,
    *,
    seed: int,
) -> None:
    used = {record.item_id for record in group.records}
    rest = [item.id for item in manifest.items if item.split == group.records[0].split and item.id not in used]
    rng = np.random.default_rng(seed)
    others: FeatureReading | None = None
    if len(rest) >= len(group.records):
        picked = [rest[row] for row in rng.permutation(len(rest))[: len(group.records)]]
        others = read_images(network, real_pictures.read(picked))
    measures.add_distribution_metrics(
        report,
        group.name,
        read_images(network, group.pictures),
        read_images(network, group.real),
        others,
        network=network,
        real_protocol=f"{real_pictures.protocol}, of the same utterances",
        seed=seed,
    )


def _measure_retrieval(
    report: MetricReport,
    group: PaintedGroup,
    pipeline: SpeechPipeline,
    arrays: measures.RetrievalArrays | None,
    *,
    seed: int,
) -> None:
    classes = [record.class_id for record in group.records]
    items = [record.item_id for record in group.records]
    measures.add_speech_retrieval(
        report,
        group.name,
        group.embeddings,
        classes,
        items,
        model=pipeline.name,
        model_sha256=pipeline.weights_sha256,
        seed=seed,
    )
    if arrays is not None:
        measures.add_cross_retrieval(report, group.name, arrays, group.embeddings, classes, seed=seed)


def _measure_diversity(
    report: MetricReport,
    groups: Sequence[PaintedGroup],
    pipeline: SpeechPipeline,
    manifest: ManifestLike,
    real_pictures: RealPictures,
    network: FeatureExtractor,
    renderer: Renderer | None,
    *,
    seed: int,
    progress: bool,
) -> list[DiversityEntry]:
    rng = np.random.default_rng(seed)
    group = groups[0]
    rows = sorted(rng.permutation(len(group.records))[:DIVERSITY_UTTERANCES].tolist())
    entries: list[DiversityEntry] = []
    for row in track(rows, what="diversity", unit="utterance", progress=progress):
        record = group.records[row]
        many = pipeline.generate(
            _speech(pipeline, [record], group.embeddings[row : row + 1]),
            seed=seed,
            num_images=DIVERSITY_PICTURES,
            first_index=group.first_index + row,
        )[0]
        fitting = [item.id for item in manifest.items if _fits(record, item)]
        picked = [fitting[index] for index in rng.permutation(len(fitting))[:DIVERSITY_PICTURES]]
        drawn = None
        if renderer is not None and record.attributes is not None:
            drawn = np.stack(
                [
                    renderer(record.attributes, 1_000_003 + number, pipeline.image_size)
                    for number in range(DIVERSITY_PICTURES)
                ]
            )
        entries.append(DiversityEntry(record, many, real_pictures.read(picked) if len(picked) > 1 else None, drawn))
    varied = f"generated, one utterance, {DIVERSITY_PICTURES} noises"
    sets: dict[str, list[NDArray[np.uint8]]] = {
        varied: [entry.generated for entry in entries],
        "generated, one picture each of all utterances": [group.pictures[:256]],
        "real pictures that fit one utterance": [entry.fitting for entry in entries if entry.fitting is not None],
        "real renders of one bird": [entry.drawn for entry in entries if entry.drawn is not None],
    }
    measures.add_diversity(
        report, {name: pictures for name, pictures in sets.items() if pictures}, network=network, seed=seed
    )
    drawn_sets = sets["real renders of one bird"] or sets["real pictures that fit one utterance"]
    if drawn_sets and measures.is_collapsed(sets[varied], drawn_sets, network=network):
        report.notes.append(
            f"Collapsed: pictures of one utterance vary less than {measures.COLLAPSED:.0%} of what "
            "real pictures of one description do; the generator ignores its noise."
        )
    return entries


def _fits(record: UtteranceRecord, item: Any) -> bool:
    """Whether a real picture shows all that the utterance says (or, where that is unknown, is of the same class)."""
    if item.attributes is None or not record.mentions:
        return bool(item.class_id == record.class_id)
    return all(item.attributes.get(name) == value for name, value in record.mentions.items())


def _gallery(
    groups: Sequence[PaintedGroup],
    pipeline: SpeechPipeline,
    readings: Mapping[str, Mapping[str, str]],
    real_readings: Mapping[str, Mapping[str, str]],
    *,
    count: int,
    seed: int,
) -> list[GalleryEntry]:
    rng = np.random.default_rng(seed)
    entries: list[GalleryEntry] = []
    for group in groups:
        share = min(len(group.records), -(-count // len(groups)))
        for row in sorted(rng.permutation(len(group.records))[:share].tolist()):
            record = group.records[row]
            speech = _speech(pipeline, [record], group.embeddings[row : row + 1])
            stages = pipeline.generate(speech, seed=seed, return_stages=True, first_index=group.first_index + row)
            entries.append(
                GalleryEntry(
                    record,
                    group.name,
                    [stage[0, 0] for stage in stages],
                    group.real[row],
                    readings.get(record.id),
                    real_readings.get(record.id),
                )
            )
    return entries


def _chunks(records: list[UtteranceRecord]) -> Iterator[tuple[int, list[UtteranceRecord]]]:
    for start in range(0, len(records), CHUNK):
        yield start, records[start : start + CHUNK]
