"""What a model understands of other voices and other recordings: relative accuracy by group of voices and condition."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from speech2img.corpora.records.utterances import ManifestLike, UtteranceRecord, utterances_of
from speech2img.corpora.registry import facts_of
from speech2img.errors import AudioError, MetricError
from speech2img.features.attributes import AttributeClassifier
from speech2img.metrics.evaluate.conditions.hearing import heard_runs
from speech2img.metrics.evaluate.conditions.recordings import recorded_elsewhere
from speech2img.metrics.evaluate.conditions.registry import CLEAN, CONDITIONS
from speech2img.metrics.evaluate.inputs import SpokenAttributes
from speech2img.metrics.evaluate.model import readable_mentions
from speech2img.metrics.evaluate.model_groups import (
    CHUNK,
    OWN_VOICES,
    EvaluatedGroup,
    SpeechPipeline,
    choose_utterances,
    stretches,
    with_languages,
)
from speech2img.metrics.evaluate.model_scores import spoken_attribute_scores
from speech2img.metrics.functional.spoken_attributes import per_image
from speech2img.metrics.images.real_images import ImageStoreLike, RealImages
from speech2img.metrics.report.condition_tables import TITLE, UTTERANCES, VOICES, condition_markdown
from speech2img.metrics.report.report import CONDITION, MetricReport
from speech2img.metrics.report.section import ReportSection
from speech2img.storage.progress import Progress

Readings = Sequence[Mapping[str, str] | None]
"""What the judge reads off the images of utterances; None of one whose recording could not be used."""


class VoicesAndConditions:
    """A `GroupMeasure`: the same utterances heard in every condition and in other voices, with the same noise.

    Parameters
    ----------
    pipeline : SpeechPipeline
        The model; its own encoder hears the changed recordings.
    manifest : ManifestLike
        The corpus.
    judge : AttributeClassifier
        Reads the attributes off the images.
    conditions : sequence of str
        Names in `CONDITIONS`, the columns.
    recordings : sequence of Path
        Folders with other recordings of the corpus's captions (see `recorded_elsewhere`), each a row.
    num_utterances : int
        Utterances of each split in each of these folders.
    image_store : ImageStoreLike or None
        Prepared real images.
    seed : int
        Of the choice of utterances, the changes of recordings, the noise of images, and the resampling.
    progress : bool
        Show a progress bar.
    on_error : callable, optional
        Called with the error of a recording that cannot be used, once for each; it is left out, the report says so, and
        the rest is measured. By default the error is raised.

    Raises
    ------
    MetricError
        If two folders have one name, by which rows are told apart.
    """

    def __init__(
        self,
        pipeline: SpeechPipeline,
        manifest: ManifestLike,
        *,
        judge: AttributeClassifier,
        conditions: Sequence[str] = (CLEAN,),
        recordings: Sequence[Path] = (),
        num_utterances: int = 200,
        image_store: ImageStoreLike | None = None,
        seed: int = 0,
        progress: bool = True,
        on_error: Callable[[AudioError], None] | None = None,
    ) -> None:
        names = [folder.name for folder in recordings]
        if twice := [name for name in names if names.count(name) > 1 or name in OWN_VOICES.values()]:
            raise MetricError.about(f"recordings {twice[0]}", "two groups of voices of one name", "rename one folder")
        self._pipeline, self._manifest, self._judge = pipeline, manifest, judge
        self._conditions, self._folders = tuple(dict.fromkeys(conditions)), tuple(recordings)
        self._count, self._seed, self._progress = num_utterances, seed, progress
        self._real = RealImages(manifest, size=pipeline.image_size, store=image_store)
        self._on_error, self._unusable = on_error, dict[Path, AudioError]()

    def __call__(self, report: MetricReport, group: EvaluatedGroup) -> None:
        """Add the rows of one group of utterances."""
        split = group.records[0].split
        own: Readings = per_image(self._judge.predict(group.images))
        own_real: Readings = per_image(self._judge.predict(group.real))
        total = len(self._conditions) * (1 + len(self._folders))
        with Progress(total=total, what=f"conditions, {group.name}", unit="table cell", progress=self._progress) as bar:
            # The corpus's own recordings, which were already heard as they are.
            for condition in self._conditions:
                readings = own
                if condition != CLEAN:
                    places = [group.noise_index(row) for row in range(len(group.records))]
                    readings = self._readings(condition, group.records, places)
                for held_out, voices in OWN_VOICES.items():
                    rows = [row for row, record in enumerate(group.records) if record.held_out_voice == held_out]
                    for name, part in with_languages(voices, group.records, rows).items():
                        self._add(report, group.name, name, condition, group.records, readings, own_real, part)
                bar.update(1)
            self._note(report, group.name, "the corpus's own", group.records)

            # Other recordings of the same split.
            recorded = utterances_of(self._manifest, [split], by_manner=facts_of(self._manifest).manner)
            for folder in self._folders:
                found = recorded_elsewhere(recorded, folder, root=self._manifest.root)
                records = choose_utterances(found, count=self._count, seed=self._seed)
                real = self._real_readings(records)
                for condition in self._conditions:
                    places = [group.first_index + row for row in range(len(records))]
                    readings = self._readings(condition, records, places)
                    for name, part in with_languages(folder.name, records).items():
                        self._add(report, group.name, name, condition, records, readings, real, part)
                    bar.update(1)
                self._note(report, group.name, folder.name, records)
        report.sections[TITLE] = condition_markdown(report.rows)

    def _readings(self, condition: str, records: Sequence[UtteranceRecord], places: Sequence[int]) -> Readings:
        """What the judge reads off the images of utterances heard in a condition, by the noise of these places."""
        readings: list[Mapping[str, str] | None] = [None] * len(records)
        for start in range(0, len(records), CHUNK):
            chunk = records[start : start + CHUNK]
            tell = None if self._on_error is None else self._leave_out
            for rows, speech in heard_runs(self._pipeline, condition, chunk, seed=self._seed, on_error=tell):
                first = start + rows[0]
                for part in stretches(places[first : first + len(rows)]):
                    index = places[first + part.start]
                    images = self._pipeline.generate(speech[part], seed=self._seed, first_index=index)[:, 0]
                    readings[first + part.start : first + part.stop] = per_image(self._judge.predict(images))
        return readings

    def _leave_out(self, record: UtteranceRecord, error: AudioError) -> None:
        """Tell of a recording that cannot be used, once in all conditions."""
        if record.audio not in self._unusable and self._on_error is not None:
            self._on_error(error)
        self._unusable.setdefault(record.audio, error)

    def _note(self, report: MetricReport, utterances: str, voices: str, records: Sequence[UtteranceRecord]) -> None:
        """Say in the report which recordings were left out."""
        errors = [self._unusable[record.audio] for record in records if record.audio in self._unusable]
        if errors:
            left_out = f"{len(errors)} of {len(records)} recordings could not be used and are left out"
            report.notes.append(f"{utterances}, {voices}: {left_out}; the first: {errors[0]}")

    def _real_readings(self, records: Sequence[UtteranceRecord]) -> Readings:
        """What the judge reads off the real images of utterances."""
        readings: list[Mapping[str, str] | None] = []
        for start in range(0, len(records), CHUNK):
            images = self._real.read([record.item_id for record in records[start : start + CHUNK]])
            readings += per_image(self._judge.predict(images))
        return readings

    def _add(
        self,
        report: MetricReport,
        utterances: str,
        voices: str,
        condition: str,
        records: Sequence[UtteranceRecord],
        readings: Readings,
        real_readings: Readings,
        rows: Sequence[int],
    ) -> None:
        """Add the numbers of one cell of the table, where there are utterances for it."""
        read = [
            (row, mine, real)
            for row in rows
            if (mine := readings[row]) is not None and (real := real_readings[row]) is not None
        ]
        mentions = [readable_mentions(records[row], self._judge) for row, _, _ in read]
        if sum(bool(mention) for mention in mentions) < 2:
            return
        spoken = SpokenAttributes(
            [mine for _, mine, _ in read], mentions, [real for _, _, real in read], records[0].by_manner
        )
        protocol = f"recordings: {CONDITIONS[condition].protocol}; voices: {voices}"
        section = ReportSection(
            report=report,
            group=f"{utterances}, {voices}, {CONDITIONS[condition].title}",
            network=self._judge.name,
            weights_sha256=self._judge.weights_sha256,
            details={UTTERANCES: utterances, VOICES: voices, CONDITION: condition},
            protocol=lambda score: f"{score.protocol}; {protocol}",
        )
        section.add("spoken-attribute accuracy", lambda: spoken_attribute_scores(spoken, seed=self._seed))
