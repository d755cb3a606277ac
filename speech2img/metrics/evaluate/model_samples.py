"""Images of single utterances: how they vary with the noise, and a gallery of them for the page of the report."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech2img.corpora.records.utterances import ManifestLike, UtteranceRecord
from speech2img.features.base import FeatureExtractor
from speech2img.metrics.evaluate import model_rows as measures
from speech2img.metrics.evaluate.model_groups import EvaluatedGroup, SpeechPipeline, speech_of
from speech2img.metrics.images.real_images import RealImages
from speech2img.metrics.report.html_page import DiversityEntry, GalleryEntry
from speech2img.metrics.report.report import MetricReport
from speech2img.storage.progress import track

DIVERSITY_UTTERANCES = 8
DIVERSITY_IMAGES = 8
Renderer = Callable[[Mapping[str, str], int, int], NDArray[np.uint8]]
"""(attributes, seed, size) -> picture (size, size, 3): draws a real picture again."""


def measure_diversity(
    report: MetricReport,
    groups: Sequence[EvaluatedGroup],
    pipeline: SpeechPipeline,
    manifest: ManifestLike,
    real_images: RealImages,
    network: FeatureExtractor,
    renderer: Renderer | None,
    *,
    seed: int,
    progress: bool,
) -> list[DiversityEntry]:
    """Rows on how images of one utterance vary; and the images, beside real ones, for the page."""
    # Some utterances, each generated several times.
    rng = np.random.default_rng(seed)
    group = groups[0]
    rows = sorted(rng.permutation(len(group.records))[:DIVERSITY_UTTERANCES].tolist())
    entries: list[DiversityEntry] = []
    for row in track(rows, what="diversity", unit="utterance", progress=progress):
        record = group.records[row]
        varied_images = pipeline.generate(
            speech_of(pipeline, [record], group.embeddings[row : row + 1]),
            seed=seed,
            num_images=DIVERSITY_IMAGES,
            first_index=group.noise_index(row),
        )[0]
        # Real images that fit the same description, and renders of the same bird.
        fitting = [item.id for item in manifest.items if _fits(record, item)]
        picked = [fitting[index] for index in rng.permutation(len(fitting))[:DIVERSITY_IMAGES]]
        drawn = None
        if renderer is not None and record.attributes is not None:
            drawn = np.stack(
                [
                    renderer(record.attributes, 1_000_003 + number, pipeline.image_size)
                    for number in range(DIVERSITY_IMAGES)
                ]
            )
        entries.append(
            DiversityEntry(record, varied_images, real_images.read(picked) if len(picked) > 1 else None, drawn)
        )
    # Compare how much each set varies.
    varied = f"generated, one utterance, {DIVERSITY_IMAGES} noises"
    sets: dict[str, list[NDArray[np.uint8]]] = {
        varied: [entry.generated for entry in entries],
        "generated, one picture each of all utterances": [group.images[:256]],
        "real pictures that fit one utterance": [entry.fitting for entry in entries if entry.fitting is not None],
        "real renders of one bird": [entry.drawn for entry in entries if entry.drawn is not None],
    }
    measures.add_diversity(
        report, {name: images for name, images in sets.items() if images}, network=network, seed=seed
    )
    # Far less than real ones: the noise is ignored.
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


def gallery_entries(
    groups: Sequence[EvaluatedGroup],
    pipeline: SpeechPipeline,
    readings: Mapping[str, Mapping[str, str]],
    real_readings: Mapping[str, Mapping[str, str]],
    *,
    count: int,
    seed: int,
) -> list[GalleryEntry]:
    """Utterances to listen to on the page, drawn by the seed, with every stage of their images."""
    # Some utterances of each group, with all stages of the image.
    rng = np.random.default_rng(seed)
    entries: list[GalleryEntry] = []
    for group in groups:
        share = min(len(group.records), -(-count // len(groups)))
        for row in sorted(rng.permutation(len(group.records))[:share].tolist()):
            record = group.records[row]
            speech = speech_of(pipeline, [record], group.embeddings[row : row + 1])
            stages = pipeline.generate(speech, seed=seed, return_stages=True, first_index=group.noise_index(row))
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
