"""Retrieval between two folders: which generated picture belongs to which real one, and to which class, by name."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from speech2img.errors import MetricError
from speech2img.features.base import FeatureExtractor
from speech2img.metrics.evaluate.folder_plan import FolderSettings
from speech2img.metrics.evaluate.retrieval_rows import (
    LabelledImages,
    add_retrieval_rows,
    retrieval_rule,
    retrieval_settings,
)
from speech2img.metrics.images.features import ImageFeatures, extract_features
from speech2img.metrics.images.sources import ImageSource
from speech2img.metrics.report.report import MetricReport
from speech2img.storage.names import same_name


def add_folder_retrieval(
    report: MetricReport,
    generated: ImageSource,
    real: ImageSource,
    reader: FeatureExtractor,
    settings: FolderSettings,
    *,
    work: Path,
    progress: bool,
    group: str = "",
) -> None:
    """Add recall and mAP between two folders of pictures.

    Parameters
    ----------
    report : MetricReport
        Where the rows go.
    generated, real : ImageSource
        The pictures; see ``match_names`` for how they must be named.
    reader : FeatureExtractor
        The network.
    settings : FolderSettings
        How to compare; the protocol says how to rank.
    work : Path
        Folder for finished features: pictures are read once more, in the way of the protocol's retrieval.
    progress : bool
        Show progress bars.
    group : str
        What it is measured on, in words, before the name of the output.

    Raises
    ------
    MetricError
        If the protocol has no retrieval.
    """
    # Images of both sides as the protocol has them read.
    wanted = retrieval_settings(reader, retrieval_rule(settings.protocol))

    def read(source: ImageSource) -> ImageFeatures:
        return extract_features(
            source,
            reader,
            settings=wanted,
            batch_size=settings.batch_size,
            workers=settings.workers,
            work=work,
            progress=progress,
        )

    # Which real image each generated one belongs to, and its class.
    items = match_names(generated.ids, real.ids)
    real_classes = {name: folder_of(name) for name in real.ids}
    known = set(real_classes.values())
    made_classes = [
        real_classes[item] if item is not None else folder_of(name) if folder_of(name) in known else None
        for name, item in zip(generated.ids, items, strict=True)
    ]
    add_retrieval_rows(
        report,
        LabelledImages(read(generated), items, made_classes),
        LabelledImages(read(real), list(real.ids), list(real_classes.values())),
        protocol=settings.protocol,
        reader=reader,
        corpus=settings.corpus,
        group=group,
        seed=settings.seed,
    )


def match_names(generated: Sequence[str], real: Sequence[str]) -> list[str | None]:
    """Real picture that each generated one belongs to.

    Parameters
    ----------
    generated, real : sequences of str
        Paths within their folders. ``a/x.png``, ``a/x_3.png``, ``x_256_sentence0.png`` (S2IGAN's names) belong to
        ``a/x.jpg``: the whole path counts first, then the name alone where it is unique and the generated picture does
        not lie in the folder of another class; parts after an underscore are cut off until a real picture has the name.
        Names in composed and decomposed Unicode are the same.

    Returns
    -------
    list of str or None
        None where no real picture has the name.

    Raises
    ------
    MetricError
        If two real pictures have the same path but for its ending.
    """
    # Real images by path and by name; a name that two of them have leads nowhere.
    paths: dict[str, str] = {}
    names: dict[str, str | None] = {}
    for identifier in real:
        path = same_name(str(PurePosixPath(identifier).with_suffix("")))
        if path in paths:
            raise MetricError.about(identifier, f"{paths[path]} has the same name", "give one picture of each name")
        paths[path] = identifier
        name = PurePosixPath(path).name
        names[name] = None if name in names else identifier
    classes = {folder_of(identifier) for identifier in real} - {None}
    matches: list[str | None] = []
    # Shorten the name part by part until it is a real image's.
    for identifier in generated:
        own = PurePosixPath(same_name(identifier)).with_suffix("")
        folder = folder_of(identifier)
        stem, match = own.name, None
        while stem and match is None:
            match, other = paths.get(str(own.with_name(stem))), names.get(stem)
            if match is None and other is not None and (folder not in classes or folder == folder_of(other)):
                match = other
            stem = stem.rpartition("_")[0]
        matches.append(match)
    return matches


def folder_of(identifier: str) -> str | None:
    """Name of the folder that a picture lies in, in composed Unicode: its class; None at the top."""
    return same_name(PurePosixPath(identifier).parent.name) or None
