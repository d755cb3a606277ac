"""Tokens of a corpus: made once, kept by codec, size and pictures; which codes are in use, and their mapping file."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.vqgan_states import CODES, SETTINGS, published_state
from PIL import Image

from speech2img.audio.wav import write_wav
from speech2img.cli.main import main
from speech2img.corpora.records.items import Caption
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.features import stores
from speech2img.features.stores import load_latents, load_tokens, token_store
from speech2img.images.code_mapping import read_mapping
from speech2img.images.codecs import ReleasedCodec, load_codec
from speech2img.images.encoded_store import EncodedKey
from speech2img.images.token_store import TokenStore, write_tokens
from speech2img.models.codecs.code_reduction import kept_codes
from speech2img.models.codecs.token_codec import TokenCodec
from speech2img.models.published.vqgan import convert_vqgan
from speech2img.storage.releases.writing import save_release

Damage = Callable[[bytes, int], Iterator[bytes]]
SIZE, PICTURES = 16, 5
FILE = f"derived/tokens-{SIZE}-vq.h5"
KEY = EncodedKey("ab" * 32, 16, 2, "cd" * 32)
IDS = [f"bird/é{number}" for number in range(6)]
VALUES = np.random.default_rng(0).integers(0, 1 << 16, (6, 2, 4, 5))


def corpus(root: Path, *, attributes: dict[str, list[str]] | None = None) -> Manifest:
    """Five pictures with a recording each, the last of which is not for training."""
    (root / "images").mkdir(parents=True)
    (root / "audio").mkdir()
    items = []
    for number in range(PICTURES):
        pixels = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((20, 20), Image.Resampling.BICUBIC).save(root / "images" / f"{number}.png")
        split = "val" if number == PICTURES - 1 else "train"
        audio = f"audio/{number}.wav"
        write_wav(root / audio, 0.1 * np.random.default_rng(number).standard_normal(4000), sample_rate=16_000)
        caption = Caption(0, "a bird", "speaker", audio, 120, 50, 50, {}, None)
        items.append(Item(f"bird/{number}", f"images/{number}.png", 1, "bird", split, None, {}, (caption,)))
    manifest = Manifest(root, "folder", items, meta={"facts": {"attributes": attributes or {}}})
    manifest.save()
    return manifest


def small_codec(folder: Path, *, network: str = "vqgan", seed: int = 0) -> ReleasedCodec:
    state = convert_vqgan(published_state(network, seed=seed), network=network)
    config = {"kind": "image-codec", "codec": {"network": network, **SETTINGS}}
    save_release(folder, state, config, "# Codec\n", half=False)
    return load_codec(folder)


def plain_codec(folder: Path) -> ReleasedCodec:
    """One without codes."""
    from speech2img.models.codecs.conv_autoencoder import ConvAutoencoder

    settings = {"latent_channels": 4, "width": 4, "blocks": 1}
    config = {"kind": "image-codec", "codec": {"network": "conv-autoencoder", **settings}}
    save_release(folder, ConvAutoencoder(**settings).state_dict(), config, "# Codec\n")
    return load_codec(folder)


def test_tokens_are_what_the_codec_gives_for_the_pictures_and_their_mirror_images(tmp_path: Path) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "vq")
    store = token_store(manifest, codec, size=SIZE, mirrored=True, workers=1, progress=False)
    assert store.path == manifest.root / f"derived/tokens-{SIZE}-vq-mirrored.h5"
    assert (store.shape, store.num_codes) == ((8, 8), CODES) and store.ids == [item.id for item in manifest.items]
    images = []
    for number in (3, 0):
        image = Image.open(manifest.root / "images" / f"{number}.png").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1) / 127.5 - 1)
    network = codec.token_network()
    with torch.inference_mode():
        plain = network.encode_tokens(torch.stack(images)).numpy()
        mirrored = network.encode_tokens(torch.stack(images).flip(-1)).numpy()
    assert np.array_equal(store.read([3, 0]), plain) and not np.array_equal(plain, mirrored)
    both = store.read([3, 0], mirrored=np.array([True, False]))
    assert np.array_equal(both, [mirrored[0], plain[1]]) and both.dtype == np.int64
    counts = np.bincount(np.concatenate([plain, mirrored]).reshape(-1), minlength=CODES)
    assert np.array_equal(store.count([3, 0]), counts)


def test_what_is_there_is_kept_until_codec_or_pictures_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "vq")
    calls: list[int] = []
    encode = ReleasedCodec.encode_token_views
    monkeypatch.setattr(ReleasedCodec, "encode_token_views", lambda *given: calls.append(1) or encode(*given))

    def made(codec: ReleasedCodec) -> bool:
        calls.clear()
        store = token_store(manifest, codec, size=SIZE, workers=1, progress=False)
        assert store.key.sha256 == codec.sha256 and not Path(f"{store.path}.building").exists()
        return bool(calls)

    assert made(codec) and not made(codec)
    first = (manifest.root / FILE).read_bytes()
    assert made(small_codec(tmp_path / "vq", seed=1)) and (manifest.root / FILE).read_bytes() != first
    assert made(small_codec(tmp_path / "vq")) and (manifest.root / FILE).read_bytes() == first
    Image.new("RGB", (20, 20), "red").save(manifest.root / "images" / "0.png")
    assert made(codec)


def test_an_interrupted_call_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "vq")
    monkeypatch.setattr(stores, "_PIXELS_A_BATCH", 2 * SIZE**2)
    whole = token_store(manifest, codec, size=SIZE, workers=1, progress=False).path.read_bytes()
    (manifest.root / FILE).unlink()
    encoded: list[int] = []
    encode = ReleasedCodec.encode_token_views

    def interrupted(codec: ReleasedCodec, images: np.ndarray, views: int) -> np.ndarray:
        encoded.append(len(images))
        if len(encoded) == 2:
            raise KeyboardInterrupt
        return encode(codec, images, views)

    monkeypatch.setattr(ReleasedCodec, "encode_token_views", interrupted)
    with pytest.raises(KeyboardInterrupt):
        token_store(manifest, codec, size=SIZE, workers=1, progress=False)
    assert not (manifest.root / FILE).exists()
    token_store(manifest, codec, size=SIZE, workers=1, progress=False)
    assert encoded == [2, 2, 2, 1] and (manifest.root / FILE).read_bytes() == whole


def test_tokens_of_another_codec_size_or_manifest_are_refused(tmp_path: Path) -> None:
    manifest, codec = corpus(tmp_path / "corpus"), small_codec(tmp_path / "vq")
    with pytest.raises(DataError, match=rf"tokens-{SIZE}-vq\.h5: there are no tokens .* --codec .*vq --image-size 16'"):
        load_tokens(manifest, codec, size=SIZE)
    with pytest.raises(DataError, match=r"there are no latents .* --latents'"):
        load_latents(manifest, codec, size=SIZE)
    made = token_store(manifest, codec, size=SIZE, workers=1, progress=False)
    assert load_tokens(manifest, codec, size=SIZE).key == made.key

    with pytest.raises(DataError, match="its tokens are of another codec"):
        load_tokens(manifest, small_codec(tmp_path / "vq", seed=1), size=SIZE)
    fewer = Manifest(manifest.root, "folder", manifest.items[:-1], meta=manifest.meta)
    with pytest.raises(DataError, match="belongs to another manifest"):
        load_tokens(fewer, codec, size=SIZE)
    (manifest.root / FILE).rename(manifest.root / "derived/tokens-64-vq.h5")
    with pytest.raises(DataError, match=f"its tokens are of {SIZE} px, not as its name says"):
        load_tokens(manifest, codec, size=64)
    with pytest.raises(DataError, match="holds no mirror images"):
        made.read([0], mirrored=np.array([False]))
    for ask in (token_store, load_tokens):
        with pytest.raises(ConfigError, match="codec plain: has no codebook, and so no tokens"):
            ask(manifest, plain_codec(tmp_path / "plain"), size=SIZE)


def everything(path: Path) -> object:
    store = TokenStore(path)
    rows = list(range(len(store)))
    mirrored = store.read(rows, mirrored=np.ones(6, bool))
    return store.ids, store.key, store.num_codes, store.read(rows).tobytes(), mirrored.tobytes()


def test_damage_never_becomes_a_token(
    tmp_path: Path, flipped: Damage, damaged: Damage, hold_contract: Callable[..., int]
) -> None:
    path = tmp_path / "tokens.h5"
    parts = [VALUES[:4], VALUES[4:].astype(np.float32)]
    write_tokens(path, parts, ids=IDS, shape=VALUES.shape[1:], key=KEY, num_codes=1 << 16)
    whole, expected = path.read_bytes(), everything(path)
    assert np.array_equal(TokenStore(path).read([5]), VALUES[5:, 0])
    assert hold_contract(path, flipped(whole, 200), lambda: everything(path), expected) >= 200
    hold_contract(path, damaged(whole, 60), lambda: everything(path), expected)


def test_tokens_out_of_range_and_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path, shape = tmp_path / "tokens.h5", VALUES.shape[1:]
    for part in (VALUES, -VALUES):
        with pytest.raises(DataError, match=r"tokens of 'bird/é0' or one of the images behind it are not all 0\.\.99"):
            write_tokens(path, [part], ids=IDS, shape=shape, key=KEY, num_codes=100)
    assert not path.exists()
    write_tokens(path, [VALUES % 100], ids=IDS, shape=shape, key=replace(KEY, views=1), num_codes=100)
    with pytest.raises(DataError, match="its parts do not fit together"):
        TokenStore(path)
    write_tokens(path, [VALUES % 100], ids=IDS, shape=shape, key=KEY, num_codes=100)
    store = TokenStore(path)
    store.num_codes = 50
    with pytest.raises(DataError, match=r"tokens\.h5: holds token \d\d, and its codec has 50 codes; run"):
        store.read([0, 1, 2])


def features(root: Path, *options: object) -> int:
    words = ["features", "--root", root, "--device", "cpu", "--workers", "1", "--image-size", SIZE, *options]
    return main([str(word) for word in words])


def test_the_verb_writes_tokens_and_the_mapping_of_those_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A codec is imported with that mapping, and its tokens are the same pictures' in fewer numbers."""
    manifest = corpus(tmp_path / "corpus")
    torch.save(published_state(), tmp_path / "last.ckpt")
    assert main(["import", "vqgan", str(tmp_path / "last.ckpt"), "--out", str(tmp_path / "vq")]) == 0
    mapping = tmp_path / "used.pth"
    assert features(manifest.root, "--codec", tmp_path / "vq", "--mapping-out", mapping) == 0
    said = capsys.readouterr().out
    tokens = TokenStore(manifest.root / FILE)
    used = np.unique(tokens.read(range(PICTURES - 1)))
    assert f"codes in use: {len(used)} of {CODES} in 4 pictures, perplexity" in said and str(mapping) in said
    assert not (manifest.root / f"derived/latents-{SIZE}-vq.h5").exists()
    table = read_mapping(mapping)
    assert set(kept_codes(table).tolist()) == {0, *used.tolist()} and torch.load(mapping).dtype == torch.int64

    words = ["import", "vqgan", str(tmp_path / "last.ckpt"), "--mapping", str(mapping), "--out", str(tmp_path / "few")]
    assert main(words) == 0
    assert features(manifest.root, "--codec", tmp_path / "few", "--latents", "--mirrored") == 0
    few = TokenStore(manifest.root / f"derived/tokens-{SIZE}-few-mirrored.h5")
    assert few.num_codes == len(kept_codes(table)) < CODES
    rows = list(range(PICTURES))
    assert np.array_equal(few.read(rows), table.numpy()[tokens.read(rows)])
    assert (manifest.root / f"derived/latents-{SIZE}-few-mirrored.h5").is_file()
    network = load_codec(tmp_path / "few").network
    assert isinstance(network, TokenCodec) and network.decode_tokens(torch.from_numpy(few.read([0]))).isfinite().all()


def test_the_verb_refuses_before_its_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = corpus(tmp_path / "corpus").root
    small_codec(tmp_path / "vq")
    plain_codec(tmp_path / "plain")
    few = tmp_path / "few"
    torch.save(published_state(), tmp_path / "last.ckpt")
    torch.save(torch.tensor([0, 1, *[0] * 10]), tmp_path / "used.pth")
    words = ["import", "vqgan", str(tmp_path / "last.ckpt"), "--mapping", str(tmp_path / "used.pth"), "--out", str(few)]
    assert main(words) == 0
    (tmp_path / "notes.txt").write_text("mine")
    for options, message in (
        (["--latents"], "--latents: belongs to --codec"),
        (["--mapping-out", tmp_path / "m.pth"], "--mapping-out: belongs to --codec"),
        (["--codec", tmp_path / "plain", "--latents"], "codec plain: has no codebook"),
        (["--codec", tmp_path / "plain", "--mapping-out", tmp_path / "m.pth"], "codec plain: has no codebook"),
        (["--codec", few, "--mapping-out", tmp_path / "m.pth"], "codec few has only the codes in use already"),
        (["--codec", tmp_path / "vq", "--mapping-out", tmp_path / "notes.txt"], "is there already, and no mapping"),
        (["--codec", tmp_path / "vq", "--mapping-out", tmp_path / "notes.txt" / "m.pth"], "notes.txt"),
    ):
        capsys.readouterr()
        assert features(root, *options) in (1, 2)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and message in lines[0] and not (root / "derived").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine" and not (tmp_path / "m.pth").exists()
