"""Training of the stacked generator (StackGAN-v2, as Li et al. 2020 and S2IGAN use it) on frozen speech embeddings."""

from pathlib import Path

from speech2img.batches.image_pairs import PairBatches, PairSource
from speech2img.corpora.records.manifest import Manifest, utterance_id
from speech2img.device import resolve_device, tried_kernels
from speech2img.distributed.collectives import by_leader
from speech2img.errors import DataError
from speech2img.features.image_features import load_features
from speech2img.features.registry import load_teacher
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.features.stores import image_store
from speech2img.training.loop import TrainingResult, run_training
from speech2img.training.run import open_run
from speech2img.training.stackgan.initialization import keep_start, started
from speech2img.training.stackgan.relation_supervisor import open_sight
from speech2img.training.stackgan.settings import GeneratorLossSettings, GeneratorModelSettings, GeneratorSettings
from speech2img.training.stackgan.task import GeneratorTask
from speech2img.training.stackgan.validation_samples import Probe

__all__ = ["GeneratorLossSettings", "GeneratorModelSettings", "GeneratorSettings", "GeneratorTask", "train_generator"]


def train_generator(
    root: Path, run_dir: Path, settings: GeneratorSettings, *, device: str = "auto", progress: bool = True
) -> TrainingResult:
    """Train the generator on the training pictures and embeddings of a corpus.

    Parameters
    ----------
    root : Path
        Corpus folder with extracted embeddings; a missing image store is made.
    run_dir : Path
        Run folder; a run that is there goes on. ``export/`` receives a release of kind ``speech-to-image``.
    settings : GeneratorSettings
        How to train.
    device : str
        As for `resolve_device`.
    progress : bool
        Show progress.

    Raises
    ------
    ConfigError
        If the run folder holds a run with other settings or embeddings.
    DataError
        If embeddings or teacher features are missing.
    CheckpointError
        If there is no generator of the name ``initial``, or the relation supervisor's encoder has no image head, or
        one for another teacher.
    """
    where = resolve_device(device)
    embeddings = load_embeddings(root, settings.embeddings)
    settings, start = started(settings, run_dir)
    extra = {"encoder_sha256": embeddings.sha256}
    with open_run(run_dir, settings, name="generator", extra=extra, parallel=True) as run:
        manifest = Manifest.load(root)
        wanted = [utterance_id(item, caption) for item in manifest.items for caption in item.captions]
        if embeddings.ids != wanted:
            raise DataError.about(embeddings.folder, "it belongs to another manifest", "extract the embeddings again")
        relation, sight, teacher, features = settings.relation, None, None, None
        if relation.weight:
            encoder = Path(relation.encoder or embeddings.folder / "encoder")
            sight = open_sight(root, encoder, relation, device=where)
        through = settings.model.looks_through if settings.model.discriminators != "pixels" else None
        looks_through = None if through is None else load_teacher(Path(through), device=where)
        size = settings.image_size
        stored = int(size * 76 / 64) if settings.augmentation in ("crop", "crop_flip") else size
        store = image_store(manifest, size=stored, workers=settings.workers, progress=progress)
        source = PairSource(manifest.items, "train", store.pixels(), embeddings.embeddings)
        batches = PairBatches(
            source,
            batch_size=settings.batch_size,
            seed=settings.loop.seed,
            size=size,
            augmentation=settings.augmentation,
            shift=settings.shift,
            wrong_same_class=settings.wrong_same_class,
            positive=relation.positive if relation.weight else None,
        )
        if settings.features is not None:
            found = load_features(root, settings.features)
            teacher = found.open_teacher(device=where)
            features = found.features[:, 0].copy()
        task = GeneratorTask(
            settings,
            batches=batches,
            probe=Probe.of(manifest.items, source, settings),
            encoder=embeddings,
            features=features,
            teacher=teacher,
            sight=sight,
            seen_through=looks_through,
            start=start,
            is_new=run.state is None,
            device=where,
        )
        if settings.initial is not None and run.state is None:
            by_leader(lambda: keep_start(settings, start, run_dir))
        with tried_kernels(where, settings.compute.memory == "normal"):
            return run_training(task, run=run, device=where, progress=progress)
