"""``speech2img import``: turn a published checkpoint into a release of ours."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from speech2img.cli.parsing import add_verb
from speech2img.errors import CheckpointError, ConfigError, DataError

if TYPE_CHECKING:
    from torch import Tensor

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
_ZIP = b"PK\3\4"
_PICKLE = b"\x80"


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
    from speech2img.storage.releases.release import release_sha256

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
        The published file, compressed with gzip or not; read without running anything in it.
    out : Path
        Release folder to write.
    mel_preset : str, optional
        Front-end of a speech encoder, where it is not its publisher's usual one.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, hostile or of another network.
    ConfigError
        If there is no such front-end, the network is no speech encoder, or ``out`` is a file or a folder that holds
        anything but an older release; the file is not read then.
    """
    if mel_preset is not None:
        _check_front_end(source, mel_preset)
    from speech2img.cli.published_networks import converter, described
    from speech2img.models.published.containers import find_state
    from speech2img.storage.atomic import file_sha256
    from speech2img.storage.releases.networks import build_network
    from speech2img.storage.releases.release import require_release_place, save_release

    require_release_place(out)
    convert, fix = converter(source), f"is it a {source} checkpoint?"
    try:
        found = find_state(_read(source, file), convert)
        converted, fix = convert(found.tensors), f"{fix}{found.hint()}"
        network, settings, prefix, config = described(source, converted)
    except ValueError as error:
        raise CheckpointError.about(file, error, fix) from error
    build_network(network, settings, converted, name=str(file), fix=fix)
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


def _read(source: str, file: Path) -> Any:
    """What a published file of any of the three formats holds, told apart by its content and unpacked if need be."""
    from speech2img.storage.bounded import open_unpacked

    try:
        with open_unpacked(file) as opened:
            head = opened.read(len(_ZIP))
            opened.seek(0)
            if head == _ZIP and _holds_arrays(opened):
                return _read_npz(opened)
            if source == "caffe-googlenet" and head != _ZIP and head[:1] != _PICKLE:
                return _read_caffemodel(opened)
            from speech2img.storage.foreign.torch_files import read_published_file

            return read_published_file(opened, name=file)
    except DataError as error:
        raise CheckpointError(str(error)) from error


def _holds_arrays(opened: IO[bytes]) -> bool:
    """Whether a zip archive is an .npz: a torch file has a pickle inside."""
    from speech2img.storage.foreign.torch_storages import MAX_MEMBERS
    from speech2img.storage.foreign.zips import open_zip

    with open_zip(opened, max_members=MAX_MEMBERS) as archive:
        return not any(name.endswith("data.pkl") for name in archive.namelist())


def _read_npz(opened: IO[bytes]) -> "State":
    import torch

    from speech2img.storage.foreign.npz import load_arrays

    arrays = load_arrays(opened).items()
    numbers = {
        name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays if array.dtype.kind in "biuf"
    }
    return {name: torch.from_numpy(array) for name, array in numbers.items()}


def _read_caffemodel(opened: IO[bytes]) -> "State":
    from speech2img.models.published.caffemodel import MAX_BYTES, read_caffemodel

    return read_caffemodel(opened.read(MAX_BYTES + 1))
