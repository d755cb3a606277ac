"""States as the published checkpoints hold them, small where their sizes are free: what ``import`` reads."""

import pickle
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from helpers.efficientnet_states import without_values as efficientnet_lite
from helpers.hubert_states import fairseq_names, hugging_face_state, speechclip_state
from helpers.taef2_files import published_state as taef2_state
from helpers.vqgan_states import published_state as vqgan_state
from helpers.whisper_files import openai_state
from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.encoders.s2igan import S2IGANEncoder
from speech2img.models.generators.attngan.generator import AttnGANGenerator
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.models.generators.stackgan_v1.generator import StackGANv1
from speech2img.models.published import inception as inception_published
from speech2img.models.published import tacotron2 as tacotron2_published
from speech2img.models.published.googlenet import CAFFE_BRANCHES
from speech2img.models.published.li2020 import LI2020_LAYERS
from speech2img.models.text_encoders.char_cnn_rnn import CharCnnRnn
from speech2img.models.text_encoders.word_lstm import WordLSTM
from speech2img.models.tts.hifigan import HifiGan
from speech2img.models.tts.tacotron2 import Tacotron2
from speech2img.models.vision.googlenet import BVLCGoogLeNet, TorchvisionGoogLeNet
from speech2img.models.vision.inception import InceptionV3

State = dict[str, Tensor]
ONES = torch.ones(3)


def renamed(module: nn.Module, *rules: tuple[str, str | Callable[[re.Match[str]], str]]) -> State:
    """State of a module with the first rule applied that fits a name."""
    state = {}
    for key, value in module.state_dict().items():
        pattern, new = next(((p, n) for p, n in rules if re.match(p, key)), ("", ""))
        state[re.sub(pattern, new, key, count=1) if pattern else key] = value
    return state


def li2020_encoder(*, n_mels: int = 8) -> State:
    layers = {ours: theirs for theirs, ours in LI2020_LAYERS.items()}
    module = Li2020Encoder(
        n_mels=n_mels, channels=(4,) * len(layers), rnn_layers=1, bidirectional=True, embedding_dim=8,
        pooling="padded_mean", masked=False, padded_frames=2048, pad_value=0.0,
    )  # fmt: skip
    state = renamed(
        module,
        (r"input_norm\.", "Conv.0."),
        (r"layers\.(\d+)\.(conv|norm)\.", lambda m: f"Conv.{layers[int(m[1])]}.{'01'[m[2] == 'norm']}."),
        (r"rnn\.", "RNN."),
    )
    first = f"Conv.{layers[0]}.0.weight"
    return {key: v.unsqueeze(1 if key == first else 2) if v.dim() == 3 else v for key, v in state.items()}


def stackgan_generator(*, dense: bool = False, embedding_dim: int = 8) -> State:
    sizes = {"embedding_dim": embedding_dim, "condition_dim": 4, "noise_dim": 3, "width": 4, "num_stages": 2}
    return stackgan_generator_names(StackGenerator(**sizes, dense=dense))  # type: ignore[arg-type]


def stackgan_generator_names(module: nn.Module) -> State:
    """State of a stacked generator under StackGAN-v2's names."""
    block = {"gated.conv": "0", "gated.norm": "1", "conv": "3", "norm": "4"}
    return renamed(
        module,
        (r"augment\.project", "ca_net.fc"),
        (r"first\.(project|norm)", lambda m: f"h_net1.fc.{'01'[m[1] == 'norm']}"),
        (r"first\.ups\.(\d)\.(conv|norm)", lambda m: f"h_net1.upsample{int(m[1]) + 1}.{'12'[m[2] == 'norm']}"),
        (r"to_image\.(\d)", lambda m: f"img_net{int(m[1]) + 1}.img.0"),
        (r"next\.(\d)\.joint\.(conv|norm)", lambda m: f"h_net{int(m[1]) + 2}.jointConv.{'01'[m[2] == 'norm']}"),
        (r"next\.(\d)\.up\.(conv|norm)", lambda m: f"h_net{int(m[1]) + 2}.upsample.{'12'[m[2] == 'norm']}"),
        (
            r"next\.(\d)\.residual\.(\d)\.(gated\.conv|gated\.norm|conv|norm)",
            lambda m: f"h_net{int(m[1]) + 2}.residual.{m[2]}.block.{block[m[3]]}",
        ),
    )


def stackgan_discriminator() -> State:
    trunk = {"0.conv": 0, "1.conv": 2, "1.norm": 3, "2.conv": 5, "2.norm": 6, "3.conv": 8, "3.norm": 9}
    return renamed(
        StackDiscriminator(size=64, condition_dim=4, width=4),
        (r"trunk\.(\d\.\w+)\.", lambda m: f"img_code_s16.{trunk[m[1]]}."),
        (r"joint\.(conv|norm)\.", lambda m: f"jointConv.{'01'[m[1] == 'norm']}."),
        (r"(un)?conditional\.", lambda m: f"{'uncond_' if m[1] else ''}logits.0."),
    )


def s2igan_sen() -> State:
    return renamed(
        S2IGANEncoder(channels=(4, 6), embedding_dim=8, attention_dim=3),
        (r"(convs|norms)\.(\d)\.", lambda m: f"{'Conv' if m[1] == 'convs' else 'bnorm'}{int(m[2]) + 1}."),
        (r"attention\.", "att.att_heads.0."),
    )


def tacotron2() -> State:
    sizes = "encoder_dim attention_dim location_filters prenet_dim attention_rnn_dim decoder_rnn_dim postnet_dim"
    module = Tacotron2(num_symbols=9, n_mels=4, location_kernel=3, **dict.fromkeys(sizes.split(), 4))
    plain = {ours: theirs for theirs, ours in tacotron2_published._PLAIN.items()}
    return renamed(
        module,
        *((re.escape(ours) + r"(?=\.)", theirs) for ours, theirs in plain.items()),
        (
            r"(encoder|postnet)\.layers\.(\d+)\.(conv|norm)\.",
            lambda m: f"{m[1]}.convolutions.{m[2]}.{'1' if m[3] == 'norm' else '0.conv'}.",
        ),
        (r"encoder\.rnn\.", "encoder.lstm."),
        (r"decoder\.prenet\.layers\.(\d)\.weight", r"decoder.prenet.layers.\1.linear_layer.weight"),
        (r"(decoder\.decoder_rnn\.\w+)_l0", r"\1"),
    )


def hifigan() -> State:
    return renamed(
        HifiGan(n_mels=4, width=16),
        (r"first\.", "conv_pre."),
        (r"last\.", "conv_post."),
        (r"blocks\.(\d+)\.(dilated|plain)\.", lambda m: f"resblocks.{m[1]}.convs{'12'[m[2] == 'plain']}."),
    )


def without_values(network: Callable[[], nn.Module]) -> State:
    """Zeros in the shapes of a large network, whose values would take seconds to draw."""
    with torch.device("meta"):
        state = network().state_dict()
    return {key: torch.zeros(value.shape, dtype=torch.float16) for key, value in state.items() if value.dim()}


def caffe_googlenet() -> State:
    plain = {"conv1": "conv1/7x7_s2", "conv2_reduce": "conv2/3x3_reduce", "conv2": "conv2/3x3"}
    branches = {ours: theirs for theirs, ours in CAFFE_BRANCHES.items()}
    state = {}
    for key, value in without_values(BVLCGoogLeNet).items():
        layer, _, part = key.rpartition(".")
        if match := re.fullmatch(r"inception\.(\w+)\.(\w+)", layer):
            layer = f"inception_{match[1]}/{branches[match[2]]}"
        state[f"{plain.get(layer, layer).replace('classifier', 'loss3/classifier')}/{part}"] = value
    return state


def inception(build: str) -> State:
    branches = list(inception_published._BRANCHES)
    layers = [f"Conv2d_{name}" for name in inception_published._STEM]
    layers += [
        f"Mixed_{block}.{branch}{place}"
        for block in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
        for branch in branches
        for place in ("", *(f"_{index}{fork}" for index in range(1, 6) for fork in ("", "a", "b")))
    ]
    names = {}
    for layer in layers:
        try:
            names[inception_published._published_name(layer, "it")] = layer
        except ValueError:
            continue
    classes = 1008 if build == "fid" else 1000
    state = {}
    for key, value in without_values(lambda: InceptionV3(build=build, depth="7c", num_classes=classes)).items():
        layer, _, part = key.rpartition(".")
        if layer == "classifier":
            state[f"fc.{part}"] = value
        elif part == "weight":
            state[f"{names[layer]}.conv.weight"] = value
            for name, fill in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
                state[f"{names[layer]}.bn.{name}"] = torch.full((len(value),), fill)
    return state


STACKGAN_V1_ENCODER = {"from_image": 0, "downs.0.conv": 2, "downs.0.norm": 3, "downs.1.conv": 5, "downs.1.norm": 6}
VOCABULARY = "<end> a bird red"


def stackgan_v1(stage: int) -> State:
    module = StackGANv1(
        embedding_dim=8, condition_dim=4, noise_dim=3, width=4, stage=stage, residual_blocks=1,  # type: ignore[arg-type]
    )  # fmt: skip
    block = {"first.conv": "0", "first.norm": "1", "conv": "3", "norm": "4"}
    state: State = {}
    for key, value in renamed(module, (r"first\.", "STAGE1_G." if stage == 2 else ""), (r"second\.", "")).items():
        inside = key.removeprefix("STAGE1_G.")
        for pattern, new in (
            (r"augment\.project", "ca_net.fc"),
            (r"project\.", "fc.0."),
            (r"norm\.", "fc.1."),
            (r"ups\.(\d)\.(conv|norm)", lambda m: f"upsample{int(m[1]) + 1}.{'12'[m[2] == 'norm']}"),
            (r"to_image", "img.0"),
            (r"(from_image|downs\.\d\.\w+)\.", lambda m: f"encoder.{STACKGAN_V1_ENCODER[m[1]]}."),
            (r"joint\.(conv|norm)", lambda m: f"hr_joint.{'01'[m[1] == 'norm']}"),
            (r"residual\.(\d)\.(first\.conv|first\.norm|conv|norm)", lambda m: f"residual.{m[1]}.block.{block[m[2]]}"),
        ):
            if re.match(pattern, inside):
                inside = re.sub(pattern, new, inside, count=1)
                break
        state[f"{'STAGE1_G.' if key.startswith('STAGE1_G.') else ''}{inside}"] = value
    return state


def attngan_generator() -> State:
    """The stages behind the first look at words; all else has StackGAN-v2's names."""
    sizes = {"embedding_dim": 8, "condition_dim": 4, "noise_dim": 3, "width": 4, "num_stages": 2}
    ours = AttnGANGenerator(**sizes, residual_blocks=2).state_dict()  # type: ignore[arg-type]
    attention = ours.pop("next.0.attention.project.weight")[:, :, None, None]
    plain = nn.Module()
    plain.state_dict = lambda: ours  # type: ignore[assignment, method-assign]
    return {**stackgan_generator_names(plain), "h_net2.att.conv_context.weight": attention}


def attngan_discriminator() -> State:
    return {
        re.sub(r"^(un)?cond_?logits|^logits|^jointConv", _attngan_head, key): value
        for key, value in stackgan_discriminator().items()
    }


def _attngan_head(match: re.Match[str]) -> str:
    heads = {"jointConv": "COND_DNET.jointConv", "logits": "COND_DNET.outlogits"}
    return heads.get(match[0], "UNCOND_DNET.outlogits")


def attngan_text_encoder() -> State:
    return renamed(WordLSTM(vocabulary=VOCABULARY, embedding_dim=8, word_dim=5), (r"lookup\.", "encoder."))


def attngan_image_encoder() -> State:
    trunk = {key: v for key, v in inception("torchvision").items() if not key.startswith(("fc.", "AuxLogits."))}
    layers = {"emb_features.weight": (8, 768, 1, 1), "emb_cnn_code.weight": (8, 2048), "emb_cnn_code.bias": (8,)}
    return {**trunk, **{name: torch.zeros(shape) for name, shape in layers.items()}}


def char_cnn_rnn() -> State:
    rnn = {"input": "i2h", "state": "h2h"}
    return renamed(
        CharCnnRnn(width=8, embedding_dim=4),
        (r"convs\.(\d)", lambda m: f"conv{int(m[1]) + 1}"),
        (r"recurrent\.(input|state)", lambda m: f"rnn.{rnn[m[1]]}"),
        (r"project", "emb_proj"),
    )


def save_captions(path: Path, *, vocabulary: str = VOCABULARY) -> None:
    """``captions.pickle`` of AttnGAN as Python 2 wrote it, of two images."""
    words = dict(enumerate(vocabulary.split(" ")))
    numbers = {word: number for number, word in words.items()}
    path.write_bytes(pickle.dumps([[[1, 3, 2], [2]], [[1]], words, numbers], protocol=2))


PUBLISHED: dict[str, Callable[[], State]] = {
    "li2020-encoder": li2020_encoder,
    "stackgan-v2-generator": stackgan_generator,
    "stackgan-v2-discriminator": stackgan_discriminator,
    "stackgan-v1-stage1": lambda: stackgan_v1(1),
    "stackgan-v1-stage2": lambda: stackgan_v1(2),
    "attngan-generator": attngan_generator,
    "attngan-discriminator": attngan_discriminator,
    "attngan-text-encoder": attngan_text_encoder,
    "attngan-image-encoder": attngan_image_encoder,
    "char-cnn-rnn": char_cnn_rnn,
    "s2igan-sen": s2igan_sen,
    "s2igan-generator": lambda: stackgan_generator(dense=True),
    "torchvision-googlenet": lambda: without_values(TorchvisionGoogLeNet),
    "caffe-googlenet": caffe_googlenet,
    **{f"efficientnet-{variant}": partial(efficientnet_lite, variant) for variant in ("lite0", "lite1", "lite2")},
    "fid-inception": lambda: inception("fid"),
    "torchvision-inception": lambda: inception("torchvision"),
    "tacotron2": tacotron2,
    "whisper-encoder": openai_state,
    "hubert-encoder": lambda: fairseq_names(hugging_face_state("large"), large=True),
    "speechclip-encoder": lambda: speechclip_state(large=False),
    "taef2": lambda: taef2_state("encoder"),
    "vqgan": vqgan_state,
    "gumbel-vq": partial(vqgan_state, "gumbel-vq"),
    "hifigan": hifigan,
}
BESIDE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "taef2": ("--decoder", lambda path: torch.save(taef2_state("decoder"), path)),
    "attngan-text-encoder": ("--vocabulary", save_captions),
}
"""Option and writer of the further file of a network that is published in two."""
