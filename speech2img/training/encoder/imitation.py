"""Embeddings of another encoder that a new one learns to give, so that what was trained on them understands both."""

from dataclasses import dataclass
from pathlib import Path

from speech2img.errors import ConfigError
from speech2img.features.image_features import Standardizer
from speech2img.features.speech_embeddings import EmbeddingFile, load_embeddings
from speech2img.storage.releases.composition import IMITATED
from speech2img.storage.releases.provenance import inherited
from speech2img.training.encoder.settings import EncoderSettings


@dataclass(frozen=True)
class Imitated:
    """Stored embeddings of every utterance, and what their encoder's release says of them."""

    embeddings: EmbeddingFile
    """As ``speech2img extract`` wrote them, of the recordings as they are."""
    standard: Standardizer | None
    """What the targets of their encoder were standardised with: the new release keeps it."""
    trained_with: dict[str, str]
    """Role -> hash of the networks behind them, for the new release."""


def open_imitated(root: Path, settings: EncoderSettings) -> Imitated:
    """Read the embeddings that the settings name.

    Parameters
    ----------
    root : Path
        Corpus folder.
    settings : EncoderSettings
        With ``imitate``.

    Raises
    ------
    DataError
        If there are none of that name, or they are damaged.
    ConfigError
        If their size, or whether their targets were standardised, is not that of the settings.
    """
    name = str(settings.imitate)
    embeddings = load_embeddings(root, name)
    tensors, config = embeddings.encoder_release()

    # The new encoder must give what the old one gave.
    if embeddings.width != settings.embedding_dim:
        reason = f"{embeddings.width} numbers an utterance, and the new encoder gives {settings.embedding_dim}"
        raise ConfigError.about(f"imitate {name}", reason, f"set the network's embedding_dim to {embeddings.width}")
    if "image_head" in config:
        reason = "images reach their space by an image head, which would stay behind"
        raise ConfigError.about(f"imitate {name}", reason, "imitate an encoder that learned the features themselves")
    standard = None
    if "target.mean" in tensors:
        standard = Standardizer(*(tensors[f"target.{key}"].float().numpy() for key in ("mean", "std")))
    if settings.standardise != (standard is not None):
        value = "true" if standard is not None else "false"
        raise ConfigError.about("standardise", f"differs from that of {name}", f"set it to {value}")
    return Imitated(embeddings, standard, {**inherited(config, IMITATED), IMITATED: embeddings.sha256})
