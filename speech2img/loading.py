"""Networks of released weights: the speech encoder with its front-end, the generator with its prior and reranker."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from torch import Tensor, nn

from speech2img.audio.mel import MelPreset, released_preset
from speech2img.errors import CheckpointError, ConfigError, with_article
from speech2img.models.encoders.base import SpeechEncoder
from speech2img.models.encoders.registry import build_encoder
from speech2img.models.generators.base import ImageGenerator
from speech2img.models.generators.image_sampler import ImageSampler, SamplingOptions
from speech2img.models.generators.registry import build_generator
from speech2img.storage.releases.find_release import find_release, shipped_releases
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release, strip_prefix

if TYPE_CHECKING:
    from speech2img.models.encoders.confidence import ConfidenceHead

Network = TypeVar("Network", bound=nn.Module)
_OPTIONS = tuple(field.name for field in fields(SamplingOptions))
_SAMPLER_KEYS = ("generator", "conditioning", "prior", "reranker", *_OPTIONS)
"""What a release's config says about the generation of images."""


class SpeechNetworks(NamedTuple):
    """What is between a recording and an image."""

    encoder: SpeechEncoder
    """Hears."""
    mel: MelPreset
    """The front-end that it was trained with."""
    sampler: ImageSampler | None
    """Generator, and what belongs to it; None in a release of an encoder alone."""
    weights_sha256: str
    """Hash of the weights; of both releases with a ``+`` between where there are two."""
    confidence_head: "ConfidenceHead | None" = None
    """Tells how far an utterance is of the kind that the encoder knows, where the release has it."""


def load_speech_networks(
    name_or_path: str | PathLike[str], *, generator: str | PathLike[str] | None = None, candidates: int | None = None
) -> SpeechNetworks:
    """Load a release that has a speech encoder.

    Parameters
    ----------
    name_or_path : str or path
        Shipped weights by name, a run folder, or a release folder.
    generator : str or path, optional
        A second release whose generator is used; None takes the release's own, or the shipped one that it names.
    candidates : int >= 1, optional
        Pictures generated for each one that is kept; None: as the config says.

    Raises
    ------
    CheckpointError
        If nothing is there, the files are damaged or hold another kind of network, or the parts do not fit together.
    ConfigError
        If there cannot be so many candidates.
    """
    # The encoder and its front-end.
    folder, opened = find_release(name_or_path), dict[Path, Any]()
    tensors, config, sha256 = load_hashed_release(folder, opened=opened)
    if config.get("kind") not in ("speech-to-image", "speech-encoder"):
        raise CheckpointError.about(
            str(folder),
            f"holds {with_article(repr(config.get('kind')))}, not a speech encoder",
            "give a 'speech-to-image' or 'speech-encoder' release (a generator goes to generator=)",
        )
    encoder = _build(encoder_class(config), config, "encoder", tensors, folder)
    mel = released_preset(config.get("mel_preset"), n_mels=encoder.n_mels, source=folder)
    confidence = None
    if "confidence" in config:
        from speech2img.models.encoders.confidence import ConfidenceHead

        confidence = _build(ConfidenceHead, config, "confidence", tensors, folder)
        if confidence.embedding_dim != encoder.embedding_dim:
            reason = f"its confidence is of embeddings of {confidence.embedding_dim}, not {encoder.embedding_dim}"
            raise CheckpointError.about(str(folder), reason, "export it again")

    # The generator, of this release or of the second one: the one given, or the shipped one that an encoder names.
    if generator is None and "generator" not in config:
        generator = _named_generator(config, folder)
    if generator is not None:
        folder, tensors, generator_config, other = _open_generator(generator, opened)
        sha256 = f"{sha256}+{other}"
        config = {**config, **{k: v for k, v in generator_config.items() if k in _SAMPLER_KEYS}}
    if "generator" not in config:
        return SpeechNetworks(encoder, mel, None, sha256, confidence)
    sampler = _build_sampler(config, tensors, folder, candidates=candidates)
    if sampler.embedding_dim != encoder.embedding_dim:
        reason = f"its generator takes embeddings of {sampler.embedding_dim}, the encoder gives {encoder.embedding_dim}"
        fix = "use an encoder and a generator that were trained together"
        raise CheckpointError.about(str(folder), reason, fix)
    if sampler.needs_frames and not getattr(encoder, "has_frames", True):
        reason = "its generator looks at frames, and the text encoder gives sentences alone"
        raise CheckpointError.about(str(folder), reason, "take a text encoder with a vector a word: word-lstm or clip")
    return SpeechNetworks(encoder, mel, sampler, sha256, confidence)


def encoder_class(config: Mapping[str, Any]) -> Callable[..., SpeechEncoder]:
    """What builds the encoder of a release: a network that hears, a cascade, or a text encoder that reads sentences.

    Parameters
    ----------
    config : Mapping
        Of the release.
    """
    settings = config.get("encoder")
    network = settings.get("network") if isinstance(settings, Mapping) else None
    if network == "cascade":
        from speech2img.recognition.encoder import TranscribingEncoder

        return TranscribingEncoder
    if network == "text":
        from speech2img.recognition.reading import ReadingEncoder

        return ReadingEncoder
    return build_encoder


def _named_generator(config: Mapping[str, Any], folder: Path) -> str | None:
    """Shipped weights that an encoder's release names as its generator; never a path out of a foreign file."""
    name = config.get("with_generator")
    if name is not None and name not in shipped_releases():
        reason = f"it names the generator {name!r}, which did not come with this version of the package"
        raise CheckpointError.about(str(folder), reason, "give the generator's weights by generator= or --generator")
    return name


def load_generator(name_or_path: str | PathLike[str], *, candidates: int | None = None) -> tuple[ImageSampler, str]:
    """Load a release that has a generator, with or without a speech encoder.

    Parameters
    ----------
    name_or_path : str or path
        Shipped weights by name, a run folder, or a release folder.
    candidates : int >= 1, optional
        Pictures generated for each one that is kept; None: as the config says.

    Returns
    -------
    sampler : ImageSampler
        The generator, and its prior and reranker where it has them.
    weights_sha256 : str
        Hash of the weights.

    Raises
    ------
    CheckpointError
        If nothing is there, the files are damaged, they hold no generator, or its parts do not fit together.
    ConfigError
        If there cannot be so many candidates.
    """
    folder, tensors, config, sha256 = _open_generator(name_or_path, {})
    return _build_sampler(config, tensors, folder, candidates=candidates), sha256


def _open_generator(
    name_or_path: str | PathLike[str], opened: dict[Path, Any]
) -> tuple[Path, dict[str, Tensor], dict[str, Any], str]:
    """Folder, tensors, config and hash of a release that has a generator; errors as `load_generator`."""
    folder = find_release(name_or_path)
    tensors, config, sha256 = load_hashed_release(folder, opened=opened)
    if "generator" not in config:
        raise CheckpointError.about(
            str(folder),
            f"holds {with_article(repr(config.get('kind')))}, not a generator",
            "give an 'image-generator' or 'speech-to-image' release",
        )
    return folder, tensors, config, sha256


def _build_sampler(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], folder: Path, *, candidates: int | None
) -> ImageSampler:
    """Generator of a release with its prior, and its reranker where it chooses; errors as `load_generator`."""
    generator = _build(build_generator, config, "generator", tensors, folder)
    assert isinstance(generator, ImageGenerator)
    prior, reranker = None, None
    if "prior" in config:
        from speech2img.models.generators.feature_prior import FeaturePrior

        prior = _build(FeaturePrior, config, "prior", tensors, folder)
    if candidates is not None and candidates > 1 and "reranker" not in config:
        raise ConfigError.about("candidates", f"{candidates}", "these weights have no reranker to choose among images")
    try:
        options = SamplingOptions(**{name: config[name] for name in _OPTIONS if name in config})
        options = options if candidates is None else replace(options, num_candidates=candidates)
        if options.num_candidates > 1 and "reranker" in config:
            from speech2img.models.generators.reranker import Reranker

            reranker = _build(Reranker, config, "reranker", tensors, folder)
        return ImageSampler(
            generator, prior=prior, reranker=reranker, options=options, conditioning=config.get("conditioning", "mean")
        )
    except (TypeError, ValueError) as error:
        raise CheckpointError.about(str(folder), f"its parts do not fit ({error})", "export it again") from error


def _build(
    network: Callable[..., Network], config: Mapping[str, Any], part: str, tensors: Mapping[str, Tensor], folder: Path
) -> Network:
    """One network of a release, with its weights; errors as `speech2img.storage.releases.networks.build_network`."""
    state = strip_prefix(tensors, f"{part}.")
    return build_network(network, config.get(part), state, name=f"{folder} ({part})", fix="export it again")
