"""Small files instead of what README's commands find elsewhere: photographs, published weights, recordings."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from helpers import published_corpora as corpora
from helpers.efficientnet_states import published_state as efficientnet_state
from helpers.published_states import (
    caffe_googlenet,
    inception,
    li2020_encoder,
    s2igan_sen,
    stackgan_generator,
    tacotron2,
)
from helpers.taef2_files import published_state as taef2_state
from helpers.vqgan_states import published_state as vqgan_state
from PIL import Image
from torch import Tensor

from speech2img.corpora.readers import cub

from ..models.published.test_caffemodel import blob, layer, message

EMBEDDING = 1024
"""Numbers of an utterance in the small CUB, as its encoder gives them."""


def _drawn(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same shapes with values of about the size of trained ones, so that pictures differ behind the network."""
    generator = torch.Generator().manual_seed(0)
    made = {}
    for name, value in state.items():
        fan_in = max(1, value[0].numel()) if value.dim() > 1 else 0
        noise = torch.randn(value.shape, generator=generator) if fan_in else value.float()
        made[name] = noise * (2.0 / fan_in) ** 0.5 if fan_in else noise
    return made


def _googlenet(folder: Path) -> None:
    state = _drawn(caffe_googlenet())
    np.savez(folder / "bvlc_googlenet.npz", **{name: value.numpy() for name, value in state.items()})
    layers: dict[str, list[bytes]] = {}
    for name, value in sorted(state.items(), key=lambda pair: pair[0].endswith("bias")):
        shape = blob(tuple(value.shape))[: -len(b"\x2a\x00")]
        data = value.numpy().astype("<f4").tobytes()
        layers.setdefault(name.rpartition("/")[0], []).append(shape + message(5, data))
    (folder / "bvlc_googlenet.caffemodel").write_bytes(b"".join(layer(name, *blobs) for name, blobs in layers.items()))


def weights(folder: Path) -> None:
    """Every published file that README names, small where its sizes are free."""
    _googlenet(folder)
    files = {
        "best.pth": li2020_encoder(n_mels=40),
        "netG_335000.pth": stackgan_generator(),
        "best_audio_model.pth": s2igan_sen(),
        "netG_600.pth": stackgan_generator(dense=True, embedding_dim=EMBEDDING),
        "pt_inception-2015-12-05-6726825d.pth": _drawn(inception("fid")),
        "inception_v3_google-0cc3c7bd.pth": _drawn(inception("torchvision")),
        "efficientnet-lite0-57934424.pth": efficientnet_state("lite0"),
        "tacotron2_statedict.pt": tacotron2(),
        "taef2_encoder.pth": taef2_state("encoder"),
        "taef2_decoder.pth": taef2_state("decoder"),
        "last.ckpt": vqgan_state(),
    }
    for name, state in files.items():
        torch.save(state, folder / name)


def count_photographs(patch: pytest.MonkeyPatch) -> None:
    """CUB has twenty-one photographs."""
    patch.setattr(corpora, "CUB_PER_CLASS", 7)
    patch.setattr(cub, "CUB", replace(cub.CUB, counts={"train": (14, 2), "test": (7, 1)}))


def photographs(root: Path) -> None:
    """A CUB of twenty-one photographs with two captions each."""
    corpora.make_cub.__wrapped__()(root)  # type: ignore[attr-defined]
    for number, path in enumerate(sorted(root.glob("text/*/*.txt"))):
        path.write_text(f"a bird of {number} feathers\nanother bird of {number} feathers\n")
    for number, path in enumerate(sorted(root.glob("CUB_200_2011/images/*/*.jpg"))):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((50, 40)).save(path)


def recordings(folder: Path) -> None:
    """What the block of Python and ``generate`` hear."""
    for number, name in enumerate(("bird.wav", "a.wav", "b.flac")):
        sound = 0.1 * np.random.default_rng(number).standard_normal(16_000)
        soundfile.write(folder / name, sound, 16_000)


def picture_folders(folder: Path) -> None:
    """Folders of generated and of real pictures."""
    for number, name in enumerate(("samples", "photos")):
        (folder / name).mkdir()
        for index in range(4):
            pixels = np.random.default_rng(10 * number + index).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((64, 64)).save(folder / name / f"{index}.png")


def peer_pickles(folder: Path) -> None:
    """Pickles of S2IGAN's own code: those that ``extract`` wrote for the small CUB."""
    target = folder / "outputs" / "pre_train" / "birds"
    target.mkdir(parents=True)
    for part in ("train", "test"):
        name = f"speech_embeddings_{part}.pickle"
        shutil.copy(folder / "data" / "cub" / "derived" / "embeddings" / "cub-encoder" / name, target / name)
    shutil.copy(target / "speech_embeddings_test.pickle", folder)
