"""The whole measurement of a model: utterances in, pictures judged, report out."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from speech2img.corpora.records.items import CLASS_HEADS
from speech2img.corpora.records.utterances import ManifestLike, UtteranceRecord, utterances_of
from speech2img.corpora.registry import contents_of, facts_of
from speech2img.errors import MetricError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import FeatureExtractor, FeatureReading, read_images
from speech2img.metrics.evaluate import model_rows as measures
from speech2img.metrics.evaluate.attngan.attended_images import DrawAttention, add_attended
from speech2img.metrics.evaluate.model_groups import (
    OWN_VOICES,
    EvaluatedGroup,
    GroupMeasure,
    OnError,
    SpeechPipeline,
    choose_utterances,
    generate_group,
    group_name,
    with_languages,
)
from speech2img.metrics.evaluate.model_samples import Renderer, gallery_entries, measure_diversity
from speech2img.metrics.evaluate.yardsticks.floors import NO_TRAINING
from speech2img.metrics.evaluate.yardsticks.nearest_sheet import nearest_sheet, save_sheet
from speech2img.metrics.evaluate.yardsticks.training_images import TrainingImages, training_ids
from speech2img.metrics.functional.memorisation import memorisation
from speech2img.metrics.functional.spoken_attributes import per_image
from speech2img.metrics.images.real_images import ImageStoreLike, RealImages
from speech2img.metrics.report.html_page import PageData, write_page
from speech2img.metrics.report.place import require_report_place
from speech2img.metrics.report.report import MetricReport
from speech2img.storage.atomic import atomic_path, write_json
from speech2img.storage.progress import track


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
    attention: DrawAttention | None = None,
    notes: Sequence[str] = (),
    on_error: OnError | None = None,
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
        Parts of the corpus to measure on, each a group of its own; training parts are refused. A corpus of several
        languages is measured as a whole and language by language.
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
    attention : callable or None
        Draws what an image listened to; None for a model that attends to nothing.
    notes : sequence of str
        What a reader of the report must know of what it was given.
    on_error : callable, optional
        Called with an utterance whose recording cannot be used, and the error; by default the error is raised.
    ema : str
        Whether the generator's weights are averaged over the training, in words; goes with every number.
    out : Path
        Folder for ``report.json``, ``report.md``, ``report.html``, ``utterances.json``, ``pictures/`` and sheets.
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
    AudioError
        If a recording cannot be used, and nobody is to be told; or fewer than two of a split can.
    """
    # What can be refused before anything is generated.
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
    # Generate an image of each utterance.
    real_images = RealImages(manifest, size=pipeline.image_size, store=image_store)
    facts = facts_of(manifest)
    kind = facts.classes
    groups: list[EvaluatedGroup] = []
    generate = partial(generate_group, real=real_images, seed=seed, on_error=on_error, progress=progress)
    for split in splits:
        recorded = utterances_of(manifest, [split], by_manner=facts.manner)
        records = choose_utterances(recorded, count=num_utterances, seed=seed)
        first = sum(group.num_chosen for group in groups)
        groups.append(generate(pipeline, records, group_name(split, kind), first))
    # The report; it names languages only where there are several.
    codes = sorted({record.language for group in groups for record in group.records})
    several = len(codes) > 1
    report = MetricReport(
        title=f"{pipeline.name}: from speech to pictures",
        model={
            "name": pipeline.name,
            "weights_sha256": pipeline.weights_sha256,
            "picture size": pipeline.image_size,
            "averaged weights": ema,
            **pipeline.sampling,
        },
        every_row={"ema": ema},
        corpus={
            "name": manifest.corpus,
            **contents_of(manifest),
            "splits": ", ".join(splits),
            **({"languages": ", ".join(codes)} if several else {}),
            "utterances": sum(len(group.records) for group in groups),
        },
        settings={"seed": seed, "utterances a split": num_utterances, "real pictures": real_images.protocol},
        judge_accuracy=dict(judge.accuracy) if judge is not None else {},
        notes=[*notes, *(note for group in groups for note in group.notes())],
    )
    # What the judge reads, and how far the images are from real ones.
    readings, real_readings = _judge_all(report, groups, judge, kind=kind, seed=seed, progress=progress)
    training = None
    if training_ids(manifest, most=1, seed=seed):
        training = TrainingImages(manifest, real_images, features, seed=seed, progress=progress)
    else:
        report.notes.append(f"{NO_TRAINING}.")
    sheets: dict[str, NDArray[np.uint8]] = {}
    for group in track(groups, what="likeness", unit="group", progress=progress):
        sheet = _measure_distribution(report, group, manifest, real_images, features, training, seed=seed)
        if sheet is not None:
            sheets[group.name] = sheet
            path = out / f"nearest-{len(sheets)}.png"
            report.sections[f"Nearest training pictures: {group.name}"] = save_sheet(sheet, path)
        _measure_retrieval(report, group, pipeline, (retrieval or {}).get(group.records[0].split), seed=seed)
    diversity = measure_diversity(
        report, groups, pipeline, manifest, real_images, features, renderer, seed=seed, progress=progress
    )
    # Measures that were asked for.
    for measure in extras:
        for group in groups:
            measure(report, group)
    attended = [] if attention is None else add_attended(report, groups, attention, out, seed=seed)
    gallery = gallery_entries(groups, pipeline, readings, real_readings, count=num_shown, seed=seed)
    # What was measured, for others to use.
    write_json(
        out / "utterances.json",
        [
            {
                "id": record.id,
                "group": group.name,
                "voice": record.voice,
                "held_out_voice": record.held_out_voice,
                **({"language": record.language} if several else {}),
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
    # The images, the numbers, and the page.
    for group in groups:
        for record, image in zip(group.records, group.images, strict=True):
            with atomic_path(out / "pictures" / f"{record.id.replace('/', '__')}.png") as path:
                Image.fromarray(image).save(path, format="PNG")
    report.save(out)
    write_page(out / "report.html", PageData(report, gallery, diversity, curves or {}, sheets, attended))
    return report


def _judge_all(
    report: MetricReport,
    groups: Sequence[EvaluatedGroup],
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
    # The judge reads generated and real images alike.
    for group in track(groups, what="judge", unit="group", progress=progress):
        ids = [record.id for record in group.records]
        readings |= dict(zip(ids, per_image(judge.predict(group.images)), strict=True))
        real_readings |= dict(zip(ids, per_image(judge.predict(group.real)), strict=True))

    def measure(name: str, records: Sequence[UtteranceRecord]) -> None:
        mentions = [readable_mentions(record, judge) for record in records]
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

    def measure_voices(name: str, records: Sequence[UtteranceRecord]) -> None:
        measure(name, records)
        for held_out, voices in OWN_VOICES.items():
            part = [record for record in records if record.held_out_voice == held_out]
            if 1 < len(part) < len(records):
                measure(f"{name}, {voices}", part)

    # Each group, its languages where it has several, their voices heard and unheard.
    for group in groups:
        for name, rows in with_languages(group.name, group.records).items():
            measure_voices(name, [group.records[row] for row in rows])
    # All groups together, and their languages.
    together = [record for group in groups for record in group.records]
    for name, rows in with_languages(f"all {kind}", together).items() if len(groups) > 1 else ():
        measure(name, [together[row] for row in rows])
    return readings, real_readings


def readable_mentions(record: UtteranceRecord, judge: AttributeClassifier) -> dict[str, str]:
    """What the judge can read of what an utterance says; in a corpus that records no mentions, the class was said."""
    if record.mentions:
        return {name: value for name, value in record.mentions.items() if name in judge.heads}
    return {head: record.class_name for head in CLASS_HEADS if record.class_name in judge.heads.get(head, ())}


def _measure_distribution(
    report: MetricReport,
    group: EvaluatedGroup,
    manifest: ManifestLike,
    real_images: RealImages,
    network: FeatureExtractor,
    training: TrainingImages | None,
    *,
    seed: int,
) -> NDArray[np.uint8] | None:
    """Distances of a group and of real pictures; the sheet of its nearest training pictures, where there are any."""
    # Other real images of the same split show how far real ones are from each other.
    used = {record.item_id for record in group.records}
    rest = [item.id for item in manifest.items if item.split == group.records[0].split and item.id not in used]
    rng = np.random.default_rng(seed)
    others: FeatureReading | None = None
    if len(rest) >= len(group.records):
        picked = [rest[row] for row in rng.permutation(len(rest))[: len(group.records)]]
        others = read_images(network, real_images.read(picked))
    generated, real = read_images(network, group.images), read_images(network, group.real)
    measures.add_distribution_metrics(
        report,
        group.name,
        generated,
        real,
        others,
        network=network,
        real_protocol=f"{real_images.protocol}, of the same utterances",
        training=training,
        seed=seed,
    )
    if training is None:
        return None
    found = memorisation(generated.features, real.features, training.features)
    return nearest_sheet(lambda rows: group.images[list(rows)], training.read, found, seed=seed)


def _measure_retrieval(
    report: MetricReport,
    group: EvaluatedGroup,
    pipeline: SpeechPipeline,
    arrays: measures.RetrievalArrays | None,
    *,
    seed: int,
) -> None:
    # By class and by the very image: all utterances, and those of each language where there are several.
    for name, rows in with_languages(group.name, group.records).items():
        embeddings = group.embeddings[list(rows)]
        classes = [group.records[row].class_id for row in rows]
        items = [group.records[row].item_id for row in rows]
        measures.add_speech_retrieval(
            report,
            name,
            embeddings,
            classes,
            items,
            model=pipeline.name,
            model_sha256=pipeline.weights_sha256,
            seed=seed,
        )
        if arrays is not None:
            measures.add_cross_retrieval(report, name, arrays, embeddings, classes, seed=seed)
