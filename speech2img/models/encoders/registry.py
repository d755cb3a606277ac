"""Networks by preset name: a plain dict of builders, whose arguments override the preset's."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from speech2img.models.encoders.base import SpeechNetwork
from speech2img.models.encoders.image_head import ImageHead
from speech2img.models.encoders.li2020 import SpeechEncoder
from speech2img.models.encoders.s2igan import CRNNEncoder
from speech2img.models.generators.relation_classifier import RelationClassifier
from speech2img.models.generators.stackgan import StackDiscriminator, StackGenerator
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.models.vision.googlenet import BVLCGoogLeNet, TorchvisionGoogLeNet
from speech2img.models.vision.inception import InceptionV3

MODELS: Mapping[str, Callable[..., nn.Module]] = {
    "li2020-encoder": SpeechEncoder,
    "li2020-encoder-published": partial(SpeechEncoder, pooling="padded_mean", masked=False, padded_frames=2048),
    "s2igan-encoder": CRNNEncoder,
    "s2igan-encoder-published": partial(CRNNEncoder, masked=False, attention_start="published"),
    "s2igan-image-head": ImageHead,
    "stackgan-v2": StackGenerator,
    "s2igan-generator": partial(StackGenerator, dense=True),
    "stackgan-v2-discriminator": StackDiscriminator,
    "s2igan-relation-classifier": RelationClassifier,
    "s2igan-relation-classifier-published": partial(RelationClassifier, relations=4, joint_norm=False),
    "attribute-network": AttributeNetwork,
    "bvlc-googlenet": BVLCGoogLeNet,
    "torchvision-googlenet": TorchvisionGoogLeNet,
    "fid-inception": InceptionV3,
    "torchvision-inception": partial(InceptionV3, build="torchvision", num_classes=1000),
}

SPEECH_NETWORKS: Mapping[str, Callable[..., SpeechNetwork]] = {"li2020": SpeechEncoder, "s2igan": CRNNEncoder}


def speech_network(*, network: str = "li2020", **settings: Any) -> SpeechNetwork:
    """Speech encoder of a release: what stands under ``encoder`` in its config.

    Parameters
    ----------
    network : str
        One of ``SPEECH_NETWORKS``; releases from before there were two do not name it.
    **settings
        The network's own.

    Raises
    ------
    ValueError
        If there is no such network, or its settings contradict each other.
    TypeError
        For a setting that the network does not have.
    """
    if network not in SPEECH_NETWORKS:
        raise ValueError(f"network must be one of {', '.join(SPEECH_NETWORKS)}, got {network!r}")
    return SPEECH_NETWORKS[network](**settings)
