"""Networks by preset name: a plain dict of builders, whose arguments override the preset's."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from speech2img.models.attribute_network import AttributeNetwork
from speech2img.models.googlenet import BVLCGoogLeNet, TorchvisionGoogLeNet
from speech2img.models.inception import InceptionV3
from speech2img.models.speech_encoder import SpeechEncoder
from speech2img.models.stackgan import StackDiscriminator, StackGenerator

MODELS: Mapping[str, Callable[..., nn.Module]] = {
    "li2020-encoder": SpeechEncoder,
    "li2020-encoder-published": partial(SpeechEncoder, pooling="padded_mean", masked=False, padded_frames=2048),
    "stackgan-v2": StackGenerator,
    "stackgan-v2-discriminator": StackDiscriminator,
    "attribute-network": AttributeNetwork,
    "bvlc-googlenet": BVLCGoogLeNet,
    "torchvision-googlenet": TorchvisionGoogLeNet,
    "fid-inception": InceptionV3,
    "torchvision-inception": partial(InceptionV3, build="torchvision", num_classes=1000),
}
