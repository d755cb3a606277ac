"""``speech2img import``: turn a published checkpoint into a release of ours."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech2img.cli.parsing import add_verb
from speech2img.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

    State = Mapping[str, Tensor]

SOURCES = (
    "li2020-encoder",
    "stackgan-v2-generator",
    "stackgan-v2-discriminator",
    "s2igan-sen",
    "s2igan-generator",
    "torchvision-googlenet",
    "caffe-googlenet",
    "fid-inception",
    "torchvision-inception",
    "tacotron2",
    "hifigan",
)


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "import",
        summary="convert a published checkpoint",
        description=(
            "Converts a published checkpoint into a release folder (safetensors, config, card, hashes) that works\n"
            "wherever our own weights do. It keeps its published behaviour.\n\n"
            "  li2020-encoder             .pth of Li et al. 2020: the speech encoder\n"
            "  stackgan-v2-generator      netG_*.pth\n"
            "  stackgan-v2-discriminator  netD*.pth\n"
            "  s2igan-sen                 best_audio_model.pth of S2IGAN: the speech encoder\n"
            "  s2igan-generator           netG_*.pth of S2IGAN\n"
            "  torchvision-googlenet      googlenet-*.pth\n"
            "  caffe-googlenet            bvlc_googlenet.caffemodel, or an .npz with the same arrays\n"
            "  fid-inception              pt_inception-2015-12-05-*.pth, or its folded layers as .npz\n"
            "  torchvision-inception      inception_v3_google-*.pth\n"
            "  tacotron2                  NVIDIA's tacotron2_statedict.pt: text to log-mel frames\n"
            "  hifigan                    generator_v1, _v2 or _v3 (or g_*): log-mel frames to sound"
        ),
        examples=(
            "speech2img import li2020-encoder best.pth --out weights/li2020",
            "speech2img import stackgan-v2-generator netG_335000.pth --out weights/stackgan",
            "speech2img generate --model weights/li2020 --generator weights/stackgan bird.wav --out pictures",
        ),
    )
    parser.add_argument("source", choices=SOURCES, metavar="SOURCE", help=", ".join(SOURCES))
    parser.add_argument("file", type=Path, metavar="FILE", help="the published file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="release folder to write")
    parser.add_argument(
        "--mel-preset",
        metavar="NAME",
        help="front-end of a speech encoder, where it is not its publisher's usual one: s2igan_native16k for an "
        "s2igan-sen trained on Flickr8k or Places",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert and print the folder and its hash."""
    from speech2img.storage.weights import release_sha256

    import_published(args.source, args.file, args.out, mel_preset=args.mel_preset)
    print(f"{args.out}: {args.source}, sha256 {release_sha256(args.out)}")
    return 0


def import_published(source: str, file: Path, out: Path, *, mel_preset: str | None = None) -> None:
    """Convert one published file into a release folder, float32 as published.

    Parameters
    ----------
    source : str
        One of ``SOURCES``.
    file : Path
        The published file; read without running anything in it.
    out : Path
        Release folder to write.
    mel_preset : str, optional
        Front-end of a speech encoder, where it is not its publisher's usual one.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, hostile or of another network.
    ConfigError
        If there is no such front-end, or the network is no speech encoder.
    """
    if mel_preset is not None:
        _check_front_end(source, mel_preset)
    from speech2img.storage.atomic import file_sha256
    from speech2img.storage.networks import load_weights
    from speech2img.storage.weights import save_release

    state = _read(source, file)
    try:
        module, prefix, config, converted = _convert(source, state)
    except (ValueError, RuntimeError, MemoryError) as error:  # sizes that no machine has room for are a RuntimeError
        raise CheckpointError.about(file, error, f"is it a {source} checkpoint?") from error
    load_weights(module, converted, name=str(file))
    front_end = {} if mel_preset is None else {"mel_preset": mel_preset}
    config = {**config, **front_end, "source": source, "source_file": file.name, "source_sha256": file_sha256(file)}
    card = (
        f"# {source}\n\nConverted by `speech2img import {source} {file.name}`; published behaviour kept, float32.\n"
        f"SHA-256 of the published file: {config['source_sha256']}.\nIts licence is that of its publisher.\n"
    )
    save_release(out, {f"{prefix}{name}": tensor for name, tensor in converted.items()}, config, card, half=False)


def _check_front_end(source: str, name: str) -> None:
    from speech2img.audio.mel import mel_preset

    if source not in ("li2020-encoder", "s2igan-sen"):
        raise ConfigError.about(f"--mel-preset {name}", f"{source} is no speech encoder", "leave it away")
    mel_preset(name)


def _convert(source: str, state: "State") -> "tuple[nn.Module, str, dict[str, Any], State]":
    """Module, prefix of its tensors, release config and converted state of a published state."""
    from speech2img.models import hifigan, inception_published, published, sen_published, tacotron2_published
    from speech2img.models.builders import speech_network
    from speech2img.models.googlenet import BVLCGoogLeNet, TorchvisionGoogLeNet
    from speech2img.models.speech_encoder import SpeechEncoder
    from speech2img.models.stackgan import StackDiscriminator, StackGenerator
    from speech2img.models.tacotron2 import Tacotron2

    if source == "li2020-encoder":
        converted = published.convert_li2020_encoder(state)
        settings = published.li2020_encoder_settings(converted)
        config = {"kind": "speech-encoder", "mel_preset": "li2020", "encoder": settings}
        return SpeechEncoder(**settings), "encoder.", config, converted
    if source in ("stackgan-v2-generator", "s2igan-generator"):
        converted = published.convert_stackgan_v2_generator(state)
        settings = published.stackgan_v2_generator_settings(converted)
        if settings["dense"] != (source == "s2igan-generator"):
            right = "s2igan-generator" if settings["dense"] else "stackgan-v2-generator"
            raise ValueError(f"its later stages are those of a {right}")
        config = {"kind": "image-generator", "generator": settings, "conditioning": "sampled"}
        return StackGenerator(**settings), "generator.", config, converted
    if source == "stackgan-v2-discriminator":
        converted = published.convert_stackgan_v2_discriminator(state)
        settings = published.stackgan_v2_discriminator_settings(converted)
        config = {"kind": "image-discriminator", "discriminator": settings}
        return StackDiscriminator(**settings), "discriminator.", config, converted
    if source == "s2igan-sen":
        converted = sen_published.convert_s2igan_sen(state)
        settings = {"network": "s2igan", **sen_published.s2igan_sen_settings(converted)}
        config = {"kind": "speech-encoder", "mel_preset": "s2igan", "encoder": settings}
        return speech_network(**settings), "encoder.", config, converted
    if source == "tacotron2":
        converted = tacotron2_published.convert_tacotron2(state)
        settings = tacotron2_published.tacotron2_settings(converted)
        config = {"kind": "tacotron2", "mel_preset": "tacotron2", "cleaner": "english", "tacotron2": settings}
        return Tacotron2(**settings), "", config, converted
    if source == "hifigan":
        converted = hifigan.convert_hifigan(state)
        settings = hifigan.hifigan_settings(converted)
        config = {"kind": "vocoder", "mel_preset": "tacotron2", "hifigan": settings}
        return hifigan.HifiGan(**settings), "", config, converted
    if source in ("fid-inception", "torchvision-inception"):
        network, settings, converted = inception_published.convert_inception(state, source)
        return network, "", {"kind": "inception", "inception": settings}, converted
    variants: dict[str, tuple[Callable[[State], State], type[nn.Module], str]] = {
        "torchvision-googlenet": (published.convert_torchvision_googlenet, TorchvisionGoogLeNet, "torchvision"),
        "caffe-googlenet": (published.convert_caffe_googlenet, BVLCGoogLeNet, "bvlc"),
    }
    convert, googlenet, variant = variants[source]
    return googlenet(), "", {"kind": "googlenet", "variant": variant}, convert(state)


def _read(source: str, file: Path) -> "State":
    """Named tensors of a published file of any of the three formats."""
    if not file.is_file():
        raise CheckpointError.about(file, "no such file", "give the published checkpoint")
    if file.suffix == ".npz":
        return _read_npz(file)
    if source == "caffe-googlenet":
        from speech2img.models.caffemodel import read_caffemodel

        try:
            return read_caffemodel(file.read_bytes())
        except ValueError as error:
            raise CheckpointError.about(file, error, "give bvlc_googlenet.caffemodel") from error
    from speech2img.models.published import unwrap_state
    from speech2img.storage.tensors import load_torch_file

    try:
        return unwrap_state(load_torch_file(file))
    except ValueError as error:
        raise CheckpointError.about(file, error, f"is it a {source} checkpoint?") from error


def _read_npz(file: Path) -> "State":
    import torch

    from speech2img.storage.arrays import load_arrays

    try:
        return {name: torch.from_numpy(array) for name, array in load_arrays(file).items()}
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError.about(file, f"not a readable .npz ({error})", "fetch it again") from error
