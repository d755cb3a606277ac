"""``speech2img import``: turn a published checkpoint into a release of ours."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from speech2img.cli.importers import IMPORTERS
from speech2img.cli.parsing import add_option, add_verb
from speech2img.errors import CheckpointError, ConfigError, DataError, with_article
from speech2img.models.published.conversion import Conversion

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]

DESCRIPTION = """\
Converts a published checkpoint into a release folder (safetensors, config, card, hashes) that works
wherever our own weights do. It keeps its published behaviour.

"""
_ZIP = b"PK\3\4"
_PICKLE = b"\x80"


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    width = max(map(len, IMPORTERS)) + 2
    parser = add_verb(
        verbs,
        "import",
        summary="convert a published checkpoint",
        description=DESCRIPTION + "\n".join(f"  {name:{width}}{row.summary}" for name, row in IMPORTERS.items()),
        examples=(
            "speech2img import li2020-encoder best.pth --out weights/li2020",
            "speech2img import stackgan-v2-generator netG_335000.pth --out weights/stackgan",
            "speech2img import fid-inception to_mixed7.npz mixed8_to_10.npz --out weights/fid-inception",
            "speech2img import taef2 taef2_encoder.pth --decoder taef2_decoder.pth --out weights/taef2",
            "speech2img import vqgan last.ckpt --mapping used.pth --out weights/vqgan",
            "speech2img generate --model weights/li2020 --generator weights/stackgan bird.wav --out pictures",
        ),
    )
    parser.add_argument("source", choices=tuple(IMPORTERS), metavar="SOURCE", help=", ".join(IMPORTERS))
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="the published file; of fid-inception there may be several"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="release folder to write")
    for option in {option.name: option for row in IMPORTERS.values() for option in row.options}.values():
        add_option(parser, option)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert and print the folder and its hash."""
    from speech2img.storage.releases.release import release_sha256

    names = {option.name for row in IMPORTERS.values() for option in row.options}
    options = {name: getattr(args, name) for name in sorted(names) if getattr(args, name) not in (None, False)}
    import_published(args.source, args.files, args.out, **options)
    print(f"{args.out}: {args.source}, sha256 {release_sha256(args.out)}")
    return 0


def import_published(source: str, file: Path | Sequence[Path], out: Path, **options: Any) -> None:
    """Convert a published network into a release folder, with the values that were published.

    Parameters
    ----------
    source : str
        One of ``IMPORTERS``.
    file : Path, or a sequence of them where the importer takes several
        The published file, compressed with gzip or not; read without running anything in it.
    out : Path
        Release folder to write.
    **options
        Of that importer, such as ``mel_preset`` of the speech encoders.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, hostile or of another network.
    ConfigError
        If the importer has no such option or refuses its value, or ``out`` is a file or a folder that holds anything
        but an older release; the file is not read then.
    """
    _check_options(source, options)
    from speech2img.audio.mel import released_preset
    from speech2img.models.published.containers import find_state
    from speech2img.storage.reading import file_sha256
    from speech2img.storage.releases.networks import build_network
    from speech2img.storage.releases.writing import require_release_place, save_release

    # What can be refused without reading a file.
    conversion = IMPORTERS[source].open(**options)
    files = [file] if isinstance(file, Path) else list(file)
    if len(files) > 1 and not conversion.several:
        raise ConfigError.about(files[1], f"{source} is one file, and {len(files)} are given", "give one FILE")
    require_release_place(out)

    # Convert, file by file.
    sources = [*((path, conversion.convert) for path in files), *conversion.beside.items()]
    parts = [(path, _refusing(convert)) for path, convert in sources]
    converted: dict[str, Tensor] = {}
    fix = f"is it {with_article(source)} checkpoint?"
    for path, convert in parts:
        try:
            network = find_state(conversion.unpack(_read(path, conversion)), convert)
            part = convert(network.tensors)
        except ValueError as error:
            raise CheckpointError.about(path, error, fix) from error
        for name, tensor in part.items():
            if not tensor.isfinite().all():
                reason = "holds values that are not finite"
                raise CheckpointError.about(f"{path}: {name}", reason, "use another checkpoint")
        if repeated := sorted(converted.keys() & part.keys()):
            raise CheckpointError.about(path, f"holds {repeated[0]}, which another file has too", "give each part once")
        converted |= part
        fix += network.hint()

    # What they give must be one network.
    names = ", ".join(str(path) for path, _ in parts)
    try:
        ours = conversion.describe(converted)
    except ValueError as error:
        raise CheckpointError.about(names, error, fix) from error
    build_network(ours.network, ours.settings, converted, name=names, fix=fix)
    if (preset := options.get("mel_preset")) is not None:
        released_preset(preset, n_mels=ours.settings["n_mels"], source=f"{names}: --mel-preset {preset}")

    # Write the release.
    hashes = [(path.name, file_sha256(path)) for path, _ in parts]
    sha256 = "+".join(sorted(sha256 for _, sha256 in hashes[: len(files)]))
    config = {**ours.config, "source": source, "source_file": files[0].name, "source_sha256": sha256}
    if len(parts) > 1:
        config["source_files"] = [{"name": name, "sha256": sha256} for name, sha256 in hashes]
    half = ours.half and all(map(_fits_half, converted.values()))
    tensors = {f"{ours.prefix}{name}": tensor for name, tensor in converted.items()}
    more = (f" --{name} {value.name}" for name, value in options.items() if isinstance(value, Path))
    call = f"speech2img import {source} {' '.join(path.name for path in files)}{''.join(more)}"
    save_release(out, tensors, config, _card(call, source, hashes, ours.notice, half=half), half=half)


def _card(call: str, source: str, hashes: Sequence[tuple[str, str]], notice: str, *, half: bool) -> str:
    """What the release says to people; ``hashes`` has name and SHA-256 of each published file."""
    kind = "float16" if half else "float32"
    names = {name: name if len(hashes) > 1 else "the published file" for name, _ in hashes}
    sums = "\n".join(f"SHA-256 of {names[name]}: {sha256}." for name, sha256 in hashes)
    return (
        f"# {source}\n\nConverted by `{call}`; published behaviour kept, {kind}.\n"
        f"{sums}\n\n{notice or 'Its licence is that of its publisher.'}\n"
    )


def _refusing(convert: "Callable[[State], dict[str, Tensor]]") -> "Callable[[State], dict[str, Tensor]]":
    """A conversion that raises ValueError too where arrays of odd shapes or types break its arithmetic."""

    def converting(state: "State") -> "dict[str, Tensor]":
        try:
            return convert(state)
        except (RuntimeError, TypeError, IndexError, OverflowError) as error:
            first_line = str(error).partition("\n")[0]
            raise ValueError(f"its arrays have no shapes or types of that network ({first_line:.120})") from error

    return converting


def _fits_half(tensor: "Tensor") -> bool:
    """Whether float16 holds every value of a tensor."""
    return not tensor.is_floating_point() or bool((tensor.half().to(tensor.dtype) == tensor).all())


def _check_options(source: str, options: Mapping[str, Any]) -> None:
    for name in options:
        if all(option.name != name for option in IMPORTERS[source].options):
            owners = [key for key, row in IMPORTERS.items() if any(option.name == name for option in row.options)]
            reason = f"is no option of {source}, but of {', '.join(owners) or 'no format'}"
            raise ConfigError.about(f"--{name.replace('_', '-')}", reason, "omit it")


def _read(file: Path, conversion: Conversion) -> Any:
    """What a published file of any format holds, told apart by its content and unpacked if need be."""
    from speech2img.storage.bounded import open_unpacked

    try:
        with open_unpacked(file) as opened:
            head = opened.read(len(_ZIP))
            opened.seek(0)
            if head == _ZIP and _holds_arrays(opened):
                return _read_npz(opened)
            from speech2img.storage.foreign.torch_files import is_safetensors, read_published_file

            if conversion.read is not None and head != _ZIP and head[:1] != _PICKLE and not is_safetensors(opened):
                return conversion.read(opened)
            return read_published_file(opened, name=file, programs=conversion.programs)
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
