"""Latents of a corpus: made once, kept by codec, size and pictures; others and damaged ones are refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from helpers.taef2_files import POOL, WIDTH
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.features import stores
from speech2img.features.stores import latent_store, load_latents
from speech2img.images.codecs import ReleasedCodec, load_codec
from speech2img.images.encoded_store import EncodedKey
from speech2img.images.latent_store import LatentStore, write_latents
from speech2img.models.codecs.taef2 import TAEF2
from speech2img.storage.releases.writing import save_release

Damage = Callable[[bytes, int], Iterator[bytes]]
SIZE, PICTURES = 32, 5
FILE = f"derived/latents-{SIZE}-small.h5"
KEY = EncodedKey("ab" * 32, 16, 2, "cd" * 32)
IDS = [f"bird/é{number}" for number in range(6)]
VALUES = np.random.default_rng(0).standard_normal((6, 2, 4, 2, 2)).astype(np.float32)


def corpus(root: Path, *, attributes: dict[str, list[str]] | None = None) -> Manifest:
    """Five pictures without words."""
    (root / "images").mkdir(parents=True)
    items = []
    for number in range(PICTURES):
        pixels = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((48, 48), Image.Resampling.BICUBIC).save(root / "images" / f"{number}.png")
        items.append(Item(f"bird/{number}", f"images/{number}.png", 1, "bird", "train", None, {}, ()))
    manifest = Manifest(root, "folder", items, meta={"facts": {"attributes": attributes or {}}})
    manifest.save()
    return manifest


def small_codec(folder: Path, *, seed: int = 0) -> ReleasedCodec:
    torch.manual_seed(seed)
    settings = {"network": "taef2", "width": WIDTH, "pool_width": POOL}
    network = TAEF2(width=WIDTH, pool_width=POOL)
    save_release(folder, network.state_dict(), {"kind": "image-codec", "codec": settings}, "# Codec\n")
    return load_codec(folder)


def test_latents_are_what_the_codec_gives_for_the_pictures_and_their_mirror_images(tmp_path: Path) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "small")
    store = latent_store(manifest, codec, size=SIZE, mirrored=True, workers=1, progress=False)
    assert store.path == manifest.root / f"derived/latents-{SIZE}-small-mirrored.h5"
    assert store.shape == (32, 4, 4) and store.ids == [item.id for item in manifest.items]
    images = []
    for number in (3, 0):
        image = Image.open(manifest.root / "images" / f"{number}.png").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1) / 127.5 - 1)
    with torch.inference_mode():
        plain = codec.network.encode(torch.stack(images)).numpy()
        mirrored = codec.network.encode(torch.stack(images).flip(-1)).numpy()
    np.testing.assert_allclose(store.read([3, 0]), plain, atol=1e-3)
    both = store.read([3, 0], mirrored=np.array([True, False]))
    np.testing.assert_allclose(both, [mirrored[0], plain[1]], atol=1e-3)
    assert both.dtype == np.float32 and np.abs(mirrored - plain).max() > 0.05


def test_what_is_there_is_kept_until_codec_or_pictures_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "small")
    calls: list[int] = []
    encode = ReleasedCodec.encode_views
    monkeypatch.setattr(ReleasedCodec, "encode_views", lambda *given: calls.append(1) or encode(*given))

    def made(codec: ReleasedCodec) -> bool:
        calls.clear()
        store = latent_store(manifest, codec, size=SIZE, workers=1, progress=False)
        assert store.key.sha256 == codec.sha256 and not Path(f"{store.path}.building").exists()
        return bool(calls)

    assert made(codec) and not made(codec)
    first = (manifest.root / FILE).read_bytes()
    assert made(small_codec(tmp_path / "small", seed=1)) and (manifest.root / FILE).read_bytes() != first
    assert made(small_codec(tmp_path / "small")) and (manifest.root / FILE).read_bytes() == first
    Image.new("RGB", (48, 48), "red").save(manifest.root / "images" / "0.png")
    assert made(codec)


def test_an_interrupted_call_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "small")
    monkeypatch.setattr(stores, "_PIXELS_A_BATCH", 2 * SIZE**2)
    whole = latent_store(manifest, codec, size=SIZE, workers=1, progress=False).path.read_bytes()
    (manifest.root / FILE).unlink()
    encoded: list[int] = []
    encode = ReleasedCodec.encode_views

    def interrupted(codec: ReleasedCodec, images: np.ndarray, views: int) -> np.ndarray:
        encoded.append(len(images))
        if len(encoded) == 2:
            raise KeyboardInterrupt
        return encode(codec, images, views)

    monkeypatch.setattr(ReleasedCodec, "encode_views", interrupted)
    with pytest.raises(KeyboardInterrupt):
        latent_store(manifest, codec, size=SIZE, workers=1, progress=False)
    assert not (manifest.root / FILE).exists()
    latent_store(manifest, codec, size=SIZE, workers=1, progress=False)
    assert encoded == [2, 2, 2, 1] and (manifest.root / FILE).read_bytes() == whole


def test_latents_of_another_codec_size_or_manifest_are_refused(tmp_path: Path) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "small")
    with pytest.raises(DataError, match=rf"latents-{SIZE}-small\.h5: there are no latents .* --codec .*small"):
        load_latents(manifest, codec, size=SIZE)
    made = latent_store(manifest, codec, size=SIZE, workers=1, progress=False)
    assert load_latents(manifest, codec, size=SIZE).key == made.key

    with pytest.raises(DataError, match="its latents are of another codec"):
        load_latents(manifest, small_codec(tmp_path / "small", seed=1), size=SIZE)
    fewer = Manifest(manifest.root, "folder", manifest.items[:-1], meta=manifest.meta)
    with pytest.raises(DataError, match="belongs to another manifest"):
        load_latents(fewer, codec, size=SIZE)
    (manifest.root / FILE).rename(manifest.root / "derived/latents-64-small.h5")
    with pytest.raises(DataError, match=f"its latents are of {SIZE} px, not as its name says"):
        load_latents(manifest, codec, size=64)
    with pytest.raises(ConfigError, match="no multiple of 8"):
        load_latents(manifest, codec, size=60)
    with pytest.raises(DataError, match="holds no mirror images"):
        made.read([0], mirrored=np.array([False]))


def test_mirror_images_are_refused_where_left_is_told_from_right(tmp_path: Path) -> None:
    manifest = corpus(tmp_path / "corpus", attributes={"direction": ["left", "right"]})
    with pytest.raises(ConfigError, match="--mirrored: attribute 'direction' .* tells left from right"):
        latent_store(manifest, small_codec(tmp_path / "small"), size=SIZE, mirrored=True, progress=False)
    assert not (manifest.root / "derived").exists()


def test_a_file_of_that_name_that_is_no_store_stays(tmp_path: Path) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "small")
    (manifest.root / FILE).parent.mkdir()
    (manifest.root / FILE).write_text("my notes")
    with pytest.raises(DataError, match="is there already, and no store of this package"):
        latent_store(manifest, codec, size=SIZE, workers=1, progress=False)
    assert (manifest.root / FILE).read_text() == "my notes"


def everything(path: Path) -> object:
    store = LatentStore(path)
    rows = list(range(len(store)))
    return store.ids, store.key, store.read(rows).tobytes(), store.read(rows, mirrored=np.ones(6, bool)).tobytes()


def test_damage_never_becomes_a_number(
    tmp_path: Path, flipped: Damage, damaged: Damage, hold_contract: Callable[..., int]
) -> None:
    path = tmp_path / "latents.h5"
    write_latents(path, [VALUES[:4], VALUES[4:]], ids=IDS, shape=VALUES.shape[1:], key=KEY)
    whole, expected = path.read_bytes(), everything(path)
    assert np.array_equal(LatentStore(path).read([5]), VALUES[5:, 0].astype(np.float16).astype(np.float32))
    assert hold_contract(path, flipped(whole, 200), lambda: everything(path), expected) >= 200
    hold_contract(path, damaged(whole, 60), lambda: everything(path), expected)


def test_a_damaged_picture_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "latents.h5"
    write_latents(path, [VALUES], ids=IDS, shape=VALUES.shape[1:], key=KEY)
    with h5py.File(path) as file:
        place = file["latents"].id.get_offset() + file["latents"].nbytes // 6 * 4
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    store = LatentStore(path)
    assert store.read([3, 5]).shape == (2, 4, 2, 2)
    with pytest.raises(DataError, match=r"latents\.h5: damaged: image 'bird/é4' \(number 4\) differs .*; run .* again"):
        store.read([3, 4])
    with pytest.raises(IndexError, match="holds 6 images, not number 6"):
        store.read([6])


def test_parts_that_do_not_fit_together_and_values_beyond_float16_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latents.h5"
    write_latents(path, [VALUES], ids=IDS, shape=VALUES.shape[1:], key=replace(KEY, views=1))
    with pytest.raises(DataError, match="its parts do not fit together"):
        LatentStore(path)
    path.unlink()
    with pytest.raises(DataError, match="'bird/é0' or one of the images behind it are beyond what float16 holds"):
        write_latents(path, [VALUES * 1e6], ids=IDS, shape=VALUES.shape[1:], key=KEY)
    assert not path.exists()


def test_the_verb_writes_latents_and_refuses_before_its_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = corpus(tmp_path / "corpus", attributes={"side": ["left", "right"]}).root
    small_codec(tmp_path / "small")
    save_release(tmp_path / "other", {"a": torch.ones(1)}, {"kind": "vocoder"}, "# V\n")
    for options, message in (
        (["--codec", str(tmp_path / "small"), "--image-size", "60"], "image size 60: no multiple of 8"),
        (["--codec", str(tmp_path / "other")], "holds a 'vocoder', and no image codec"),
        (["--codec", str(tmp_path / "gone")], "no folder and no shipped weights"),
        (["--codec", str(tmp_path / "small"), "--mirrored"], "attribute 'side'"),
        (["--mirrored"], "--mirrored: belongs to --codec"),
    ):
        assert main(["features", "--root", str(root), "--device", "cpu", *options]) in (1, 2)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and message in lines[0] and not (root / "derived").exists()
