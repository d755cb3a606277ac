"""Every network of the package by a name, for tests that build them all."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from speech2img.models.encoders.hubert import HubertBase, HubertLarge
from speech2img.models.encoders.image_head import ImageHead
from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.encoders.s2igan import S2IGANEncoder
from speech2img.models.encoders.whisper import WhisperEncoder
from speech2img.models.generators.relation_classifier import RelationClassifier
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.models.vision.efficientnet_lite import EfficientNetLite
from speech2img.models.vision.googlenet import BVLCGoogLeNet, TorchvisionGoogLeNet
from speech2img.models.vision.inception import InceptionV3

NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "li2020-encoder": Li2020Encoder,
    "li2020-encoder-published": partial(Li2020Encoder, pooling="padded_mean", masked=False, padded_frames=2048),
    "s2igan-encoder": S2IGANEncoder,
    "s2igan-encoder-published": partial(S2IGANEncoder, masked=False, attention_start="published"),
    "whisper-encoder": WhisperEncoder,
    "hubert-base": HubertBase,
    "hubert-large": HubertLarge,
    "s2igan-image-head": ImageHead,
    "stackgan-v2": StackGenerator,
    "s2igan-generator": partial(StackGenerator, dense=True),
    "stackgan-v2-discriminator": StackDiscriminator,
    "s2igan-relation-classifier": RelationClassifier,
    "s2igan-relation-classifier-published": partial(RelationClassifier, relations=4, joint_norm=False),
    "attribute-network": AttributeNetwork,
    "bvlc-googlenet": BVLCGoogLeNet,
    "torchvision-googlenet": TorchvisionGoogLeNet,
    "efficientnet-lite0": EfficientNetLite,
    "efficientnet-lite2": partial(EfficientNetLite, variant="lite2"),
    "fid-inception": InceptionV3,
    "torchvision-inception": partial(InceptionV3, build="torchvision", num_classes=1000),
}
