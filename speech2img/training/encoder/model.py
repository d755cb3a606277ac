"""Speech encoder with optional image head and classifier, trained together."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.audio.front_ends import ReleasedFrontEnd
from speech2img.audio.mel import MEL_PRESETS
from speech2img.features.image_features import Standardizer
from speech2img.losses.distillation import distillation_loss, heads_loss, l1_loss
from speech2img.losses.joint_embedding import contrastive_loss, joint_embedding_loss
from speech2img.losses.matching import distinctive_loss, matching_loss
from speech2img.models.encoders.base import SpeechEncoder
from speech2img.models.encoders.image_head import ImageHead
from speech2img.models.encoders.registry import build_encoder
from speech2img.training.encoder.attribute_heads import AttributeHeads
from speech2img.training.encoder.settings import EncoderLossSettings, EncoderSettings


class SpeechImageModel(nn.Module):
    """Speech encoder, optional image head and classifier, and the losses between speech and images.

    Parameters
    ----------
    settings : EncoderSettings
        Network and losses.
    n_mels : int
        Mel bands of the input.
    feature_dim : int
        Size of the teacher's features.
    num_classes : int
        Training classes, for the distinctive loss.
    heads : AttributeHeads, optional
        Of the network that ``losses.heads`` looks through.
    encoder : SpeechEncoder, optional
        On a pretrained front-end: the encoder, or its adapter alone. None builds the one that the settings describe.
    """

    def __init__(
        self,
        settings: EncoderSettings,
        *,
        n_mels: int,
        feature_dim: int,
        num_classes: int,
        heads: AttributeHeads | None = None,
        encoder: SpeechEncoder | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.loss_settings: EncoderLossSettings = settings.losses
        self.encoder = build_encoder(**encoder_config(settings, n_mels)) if encoder is None else encoder
        self.image_head = ImageHead(feature_dim, settings.embedding_dim) if settings.image_head else None
        self.classifier: nn.Linear | None = None
        if self.loss_settings.distinctive:
            self.classifier = nn.Linear(settings.embedding_dim, num_classes)
            nn.init.xavier_uniform_(self.classifier.weight)
        self.log_scale: nn.Parameter | float = -math.log(self.loss_settings.info_nce_temperature)
        if self.loss_settings.info_nce and self.loss_settings.info_nce_learned:
            self.log_scale = nn.Parameter(torch.tensor(self.log_scale))

    def embed_images(self, features_BF: Tensor) -> Tensor:
        """Image embeddings (B, D) by the image head; without one the features themselves."""
        return features_BF if self.image_head is None else self.image_head(features_BF)

    def losses(self, image_BD: Tensor, speech_BD: Tensor, labels_B: Tensor) -> dict[str, Tensor]:
        """Weighted losses by name.

        Parameters
        ----------
        image_BD, speech_BD : Tensor [shape=(B, D), float32]
            Embeddings of both kinds.
        labels_B : Tensor [shape=(B,), int64]
            Number of each item's class among the training classes.
        """
        settings, terms = self.loss_settings, {}

        # Li et al. 2020: the embedding learns to be the teacher's features.
        if settings.joint:
            terms["joint"] = settings.joint * joint_embedding_loss(
                image_BD,
                speech_BD,
                labels_B,
                form=settings.form,
                margin=settings.margin,
                loss_diff=settings.loss_diff,
                loss_same=settings.loss_same,
                scale=settings.scale,
            )
        if settings.l1:
            terms["l1"] = settings.l1 * l1_loss(speech_BD, image_BD, form=settings.form)
        if settings.distillation:
            terms["distillation"] = settings.distillation * distillation_loss(
                speech_BD, image_BD, temperature=settings.temperature, form=settings.form
            )
        if settings.squared:
            terms["squared"] = settings.squared * F.mse_loss(speech_BD, image_BD)
        if self.heads is not None:
            speech_BC, image_BC = self.heads(speech_BD), self.heads(image_BD)
            terms["heads"] = settings.heads * heads_loss(speech_BC, image_BC, sizes=self.heads.sizes)

        # S2IGAN and its like: utterances and images of the batch are told apart.
        if settings.contrastive:
            terms["contrastive"] = settings.contrastive * contrastive_loss(image_BD, speech_BD, scale=settings.scale)
        if settings.matching:
            terms["matching_loss"] = settings.matching * matching_loss(
                image_BD, speech_BD, labels_B, scale=settings.scale
            )
        if settings.info_nce:
            scale = torch.as_tensor(self.log_scale).exp()
            terms["info_nce"] = settings.info_nce * contrastive_loss(image_BD, speech_BD, labels_B, scale=scale)
        if self.classifier is not None:
            logits = self.classifier(image_BD), self.classifier(speech_BD)
            terms["distinctive"] = settings.distinctive * distinctive_loss(*logits, labels_B)
        return terms


def encoder_config(settings: EncoderSettings, n_mels: int) -> dict[str, Any]:
    """Arguments of `build_encoder`, as plain data for a release's config; li2020 is not named, for compatibility."""
    if settings.network == "s2igan":
        crnn = settings.crnn
        return {
            "network": "s2igan",
            "n_mels": n_mels,
            "channels": list(crnn.channels),
            "rnn_layers": crnn.rnn_layers,
            "embedding_dim": crnn.embedding_dim,
            "attention_dim": crnn.attention_dim,
            "masked": crnn.masked,
            "attention_start": crnn.attention_start,
        }
    model = settings.model
    return {
        "n_mels": n_mels,
        "channels": list(model.channels),
        "rnn_layers": model.rnn_layers,
        "bidirectional": model.bidirectional,
        "embedding_dim": model.embedding_dim,
        "pooling": model.pooling,
        "dropout": model.dropout,
        "masked": model.masked,
        "last_stride": model.last_stride,
        "padded_frames": model.padded_frames,
        "pad_value": pad_value(settings),
    }


def pretrained_config(settings: EncoderSettings, front_end: ReleasedFrontEnd) -> dict[str, Any]:
    """Arguments of `build_encoder` for an encoder on a front-end, as plain data for a release's config.

    Parameters
    ----------
    settings : EncoderSettings
        Of the adapter.
    front_end : ReleasedFrontEnd
        What it is built on.
    """
    own = settings.pretrained
    return {
        "network": "pretrained",
        "front_end": front_end.name,
        "front_end_config": dict(front_end.settings),
        "adapter": own.adapter,
        "width": own.width,
        "num_layers": own.num_layers,
        "num_heads": own.num_heads,
        "feed_forward": own.feed_forward,
        "centred": own.centred,
        "kernel": own.kernel,
        "embedding_dim": own.embedding_dim,
        "frame_stride": own.frame_stride,
        "max_frames": own.max_frames,
        "dropout": own.dropout,
        "unit_length": own.unit_length,
        "tuned": own.tuned,
        "manner": own.manner,
    }


def pad_value(settings: EncoderSettings) -> float:
    """What stands behind an utterance in a batch."""
    if settings.network == "li2020" and settings.model.pad_value is not None:
        return settings.model.pad_value
    return float(MEL_PRESETS[settings.mel_preset].pad_value)


def released_weights(weights: dict[str, Tensor], standard: Standardizer | None) -> dict[str, Tensor]:
    """Weights of a `SpeechImageModel` as a release holds them.

    Parameters
    ----------
    weights : dict
        State of a `SpeechImageModel`.
    standard : Standardizer, optional
        What its features were standardised with.

    Returns
    -------
    dict
        ``encoder.*``; with an image head ``image_head.*``, the standardisation folded into it so that it takes features
        as the teacher gives them; without one ``target.mean`` and ``target.std`` where features were standardised.
        The classifier stays behind: it knows training classes only; so does the temperature of the loss.
    """
    kept_back = ("classifier.", "log_scale")
    tensors = {name: value for name, value in weights.items() if not name.startswith(kept_back)}
    if standard is None:
        return tensors
    mean, std = (torch.from_numpy(values).double() for values in (standard.mean, standard.std))
    if "image_head.linear.weight" not in tensors:
        return tensors | {"target.mean": mean.float(), "target.std": std.float()}
    weight = tensors["image_head.linear.weight"].double() / std
    bias = tensors["image_head.linear.bias"].double() - weight @ mean
    return tensors | {"image_head.linear.weight": weight.float(), "image_head.linear.bias": bias.float()}
