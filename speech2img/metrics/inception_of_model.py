"""What Inception says of a model's pictures: the same numbers as for two folders, beside the rest of its report."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.metrics.evaluation import PaintedGroup
from speech2img.metrics.inception_plan import make_plan
from speech2img.metrics.inception_reader import InceptionReader
from speech2img.metrics.inception_rows import add_inception_rows
from speech2img.metrics.picture_features import FeatureSettings, PictureFeatures, extract_features
from speech2img.metrics.picture_sets import PictureSet
from speech2img.metrics.picture_sources import ArrayPictures, PictureSource
from speech2img.metrics.protocols import find_protocol
from speech2img.metrics.published import comparison_markdown, is_published_set
from speech2img.metrics.real_pictures import ImageStoreLike, RealPictures
from speech2img.metrics.records import ManifestLike
from speech2img.metrics.report import MetricReport


class InceptionOfModel:
    """Measures each group of an evaluation against all real pictures of its split, at the size of the generated ones.

    Parameters
    ----------
    reader : InceptionReader
        The network.
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
    allow_small : bool
        Whether to compute, with a warning, a distance that is refused for too few pictures.
    seed, batch_size, workers
        As for ``extract_features`` and the measures.
    progress : bool
        Show progress bars.

    Raises
    ------
    MetricError
        For an unknown protocol.
    """

    def __init__(
        self, reader: InceptionReader, manifest: ManifestLike, *, size: int, store: ImageStoreLike | None = None,
        work: Path | None = None, protocol: str | None = None, allow_small: bool = False, seed: int = 0,
        batch_size: int = 16, workers: int = 2, progress: bool = True,
    ) -> None:  # fmt: skip
        self._reader, self._manifest, self._work, self._protocol = reader, manifest, work, protocol
        self._plan = make_plan(reader, protocol=protocol, corpus=manifest.corpus, allow_small=allow_small)
        self._real = RealPictures(manifest, size=size, store=store)
        self._seed, self._batch_size, self._workers, self._progress = seed, batch_size, workers, progress

    def __call__(self, report: MetricReport, group: PaintedGroup) -> None:
        """Add the rows of one group, and what the protocol does and the papers have."""
        split = group.records[0].split
        ids = [item.id for item in self._manifest.items if item.split == split]
        plan = self._plan
        generated = ArrayPictures(group.pictures, name=f"generated, {group.name}")
        sets = [
            PictureSet(source.name, self._read(source, settings)) for source, settings in (
                (generated, plan.settings), (SplitPictures(self._real, ids, name=f"real, {split}"), plan.real_settings)
            )
        ]  # fmt: skip
        before = len(report.rows)
        add_inception_rows(
            report, sets[0], sets[1], plan, reader=self._reader, group=group.name, seed=self._seed,
            progress=self._progress,
        )  # fmt: skip
        report.notes += [note for note in plan.notes if note not in report.notes]
        if self._protocol is not None:
            report.sections[f"Protocol {self._protocol}"] = [
                f"- {line}" for line in find_protocol(self._protocol).describe()
            ]
        lines = comparison_markdown(
            [row for row in report.rows[before:]
             if row.name != "frechet_distance" or row.group.endswith(plan.taps[-1])],
            corpus=self._manifest.corpus, protocol=self._protocol,
            is_whole_test_set=split == "test" and is_published_set(self._manifest.corpus, self._protocol, len(ids)),
        )  # fmt: skip
        if lines:
            report.sections[f"Beside published numbers: {group.name}"] = lines

    def _read(self, source: PictureSource, settings: FeatureSettings) -> PictureFeatures:
        return extract_features(
            source, self._reader, settings=settings, batch_size=self._batch_size, workers=self._workers,
            work=self._work, progress=self._progress,
        )  # fmt: skip


class SplitPictures:
    """Real pictures of a corpus at one size, as a source; read one at a time.

    Parameters
    ----------
    real : RealPictures
        The pictures.
    ids : sequence of str
        Which.
    name : str
        What messages call them.
    """

    def __init__(self, real: RealPictures, ids: list[str], *, name: str) -> None:
        self._real = real
        self.ids = sorted(ids)
        self.name = name
        self.crop = real.protocol

    def read(self, index: int) -> tuple[Image.Image, str]:
        """See ``PictureSource``."""
        pixels = np.ascontiguousarray(self._real.read([self.ids[index]])[0])
        return Image.fromarray(pixels), hashlib.sha256(pixels.tobytes()).hexdigest()

    def fingerprint(self) -> str:
        """See ``PictureSource``; every pixel counts."""
        digest = hashlib.sha256()
        for index, item in enumerate(self.ids):
            digest.update(f"{item} {self.read(index)[1]}\n".encode())
        return digest.hexdigest()
