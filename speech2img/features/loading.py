"""Frozen teachers: networks whose pooled features of a picture speech learns to give."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.labelled_images import shift_images, to_tensor
from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.inception_maps import InceptionTeacher
from speech2img.images.pyramid import normalised
from speech2img.models.published.caffemodel import MAX_BYTES, read_caffemodel
from speech2img.models.published.checkpoints import convert_caffe_googlenet, convert_torchvision_googlenet
from speech2img.models.published.containers import find_state
from speech2img.models.vision.attribute_network import MAP_STRIDES as ATTRIBUTE_STRIDES
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.models.vision.googlenet import (
    CROP_SIZE,
    MAP_CHANNELS,
    MAP_STRIDES,
    BVLCGoogLeNet,
    TorchvisionGoogLeNet,
    bvlc_preprocess,
    ten_crop,
    torchvision_preprocess,
)
from speech2img.storage.atomic import file_sha256, read_bytes
from speech2img.storage.foreign.npz import load_arrays
from speech2img.storage.foreign.torch_files import load_published_file
from speech2img.storage.releases.find_release import shipped_folder, shipped_releases
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_release, reader_of, release_sha256

TeacherKind = Literal["attribute-network", "caffe-googlenet", "torchvision-googlenet", "inception"]
VIEWS_OF_PICKLE = 10
SMALLEST_SIDE = 64


class Teacher(Protocol):
    """A frozen network whose pooled features speech is to give."""

    image_size: int
    """Side of the stored pictures it wants, in pixels."""
    default_views: int
    """Views a picture where nothing else is asked for."""
    crops_to_box: bool
    """Whether photographs are cropped to their bounding box, where one is known."""
    sha256: str
    """Hash of its weights."""

    @property
    def kind(self) -> TeacherKind:
        """What network it is."""

    def views(self, images_BHWC: np.ndarray, count: int) -> Tensor:
        """Features (B, count, D) of the first ``count`` views of uint8 pictures."""

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Features (B, D) of pictures in -1..1 of any size, with gradient."""


class MapShapes(NamedTuple):
    """What a network's maps look like."""

    channels: tuple[int, ...]
    """Of each map, finest first."""
    strides: tuple[int, ...]
    """Pixels of the picture for one of the map."""


@runtime_checkable
class MapTeacher(Teacher, Protocol):
    """A teacher that also gives the maps inside it, which a discriminator can look at."""

    @property
    def map_shapes(self) -> MapShapes:
        """Channels and strides of the maps."""

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Maps (B, C, h, w), finest first, of pictures in -1..1 in their own size, with gradient."""


class AttributeTeacher:
    """The small teacher that was trained on the corpus: views are the picture and slightly shifted copies.

    Parameters
    ----------
    folder : Path
        Release of kind ``attribute-network``, a whole model that holds its teacher, or a run folder that has one.
    device : torch.device
        Where it computes.
    """

    kind: TeacherKind = "attribute-network"
    default_views = 2
    crops_to_box = True

    def __init__(self, folder: Path, *, device: torch.device) -> None:
        self.folder = release_folder(folder)
        tensors, config = load_release(self.folder)
        if "reader" in config and config.get("kind") == "speech-to-image":
            tensors, config = reader_of(self.folder, tensors, config)
        if config.get("kind") != "attribute-network":
            raise CheckpointError.about(
                self.folder, f"holds a {config.get('kind')!r}, not a teacher", "give the run of 'train teacher'"
            )
        missing = [key for key in ("heads", "width", "feature_dim", "image_size") if key not in config]
        if missing:
            raise CheckpointError.about(self.folder, f"its config has no {missing[0]}", "export the teacher again")
        sizes = {name: len(values) for name, values in config["heads"].items()}
        settings = {"heads": sizes, "width": config["width"], "feature_dim": config["feature_dim"]}
        network = build_network(AttributeNetwork, settings, tensors, name=str(self.folder))
        self.network = network.to(device).eval().requires_grad_(False)
        self.heads: dict[str, tuple[str, ...]] = {name: tuple(values) for name, values in config["heads"].items()}
        self.image_size = int(config["image_size"])
        self.sha256 = release_sha256(self.folder)
        self._device = device

    def views(self, images_BHWC: np.ndarray, count: int) -> Tensor:
        """Features of the picture as it is and of ``count - 1`` copies, each moved by up to 3 px."""
        generator = np.random.default_rng(0)
        copies = [images_BHWC] + [shift_images(images_BHWC, pixels=3, generator=generator) for _ in range(count - 1)]
        with torch.inference_mode():
            return torch.stack(
                [self.network.features(normalised(to_tensor(x).to(self._device))) for x in copies], dim=1
            )

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Features of pictures in -1..1, resized to the teacher's size."""
        return self.network.features(_resized(images_BCHW, self.image_size))

    @property
    def map_shapes(self) -> MapShapes:
        """Channels and strides of the maps."""
        return MapShapes(self.network.map_channels, ATTRIBUTE_STRIDES)

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Maps of pictures in -1..1 in their own size."""
        return self.network.maps(images_BCHW)

    @torch.inference_mode()
    def read(self, images_BCHW: Tensor) -> dict[str, np.ndarray]:
        """Number of the value that each head sees in pictures in -1..1."""
        _, logits = self.network(_resized(images_BCHW, self.image_size))
        return {name: scores.argmax(dim=1).cpu().numpy() for name, scores in logits.items()}


class GoogLeNetTeacher:
    """The published teacher: GoogLeNet's pool5; views are five crops of a 227 px picture and of its mirror image.

    Parameters
    ----------
    path : Path
        BVLC's ``.caffemodel``, an ``.npz`` with the same arrays, torchvision's ``.pth``, or a release that
        ``speech2img import`` made of one of them.
    device : torch.device
        Where it computes.
    upside_down : bool
        Flip as Li et al.'s code did (top to bottom) in the place of left to right.
    side : int, >= 64, optional
        Side in pixels of the crops as the network gets them; none takes 224 as published. It averages over its last
        map, so a smaller side is coarser and costs less, by its square.

    Raises
    ------
    ConfigError
        If the side is too small for a picture to be recognised.
    """

    image_size = 227
    default_views = 10
    crops_to_box = False

    def __init__(self, path: Path, *, device: torch.device, upside_down: bool = False, side: int | None = None) -> None:
        if side is not None and side < SMALLEST_SIDE:
            raise ConfigError.about("teacher side", f"{side} px", f"choose {SMALLEST_SIDE} px or more")
        self.side = side or CROP_SIZE
        googlenet, state, self.kind = _read_googlenet(path)
        network = build_network(googlenet, {}, state, name=str(path))
        self.network = network.to(device).eval().requires_grad_(False)
        self.sha256 = release_sha256(path) if path.is_dir() else file_sha256(path)
        self._prepare = bvlc_preprocess if self.kind == "caffe-googlenet" else torchvision_preprocess
        self._device, self._upside_down = device, upside_down

    def views(self, images_BHWC: np.ndarray, count: int) -> Tensor:
        """Features of the ten crops, or of ``count`` of them spread evenly over plain and flipped ones."""
        with torch.inference_mode():
            prepared = self._prepare(to_tensor(images_BHWC).to(self._device))
            crops = ten_crop(prepared, upside_down=self._upside_down)
            chosen = [number * VIEWS_OF_PICKLE // count for number in range(count)]
            return torch.stack([self.network.features(self._sized(crops[:, number])) for number in chosen], dim=1)

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Features of pictures in -1..1, resized to the network's side."""
        return self.network.features(self._prepare((self._sized(images_BCHW) + 1.0) * 127.5))

    @property
    def map_shapes(self) -> MapShapes:
        """Channels and strides of the maps."""
        return MapShapes(MAP_CHANNELS, MAP_STRIDES)

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Maps of pictures in -1..1 in their own size."""
        return self.network.maps(self._prepare((images_BCHW + 1.0) * 127.5))

    def _sized(self, images: Tensor) -> Tensor:
        return _resized(images, self.side)


def _read_googlenet(
    path: Path,
) -> tuple[Callable[..., BVLCGoogLeNet | TorchvisionGoogLeNet], dict[str, Tensor], TeacherKind]:
    """Class of the network, its weights, and which of the two it is."""
    try:
        if path.is_dir():
            state, config = load_release(path)
            variant = config.get("variant")
        elif path.suffix in (".npz", ".caffemodel"):
            state, variant = convert_caffe_googlenet(_read_arrays(path)), "bvlc"
        else:
            found = find_state(load_published_file(path), convert_torchvision_googlenet)
            state, variant = convert_torchvision_googlenet(found.tensors), "torchvision"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError.about(path, f"not GoogLeNet weights ({error})", "give googlenet_bvlc.npz") from error
    if variant == "bvlc":
        return BVLCGoogLeNet, state, "caffe-googlenet"
    return TorchvisionGoogLeNet, state, "torchvision-googlenet"


def _read_arrays(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".caffemodel":
        return read_caffemodel(read_bytes(path, max_bytes=MAX_BYTES))
    return {name: torch.from_numpy(array) for name, array in load_arrays(path).items()}


def _resized(images_BCHW: Tensor, side: int) -> Tensor:
    if images_BCHW.shape[-2:] == (side, side):
        return images_BCHW
    return torch.nn.functional.interpolate(images_BCHW, size=(side, side), mode="bilinear", antialias=True)


def with_maps(teacher: Teacher | None) -> MapTeacher:
    """The teacher, if it gives maps.

    Raises
    ------
    ConfigError
        If it does not.
    """
    if not isinstance(teacher, MapTeacher):
        kind = "none" if teacher is None else teacher.kind
        raise ConfigError.about(
            "model.discriminators", f"the teacher ({kind}) gives no maps to look at", "take features of another teacher"
        )
    return teacher


def release_folder(path: Path) -> Path:
    """The release in a run folder's ``export``, or the folder itself."""
    return path / "export" if (path / "export").is_dir() else path


def teacher_place(path: Path) -> Path:
    """The file or folder itself, or the folder of shipped weights that have its name."""
    return shipped_folder() / path if not path.exists() and str(path) in shipped_releases() else path


def load_teacher(
    path: Path, *, device: torch.device, side: int | None = None
) -> AttributeTeacher | GoogLeNetTeacher | InceptionTeacher:
    """Open a teacher.

    Parameters
    ----------
    path : Path
        Run or release folder of a trained teacher, the name of shipped weights, GoogLeNet in any form that
        `GoogLeNetTeacher` reads, or a release of Inception-v3.
    device : torch.device
        Where it computes.
    side : int, optional
        As for `GoogLeNetTeacher`; other teachers have one size.

    Raises
    ------
    ConfigError
        If there is no such file or folder, or the teacher's size cannot be chosen.
    CheckpointError
        If it holds something else.
    """
    path = teacher_place(path)
    if path.is_dir():
        _, config = load_release(release_folder(path))
        if config.get("kind") == "googlenet":
            return GoogLeNetTeacher(path, device=device, side=side)
        if side is not None:
            raise ConfigError.about(path, "a teacher of one size only", "leave the side out, or give GoogLeNet")
        if config.get("kind") == "inception":
            return InceptionTeacher(path, device=device)
        return AttributeTeacher(path, device=device)
    if not path.is_file():
        fix = f"give a teacher's run folder, weights from 'speech2img import', or {' or '.join(shipped_releases())}"
        raise ConfigError.about(path, "no such teacher", fix)
    return GoogLeNetTeacher(path, device=device, side=side)
