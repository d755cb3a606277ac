"""``speech2img evaluate --model``: everything that the measurement of a model is given."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from speech2img.cli.io.stored_speech import DeafModel
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.corpora.records.utterances import UtteranceRecord
    from speech2img.features.attributes import AttributeClassifier
    from speech2img.features.base import FeatureExtractor
    from speech2img.features.image_features import FeatureFile
    from speech2img.metrics.evaluate.attngan.attended_images import DrawAttention
    from speech2img.metrics.evaluate.model_rows import RetrievalArrays
    from speech2img.pipeline import SpeechToImage

    Model = SpeechToImage | DeafModel

FEATURES = "teacher"
LIMIT = 200


def default_split(manifest: "Manifest") -> str:
    """The part that is measured where none is asked for: that of unseen classes, if the corpus has one."""
    return "test_seen" if "test_seen" in manifest.splits and "test" not in manifest.splits else "test"


def run_model(args: argparse.Namespace) -> int:
    """Measure, write the report and print it; the status is 1 where recordings of others could not be used."""
    from speech2img.cli.evaluate_extras import measures_asked_for, voices_and_conditions
    from speech2img.cli.io.stored_speech import ReadCaptions
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.errors import AudioError
    from speech2img.features.stores import image_store
    from speech2img.metrics.evaluate.model import evaluate_pipeline
    from speech2img.metrics.report.place import require_report_place
    from speech2img.pipeline import SpeechToImage
    from speech2img.storage.notices import notice
    from speech2img.storage.releases.release_name import release_name

    # The corpus, and a place for the report before anything is computed.
    manifest = Manifest.load(args.root)
    args.split = args.split or [default_split(manifest)]
    out = args.out or args.root / "reports" / "-".join(args.split)
    require_report_place(out)
    # The model, and who measures it.
    pipe = _model(args, manifest)
    pipe.name = release_name(args.model if args.embeddings is None else args.generator or args.model)
    if isinstance(pipe, SpeechToImage):
        _demand_speech(args, manifest)
    features = _features(args, manifest)
    judge = _judge(args, manifest, pipe)
    network = _network(args, judge, features, pipe)
    # What is measured besides.
    store = image_store(manifest, size=pipe.image_size)
    retrieval, notes = _retrieval(args, manifest, features)
    notes += part_in_training(args, network)
    if isinstance(pipe, ReadCaptions):
        notes.append("The model reads: it was given the captions as they are written, and heard no recording.")
    extras = measures_asked_for(args, manifest, pipe, store, out, features=args.features or FEATURES)
    unusable: list[AudioError] = []

    def name(error: AudioError) -> None:
        if str(error) not in map(str, unusable):
            unusable.append(error)
            notice(error)

    extras += voices_and_conditions(
        args, manifest, pipe, judge, store, num_utterances=args.limit or LIMIT, on_error=name
    )
    # Measure, and show the report.
    evaluate_pipeline(
        pipe,
        manifest,
        splits=args.split,
        judge=judge,
        network=network,
        renderer=_renderer(manifest),
        image_store=store,
        retrieval=retrieval,
        curves=_curves(args),
        num_utterances=args.limit or LIMIT,
        extras=extras,
        attention=_attention(pipe, args.seed),
        notes=notes,
        on_error=lambda _, error: name(error),
        ema=_averaged(args),
        seed=args.seed,
        out=out,
    )
    print((out / "report.md").read_text(encoding="utf-8"))
    print(f"page: {out / 'report.html'}")
    return AudioError.exit_code if unusable else 0


def _model(args: argparse.Namespace, manifest: "Manifest") -> "Model":
    """The model asked for: a whole one, which hears or reads, or a generator that is given stored embeddings."""
    from speech2img.cli.io.stored_speech import ReadCaptions, StoredSpeech
    from speech2img.errors import ConfigError
    from speech2img.pipeline import SpeechToImage

    if args.embeddings is None:
        whole = SpeechToImage.load(
            args.model, generator=args.generator, candidates=args.candidates, steps=args.steps, device=args.device
        )
        if whole.image_size == 0:
            raise ConfigError.about(f"--model {args.model}", "it hears and cannot generate", "give --generator RUN too")
        return ReadCaptions(whole, manifest) if whole.reads_text else whole
    from speech2img.features.speech_embeddings import load_embeddings
    from speech2img.generation import EmbeddingsToImage

    pipe = EmbeddingsToImage.load(
        args.generator or args.model, candidates=args.candidates, steps=args.steps, device=args.device
    )
    return StoredSpeech(pipe, manifest, load_embeddings(args.root, args.embeddings))


def _demand_speech(args: argparse.Namespace, manifest: "Manifest") -> None:
    """Raise DataError where recordings that would be heard are not there."""
    from speech2img.errors import DataError
    from speech2img.storage.names import some_of

    items = [item for item in manifest.items if item.split in args.split]
    paths = [caption.audio for item in items for caption in item.captions if caption.audio is not None]
    if gone := [path for path in paths if not (manifest.root / path).is_file()]:
        fix = f"run 'speech2img synthesize --root {args.root}', or put back what people recorded"
        raise DataError.about(args.root, f"{len(gone)} of {len(paths)} recordings are missing: {some_of(gone)}", fix)


def _averaged(args: argparse.Namespace) -> str:
    """Whether the generator's weights are averaged over the training, as far as its release says."""
    from speech2img.storage.releases.find_release import find_release
    from speech2img.storage.releases.provenance import TRAINED_WITH
    from speech2img.storage.releases.release import load_release

    _, config = load_release(find_release(args.generator or args.model))
    if "ema" in config:
        return "yes" if config["ema"] else "no"
    # every release of 'train generator' holds the averaged weights; those that it did not make do not say
    return "yes" if TRAINED_WITH in config and "generator" in config else "not told by the release"


def _judge(args: argparse.Namespace, manifest: "Manifest", pipe: "Model") -> "AttributeClassifier | None":
    """The judge asked for, or the shipped one where the corpus knows what its pictures show."""
    from speech2img.corpora.registry import facts_of
    from speech2img.features.attributes import AttributeClassifier
    from speech2img.storage.releases.find_release import find_release

    knows_attributes = any(item.attributes for item in manifest.items)
    judge = args.judge or (facts_of(manifest).judge if knows_attributes else None)
    return None if judge is None else AttributeClassifier.load(find_release(judge), device=pipe.device)


def _renderer(manifest: "Manifest") -> Any:
    """Draws an image of the corpus again with another seed; None for photographs."""
    from speech2img.corpora.registry import pen_of

    pen = pen_of(manifest)
    if pen is None:
        return None
    import numpy as np
    from PIL import Image

    def render(attributes: dict[str, str], seed: int, size: int) -> "np.ndarray":
        image = Image.fromarray(pen.draw(attributes, seed=seed, size=256))
        return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))

    return render


def _attention(pipe: "Model", seed: int) -> "DrawAttention | None":
    """Draws what an image listened to; None for a model that attends to nothing."""
    from speech2img.attending import attention_of, attention_page, heard_wave
    from speech2img.pipeline import SpeechToImage

    generator = pipe if isinstance(pipe, SpeechToImage) else pipe.pipe
    if "attention" not in generator.capabilities:
        return None

    def draw(record: "UtteranceRecord", image: "np.ndarray", index: int) -> "np.ndarray":
        weights = attention_of(generator, pipe.encode_speech([record.audio]), seed=seed, index=index)
        # The words that a cascade reads have no places in time, and nobody knows how stored embeddings were heard.
        wave = None
        if isinstance(pipe, SpeechToImage) and not pipe.has_transcript:
            wave = heard_wave(record.audio, sample_rate=pipe.mel.sample_rate, trim=pipe.trim)
        return attention_page(image, weights, wave)

    return draw


def _features(args: argparse.Namespace, manifest: "Manifest") -> "FeatureFile | None":
    """Teacher features of the corpus, where it has them."""
    from speech2img.errors import DataError
    from speech2img.features.image_features import feature_path, load_features

    name = args.features or FEATURES
    path = feature_path(args.root, name)
    if not path.is_file() and args.features is None:
        return None
    features = load_features(args.root, name)
    if features.ids != [item.id for item in manifest.items]:
        fix = f"run 'speech2img features --name {name}' again"
        raise DataError.about(path, "its features are of another corpus, or of this one before it was changed", fix)
    return features


def _network(
    args: argparse.Namespace, judge: "AttributeClassifier | None", features: "FeatureFile | None", pipe: "Model"
) -> "FeatureExtractor | None":
    """The feature network asked for; where nothing judges, the network that the speech was taught by."""
    from speech2img.errors import ConfigError, MetricError
    from speech2img.features.image_features import feature_names
    from speech2img.features.registry import KNOWN, load_extractor

    # The judge sees for itself; without one the network behind the features looks.
    path = args.network
    if path is None:
        if judge is not None:
            return None
        if features is None or not features.source.exists():
            have = feature_names(args.root)[:1] if args.features is None else []
            state = "there are none" if features is None else f"{features.source} is no longer there"
            raise MetricError.about(
                args.root,
                "neither a judge nor a network reads these pictures, nor the network behind the features "
                f"'{args.features or FEATURES}' ({state})",
                f"give {''.join(f'--features {name}, ' for name in have)}--network songbirds (the shipped teacher), "
                f"--network googlenet_bvlc.npz, or another one ({KNOWN}), or --judge",
            )
        path = features.source
    # Distances need features.
    network = load_extractor(path, device=pipe.device, precision="float32", option="--network")
    if not network.pooled:
        raise ConfigError.about(f"--network {path}", "it gives classes and no features", f"give {KNOWN}")
    return network


def part_in_training(args: argparse.Namespace, network: "FeatureExtractor | None") -> list[str]:
    """What the report must say where the model was trained with the network behind its distances.

    Parameters
    ----------
    args : argparse.Namespace
        With ``model`` and ``generator``, the releases that make up the model.
    network : FeatureExtractor, optional
        The network; None where a judge of attributes is behind them.

    Returns
    -------
    list of str
        A note for the report, if any.
    """
    from speech2img.metrics.evaluate.judges import judge_independence

    # A network may be recorded by the hash of its release, or of the published file.
    hashes = () if network is None else (network.sha256, network.weights_sha256)
    configs = [_release(name)[2] for name in (args.model, args.generator) if name]
    verdicts = [judge_independence(sha256, config) for config in configs for sha256 in hashes]
    reasons = dict.fromkeys(verdict.reason for verdict in verdicts if verdict.verdict == "trained with it")
    if network is None:
        return []
    what = f"Distances and diversity by {network.features_name}"
    return [f"{what}: {reason}; training pictures beside samples are found by it too." for reason in reasons]


def _retrieval(
    args: argparse.Namespace, manifest: "Manifest", features: "FeatureFile | None"
) -> "tuple[dict[str, RetrievalArrays], list[str]]":
    """Teacher features of each split's pictures, in the space that the model's encoder learned to give; and notes."""
    from speech2img.features.image_head import image_space
    from speech2img.metrics.evaluate.model_rows import RetrievalArrays

    # Retrieval needs the features that the model was taught by.
    if features is None or args.embeddings is not None:
        return {}, []
    folder, tensors, config = _release(args.model)
    space = image_space(tensors, config, name=folder)
    if space is None:
        return {}, []
    if space.feature_dim not in (None, features.width):
        if args.features is not None:
            features.demand_width(space.feature_dim or 0, by=args.model)
        return {}, [
            f"Retrieval of pictures is not measured: the features '{FEATURES}' have {features.width} numbers a "
            f"picture, {args.model} was taught by {space.feature_dim}."
        ]
    # Images of each split in the space of the speech embeddings.
    arrays = {}
    for split in args.split:
        rows = [row for row, item in enumerate(manifest.items) if item.split == split]
        arrays[split] = RetrievalArrays(
            space.embed(features.features[rows, 0]),
            [manifest.items[row].class_id for row in rows],
            ", ".join(filter(None, (features.kind, space.what))),
            features.sha256,
        )
    return arrays, _other_teacher(args, config, features)


def _other_teacher(args: argparse.Namespace, config: dict[str, Any], features: "FeatureFile") -> list[str]:
    """What the report must say where the features are of another network than the one that taught the speech."""
    from speech2img.storage.releases.provenance import trained_with

    taught_by = (trained_with(config) or {}).get("feature network")
    if taught_by is None or taught_by == features.sha256.lower():
        return []
    return [
        f"The features '{args.features or FEATURES}' are of other weights ({features.sha256[:12]}) than those that "
        f"taught {args.model} ({taught_by[:12]}): their class-centroid accuracy and AP@50 say little."
    ]


def _release(name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Folder, tensors and config of a release."""
    from speech2img.storage.releases.find_release import find_release
    from speech2img.storage.releases.release import load_release

    folder = find_release(name)
    return str(folder), *load_release(folder)


def _curves(args: argparse.Namespace) -> dict[str, Path]:
    """``stats.jsonl`` by the run folder's name, or by its path where two have one name."""
    from speech2img.errors import ConfigError

    for run in args.curves or ():
        if not (run / "stats.jsonl").exists():
            raise ConfigError.about(f"--curves {run}", "no stats.jsonl in it", "give run folders of 'speech2img train'")
    runs = dict.fromkeys(Path(os.path.realpath(run)) for run in (*(args.curves or ()), Path(args.model)))
    names = [run.name for run in runs]
    return {
        run.name if names.count(run.name) == 1 else str(run): run / "stats.jsonl"
        for run in runs
        if (run / "stats.jsonl").exists()
    }
