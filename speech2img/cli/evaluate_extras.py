"""``speech2img evaluate --model``: what is measured only if it is asked for, and the networks that it takes."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from speech2img.cli.io.stored_speech import StoredSpeech
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.errors import AudioError
    from speech2img.features.attributes import AttributeClassifier
    from speech2img.metrics.evaluate.model_groups import GroupMeasure
    from speech2img.metrics.images.real_images import ImageStoreLike
    from speech2img.pipeline import SpeechToImage

    Model = SpeechToImage | StoredSpeech

BATCH = 32


def measures_asked_for(
    args: argparse.Namespace, manifest: "Manifest", pipe: "Model", store: "ImageStoreLike", out: Path, *, features: str
) -> "list[GroupMeasure]":
    """What is measured only where it was asked for: by Inception or a classifier, and by an independent encoder.

    Parameters
    ----------
    args : argparse.Namespace
        The command line's words.
    manifest : Manifest
        The corpus.
    pipe : SpeechToImage or StoredSpeech
        The model.
    store : ImageStoreLike
        The corpus's images at the side of the generated ones.
    out : Path
        Folder of the report; features that were read are kept in its ``work``.
    features : str
        Name of the teacher features that an encoder grades in where ``--judge-features`` names none.

    Returns
    -------
    list of GroupMeasure
        Each adds its rows about one group of utterances.

    Raises
    ------
    CheckpointError
        If weights that are named cannot be read.
    MetricError
        If a judge had a part in the training of the model, or the encoder did not learn those features.
    """
    extras: list[GroupMeasure] = []
    if args.inception is not None or args.classifier is not None or args.retrieval:
        from speech2img.features.image_classifier import load_image_classifier
        from speech2img.features.inception import load_inception
        from speech2img.metrics.evaluate.judges import check_judges
        from speech2img.metrics.evaluate.model_inception import InceptionMetrics

        # The network, and the user's own classifier, which may not have taught the model.
        reader = classifier = None
        warnings: tuple[str, ...] = ()
        if args.inception is not None:
            reader = load_inception(args.inception, precision=args.precision, device=pipe.device)
        if args.classifier is not None:
            classifier = load_image_classifier(args.classifier, device=pipe.device)
            judges = {"classifier": classifier.weights_sha256, "network": str(classifier.config["network_sha256"])}
            warnings = check_judges(judges, _releases(args), own_sha256=pipe.weights_sha256, allow=True)
        # All that Inception measures, group by group.
        extras.append(
            InceptionMetrics(
                reader,
                manifest,
                classifier=classifier,
                warnings=warnings,
                retrieval=args.retrieval,
                size=pipe.image_size,
                store=store,
                work=out / "work",
                protocol=args.protocol,
                allow_small=args.allow_small,
                seed=args.seed,
                batch_size=args.batch_size,
                workers=args.workers,
            )
        )
    if args.judge_encoder is not None:
        extras.append(_encoder_judge(args, pipe, features))
    return extras


def voices_and_conditions(
    args: argparse.Namespace,
    manifest: "Manifest",
    pipe: "Model",
    judge: "AttributeClassifier | None",
    store: "ImageStoreLike",
    *,
    num_utterances: int,
    on_error: "Callable[[AudioError], None]",
) -> "list[GroupMeasure]":
    """The measure by voices and conditions, where ``--conditions`` or ``--recordings`` ask for it.

    A recording that cannot be used is told to ``on_error``, and the rest is measured.

    Raises
    ------
    ConfigError
        If the model is given stored embeddings and hears nothing.
    MetricError
        If nothing judges what the images show.
    DataError
        If a folder of recordings does not exist.
    """
    from speech2img.errors import ConfigError, DataError, MetricError
    from speech2img.metrics.evaluate.conditions.registry import CLEAN

    if not args.conditions and not args.recordings:
        return []
    option = "--conditions" if args.conditions else "--recordings"
    if args.embeddings is not None:
        raise ConfigError.about(
            option, "not with --embeddings, which are of the recordings as they are", "leave it out"
        )
    if judge is None:
        raise MetricError.about(option, "nothing judges what the images of this corpus show", "give --judge")
    for folder in args.recordings or ():
        if not folder.is_dir():
            raise DataError.about(f"--recordings {folder}", "no such folder", "name folders of recordings")
    from speech2img.metrics.evaluate.conditions.measure import VoicesAndConditions

    measure = VoicesAndConditions(
        pipe,
        manifest,
        judge=judge,
        conditions=args.conditions or (CLEAN,),
        recordings=args.recordings or (),
        num_utterances=num_utterances,
        image_store=store,
        seed=args.seed,
        on_error=on_error,
    )
    return [measure]


def _releases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Configs of the releases that make up the model."""
    from speech2img.storage.releases.find_release import find_release
    from speech2img.storage.releases.release import load_release

    return [load_release(find_release(name))[1] for name in (args.model, args.generator) if name]


def _encoder_judge(args: argparse.Namespace, pipe: "Model", usual_features: str) -> "GroupMeasure":
    """The encoder that grades, and the network that taught it: both must have had no part in the model."""
    import numpy as np

    from speech2img.errors import MetricError
    from speech2img.features.image_features import Standardizer, load_features
    from speech2img.images.resize import resize
    from speech2img.metrics.evaluate.judges import EncoderJudge, check_judges
    from speech2img.pipeline import SpeechToImage
    from speech2img.storage.releases.find_release import find_release
    from speech2img.storage.releases.provenance import trained_with
    from speech2img.storage.releases.release import load_release
    from speech2img.storage.releases.release_name import release_name

    # The encoder, the features it learned, and the network that gives them.
    features = load_features(args.root, args.judge_features or usual_features)
    encoder = SpeechToImage.load(args.judge_encoder, device=args.device)
    tensors, config = load_release(find_release(args.judge_encoder))
    taught_by = (trained_with(config) or {}).get("feature network")
    if "target.mean" not in tensors or taught_by != features.sha256:
        raise MetricError.about(
            args.judge_encoder,
            "it did not learn the standardised features that --judge-features names",
            "give an encoder trained with standardise = true, and the name of the features it was trained with",
        )
    # A judge that taught the model measures its training, not the model.
    warnings = check_judges(
        {"speech encoder": encoder.weights_sha256, "feature network": features.sha256},
        _releases(args),
        own_sha256=pipe.weights_sha256,
        allow=args.allow_same_judge,
    )
    teacher = features.open_teacher(device=pipe.device)
    standard = Standardizer(tensors["target.mean"].numpy(), tensors["target.std"].numpy())

    # Images as the encoder's training saw them.
    def read(images: "np.ndarray") -> "np.ndarray":
        parts = [
            teacher.views(resize(images[start : start + BATCH], teacher.image_size), 1)[:, 0].float().cpu().numpy()
            for start in range(0, len(images), BATCH)
        ]
        return standard(np.concatenate(parts))

    return EncoderJudge(
        encode=encoder.encode_paths,
        read=read,
        name=f"{release_name(args.judge_encoder)} and its {features.kind}",
        weights_sha256=encoder.weights_sha256,
        warnings=warnings,
        seed=args.seed,
    )
