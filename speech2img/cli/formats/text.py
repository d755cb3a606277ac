"""CLIP's two sides: how each becomes a release."""

from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.models.published.conversion import Conversion, ImportedNetwork
from speech2img.options import Option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    State = Mapping[str, Tensor]

VOCABULARY = Option(
    "vocabulary", "of clip-text: bpe_simple_vocab_16e6.txt.gz, or Hugging Face's merges.txt", "FILE", kind=Path
)
_MOST_BYTES = 8 << 20


def clip_text(*, vocabulary: Path | None = None) -> Conversion:
    """CLIP's text side, with its ``vocabulary`` of byte pairs."""
    from speech2img.models.published import clip
    from speech2img.models.text_encoders.byte_pairs import BytePairs, published_merges
    from speech2img.models.text_encoders.registry import build_text_encoder

    if vocabulary is None:
        fix = "add --vocabulary bpe_simple_vocab_16e6.txt.gz"
        raise ConfigError.about("clip-text", "its vocabulary is a file of its own", fix)
    text = _read_text(vocabulary)

    def describe(converted: "State") -> ImportedNetwork:
        settings = clip.clip_text_settings(converted)
        try:
            merges = published_merges(text, num_tokens=settings["num_tokens"])
            BytePairs(merges)
        except ValueError as error:
            raise ValueError(f"{vocabulary}: {error}") from error
        settings = {"network": "clip", **settings, "merges": merges, "form": "published"}
        config = {"kind": "text-encoder", "text_encoder": settings}
        return ImportedNetwork(build_text_encoder, settings, config, "text_encoder.", half=True, notice=clip.NOTICE)

    return Conversion(clip.convert_clip_text, describe, programs=True)


def clip_image() -> Conversion:
    """The image side of one of CLIP's ResNets, such as RN50x64."""
    from speech2img.models.published import clip
    from speech2img.models.vision.clip_resnet import CLIPResNet

    def describe(converted: "State") -> ImportedNetwork:
        settings = clip.clip_image_settings(converted)
        config = {"kind": "clip-image", "clip_image": settings}
        return ImportedNetwork(CLIPResNet, settings, config, half=True, notice=clip.NOTICE)

    return Conversion(clip.convert_clip_image, describe, programs=True)


def _read_text(path: Path) -> str:
    """A text of UTF-8, compressed with gzip or not."""
    from speech2img.storage.bounded import open_unpacked

    try:
        with open_unpacked(path, max_bytes=_MOST_BYTES) as file:
            return file.read().decode("utf-8")
    except (DataError, UnicodeDecodeError) as error:
        reason = "is no text of UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise CheckpointError.about(path, reason, "give CLIP's vocabulary of byte pairs") from error
