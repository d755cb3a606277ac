"""What a generator reads attributes with: the teacher's linear classifiers, for features as it gets them."""

from typing import NamedTuple

from torch import Tensor

from speech2img.corpora.records.items import CLASS_HEADS
from speech2img.errors import ConfigError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import FeatureExtractor
from speech2img.features.speech_embeddings import EmbeddingFile


class AttributeReader(NamedTuple):
    """A linear map from features to the logits of all values of all attributes."""

    value_counts: list[int]
    """Values of each attribute."""
    weight_VD: Tensor
    """For standardised features."""
    bias_V: Tensor
    """The same."""


def attribute_reader(teacher: FeatureExtractor | None, embeddings: EmbeddingFile) -> AttributeReader:
    """The teacher's classifiers of attributes, for features that were standardised; the class is left out.

    Parameters
    ----------
    teacher : FeatureExtractor, optional
        What made the features.
    embeddings : EmbeddingFile
        The features in the place of speech embeddings, with their statistics.

    Raises
    ------
    ConfigError
        If there is no teacher that knows attributes, or the embeddings are not its standardised features.
    """
    tensors, _ = embeddings.encoder_release()
    if not isinstance(teacher, AttributeClassifier) or "target.mean" not in tensors:
        fix = "take the features of a 'train teacher' run as embeddings: extract --features, embeddings = picture"
        raise ConfigError.about("reads_attributes", "there are no features that a teacher reads attributes off", fix)
    network, mean, deviation = teacher.network, tensors["target.mean"], tensors["target.std"]
    if embeddings.width != network.feature_dim:
        reason = f"the embeddings have {embeddings.width} numbers, the teacher's features {network.feature_dim}"
        raise ConfigError.about("reads_attributes", reason, "take the teacher's own features")

    # Rows of the attributes, for features f = deviation * standardised + mean.
    counts = list(network.heads.values())
    rows = [part for name, part in zip(network.heads, range_of(counts), strict=True) if name not in CLASS_HEADS]
    chosen = [row for part in rows for row in part]
    weight, bias = network.classifier.weight.detach().cpu()[chosen], network.classifier.bias.detach().cpu()[chosen]
    return AttributeReader([len(part) for part in rows], weight * deviation, bias + weight @ mean)


def range_of(counts: list[int]) -> list[range]:
    """Rows of parts that lie behind each other."""
    ends = [sum(counts[: number + 1]) for number in range(len(counts))]
    return [range(end - count, end) for end, count in zip(ends, counts, strict=True)]
