"""``speech2img evaluate --model``: what is measured only if it is asked for, and the networks that it takes."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech2img.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from speech2img.cli.io.stored_speech import DeafModel
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.errors import AudioError
    from speech2img.features.attributes import AttributeClassifier
    from speech2img.features.extractors.damsm import ReleasedDAMSM
    from speech2img.metrics.evaluate.attngan.damsm_judge import Describe
    from speech2img.metrics.evaluate.model_groups import GroupMeasure
    from speech2img.metrics.images.real_images import ImageStoreLike
    from speech2img.pipeline import SpeechToImage

    Model = SpeechToImage | DeafModel

BATCH = 32


def measures_asked_for(
    args: argparse.Namespace, manifest: "Manifest", pipe: "Model", store: "ImageStoreLike", out: Path, *, features: str
) -> "list[GroupMeasure]":
    """What is measured only where it was asked for: by Inception or a classifier, an independent encoder, a DAMSM.

    Parameters
    ----------
    args : argparse.Namespace
        The command line's words.
    manifest : Manifest
        The corpus.
    pipe : SpeechToImage or DeafModel
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
    ConfigError
        If a DAMSM compares with other speech, or nothing reads or hears for it.
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
    return extras + _damsm_judges(args, pipe)


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
        If the model is given stored embeddings, or reads captions, and hears nothing.
    MetricError
        If nothing judges what the images show.
    DataError
        If a folder of recordings does not exist.
    """
    from speech2img.errors import DataError, MetricError
    from speech2img.metrics.evaluate.conditions.registry import CLEAN
    from speech2img.pipeline import SpeechToImage

    if not args.conditions and not args.recordings:
        return []
    option = "--conditions" if args.conditions else "--recordings"
    if args.embeddings is not None:
        raise ConfigError.about(
            option, "not with --embeddings, which are of the recordings as they are", "leave it out"
        )
    if not isinstance(pipe, SpeechToImage):
        raise ConfigError.about(option, f"{args.model} reads captions and hears nothing", "leave it out")
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


def _damsm_judges(args: argparse.Namespace, pipe: "Model") -> "list[GroupMeasure]":
    """DAMSMs that grade, each with what it hears or reads by; none of them taught the generator."""
    if not args.damsm:
        if args.damsm_encoder is not None:
            raise ConfigError.about("--damsm-encoder", "there is no DAMSM that it could be of", "give --damsm too")
        return []
    import torch

    from speech2img.features.extractors.damsm import open_damsm, open_text_encoder
    from speech2img.metrics.evaluate.attngan.damsm_judge import DAMSMJudge, read_by
    from speech2img.metrics.evaluate.judges import check_judges
    from speech2img.storage.releases.release_name import release_name

    judges: list[GroupMeasure] = []
    forms: set[str] = set()
    device = torch.device(pipe.device)
    # One of each form, and an encoder that is of one of them.
    kind = None if args.damsm_encoder is None else _kind(args.damsm_encoder)
    wanted = kind is None
    for name in dict.fromkeys(args.damsm):
        damsm = open_damsm(name, device=device)
        if damsm.form in forms:
            raise ConfigError.about(f"--damsm {name}", f"it is the second of the {damsm.form} form", "give one of each")
        forms.add(damsm.form)
        warnings = check_judges(
            {"DAMSM": damsm.sha256},
            _releases(args),
            own_sha256=pipe.weights_sha256,
            allow=args.allow_same_judge,
            metric=f"--damsm {name}",
        )
        # What hears or reads for it.
        if damsm.form == "text":
            encoder = damsm.text_encoder
            if encoder is None and kind != "text-encoder":
                fix = "add its own as --damsm-encoder (import attngan-text-encoder)"
                raise ConfigError.about(f"--damsm {name}", "its release is of images, without a text encoder", fix)
            if encoder is None:
                encoder, wanted = open_text_encoder(args.damsm_encoder, damsm=damsm, device=device), True
            describe, described_by = read_by(encoder), "captions, read by its text encoder"
        else:
            wanted |= kind != "text-encoder"
            describe, described_by, more = _heard(args, pipe, damsm, name, None if kind == "text-encoder" else kind)
            warnings += more
        judges.append(
            DAMSMJudge(
                damsm,
                describe,
                name=f"DAMSM {release_name(name)}",
                described_by=described_by,
                device=device,
                warnings=warnings,
                seed=args.seed,
            )
        )
    if not wanted:
        fix = "leave it out, or give one of the encoder that a --damsm lacks"
        raise ConfigError.about(f"--damsm-encoder {args.damsm_encoder}", "no --damsm asks for it", fix)
    return judges


def _heard(
    args: argparse.Namespace, pipe: "Model", damsm: "ReleasedDAMSM", name: str, kind: str | None
) -> "tuple[Describe, str, tuple[str, ...]]":
    """What hears for a DAMSM of the speech form, in words too, and what the report must say of it."""
    from speech2img.metrics.evaluate.attngan.damsm_judge import heard_by, require_same_speech
    from speech2img.pipeline import SpeechToImage

    # An encoder of its own.
    if kind is not None:
        encoder = SpeechToImage.load(args.damsm_encoder, device=args.device)
        warnings = require_same_speech(
            damsm,
            name=name,
            embedding_dim=encoder.encoder.embedding_dim,
            mel_preset=encoder.mel.name,
            encoders=_encoder_hashes(encoder.weights_sha256, args.damsm_encoder),
            of=f"--damsm-encoder {args.damsm_encoder}",
        )
        return heard_by(encoder.encode_paths), "recordings, heard by its own encoder", warnings
    # The model's, or the one whose stored embeddings it is given.
    whole = args.embeddings is None
    warnings = require_same_speech(
        damsm,
        name=name,
        embedding_dim=pipe.encoder.embedding_dim if isinstance(pipe, SpeechToImage) else pipe.embedding_dim,
        mel_preset=pipe.mel.name if isinstance(pipe, SpeechToImage) else None,
        encoders=_encoder_hashes(pipe.weights_sha256, args.model if whole else None),
        of=f"--model {args.model}" if whole else f"--embeddings {args.embeddings}",
    )
    return heard_by(None), "recordings, heard by the model's own encoder (what that mishears counts as said)", warnings


def _encoder_hashes(weights_sha256: str, release: str | None) -> set[str]:
    """Hashes under which an encoder is known: of its release, and of the one that a whole model has it from."""
    from speech2img.storage.releases.find_release import find_release
    from speech2img.storage.releases.provenance import trained_with
    from speech2img.storage.releases.release import load_release

    hashes = {*weights_sha256.split("+")}
    config = {} if release is None else load_release(find_release(release))[1]
    if config.get("kind") == "speech-to-image":
        hashes |= {(trained_with(config) or {}).get("speech encoder", "")}
    return hashes


def _kind(release: str) -> str:
    """What a release is of."""
    from speech2img.storage.releases.find_release import find_release
    from speech2img.storage.releases.release import load_release

    return str(load_release(find_release(release))[1].get("kind"))
