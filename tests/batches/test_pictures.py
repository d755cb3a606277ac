"""Batches of pictures: shifts and crops, labels, pairs with wrong pictures, renders."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.batches.image_pairs import PairBatches, PairSource
from speech2img.batches.labelled_images import (
    NOT_COUNTED,
    ImageBatches,
    head_values,
    label_items,
    shift_images,
    to_tensor,
)
from speech2img.batches.renders import render_collection, render_one
from speech2img.corpora.records.manifest import Caption, Item
from speech2img.corpora.songbirds.attributes import ATTRIBUTES, FACTS
from speech2img.errors import DataError


def description(seed: int, **fixed: str) -> dict[str, str]:
    generator = np.random.default_rng(seed)
    return {name: str(generator.choice(values)) for name, values in ATTRIBUTES.items()} | fixed


def item(number: int, class_id: int, split: str = "train", captions: int = 3, **fixed: str) -> Item:
    attributes = description(number, **fixed)
    said = [{name: attributes[name] for name in list(ATTRIBUTES)[k::captions]} for k in range(captions)]
    spoken = tuple(
        Caption(k, "a bird", "en", f"{number}_{k}.wav", 175, 50, 50, said[k], None, held_out_voice=k == 2)
        for k in range(captions)
    )
    name = f"{class_id + 1:03d}.Bird"
    return Item(f"{name}/{number}", f"{number}.jpg", class_id, name, split, None, attributes, spoken)


def test_shifts_move_by_at_most_what_was_asked() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    shifted = shift_images(image, pixels=2, generator=np.random.default_rng(1))
    offsets = set()
    for old, new in zip(image, shifted, strict=True):
        inner = new[4:-4, 4:-4]
        moves = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
        found = [(y, x) for y, x in moves if (old[4 + y : 12 + y, 4 + x : 12 + x] == inner).all()]
        assert len(found) == 1
        offsets.add(found[0])
    assert len(offsets) > 8
    assert shift_images(image, pixels=0, generator=np.random.default_rng(1)) is image


def test_labels_leave_out_what_cannot_be_seen() -> None:
    items = [item(0, 0, pose="swimming"), item(1, 1, pose="perched"), item(2, 2, split="test", pose="flying")]
    heads = head_values(items[:2], FACTS, species=True)
    assert heads["species"] == ("001.Bird", "002.Bird") and heads["pose"] == ATTRIBUTES["pose"]
    labels = label_items(items, heads, FACTS)
    columns = list(heads)
    assert labels[:, 0].tolist() == [0, 1, NOT_COUNTED]
    legs = columns.index("leg_color")
    assert labels[0, legs] == labels[2, legs] == NOT_COUNTED and labels[1, legs] >= 0
    crown = columns.index("crown_color")
    assert heads["crown_color"][labels[2, crown]] == items[2].attributes["crown_color"]
    assert "species" not in head_values(items, FACTS, species=False)


def test_image_batches_keep_pictures_and_labels_together() -> None:
    images = np.repeat(np.arange(10, dtype=np.uint8), 8 * 8 * 3).reshape(10, 8, 8, 3) * 20
    labels = np.arange(10)[:, None] * np.array([1, 2])
    batches = ImageBatches(images, labels, np.arange(2, 10), batch_size=4, seed=0, shift=1)
    for _ in range(6):
        batch = batches.next()
        assert batch.images_BCHW.dtype == torch.uint8 and batch.images_BCHW.shape == (4, 3, 8, 8)
        assert (batch.images_BCHW == torch.from_numpy(batch.indices_B * 20)[:, None, None, None]).all()
        assert batch.labels_BH.tolist() == [[i, 2 * i] for i in batch.indices_B]
        assert batch.indices_B.min() >= 2
    noisy = ImageBatches(images, labels, np.arange(10), batch_size=10, seed=0, noise=5.0).next()
    error = noisy.images_BCHW.float() - torch.from_numpy(noisy.indices_B * 20.0)[:, None, None, None]
    assert 3.0 < float(error.std()) < 6.0


def source_of(items: list[Item]) -> PairSource:
    images = np.repeat(np.arange(len(items), dtype=np.uint8), 8 * 8 * 3).reshape(-1, 8, 8, 3)
    count = sum(len(one.captions) for one in items)
    return PairSource(
        items, "train", images, np.repeat(np.arange(count, dtype=np.float32), 4).reshape(-1, 4), attributes=ATTRIBUTES
    )


def test_pairs_belong_together_and_wrong_pictures_are_of_another_class() -> None:
    items = [item(n, n % 4, split="val" if n % 7 == 0 else "train") for n in range(40)]
    batches = PairBatches(source_of(items), batch_size=8, seed=0, size=8)
    wrong_seen: set[int] = set()
    for _ in range(30):
        batch = batches.next()
        for row, embedding, real, wrong, cls in zip(
            batch.indices_B, batch.embeddings_BD, batch.real_BCHW, batch.wrong_BCHW, batch.classes_B, strict=True
        ):
            utterance, other = int(embedding[0]), int(wrong[0, 0, 0])
            assert items[row].split == "train" and int(cls) == items[row].class_id
            assert int(real[0, 0, 0]) == row
            assert utterance // 3 == row and utterance % 3 != 2
            assert items[other].class_id != items[row].class_id and items[other].split == "train"
            wrong_seen.add(other)
    assert len(wrong_seen) == sum(one.split == "train" for one in items)


def test_cropped_pairs_are_squares_of_the_pictures() -> None:
    items = [item(n, n % 3) for n in range(12)]
    source = source_of(items)
    ramp = np.arange(8, dtype=np.uint8)
    source.images[:] = (8 * ramp[:, None] + ramp)[None, :, :, None] + np.array([0, 64, 128], np.uint8)
    source.images[:, :, :, 2] = np.arange(12, dtype=np.uint8)[:, None, None]
    batches = PairBatches(source, batch_size=6, seed=0, size=5, augmentation="crop_flip")
    corners, mirrored = set(), 0
    for _ in range(20):
        batch = batches.next()
        assert batch.real_BCHW.shape == batch.wrong_BCHW.shape == (6, 3, 5, 5)
        assert (batch.real_BCHW[:, 2] == torch.from_numpy(batch.indices_B)[:, None, None]).all()
        for image in torch.cat((batch.real_BCHW, batch.wrong_BCHW)):
            flipped = int(image[0, 0, 0]) > int(image[0, 0, 4])
            upright = image.flip(-1) if flipped else image
            top, left = divmod(int(upright[0, 0, 0]), 8)
            source_image = torch.from_numpy(source.images[int(image[2, 0, 0])]).permute(2, 0, 1)
            assert torch.equal(upright, source_image[:, top : top + 5, left : left + 5])
            corners.add((top, left))
            mirrored += flipped
    assert len(corners) == 16 and 80 < mirrored < 160


def test_wrong_pictures_of_the_same_class_contradict_the_utterance() -> None:
    items = [item(n, n % 2, pose="perched") for n in range(30)]
    batches = PairBatches(source_of(items), batch_size=10, seed=0, size=8, wrong_same_class=1.0)
    same = 0
    for _ in range(20):
        batch = batches.next()
        for row, embedding, wrong in zip(batch.indices_B, batch.embeddings_BD, batch.wrong_BCHW, strict=True):
            other = items[int(wrong[0, 0, 0])]
            said = items[row].captions[int(embedding[0]) % 3].mentions
            if other.class_id == items[row].class_id:
                same += 1
                assert any(other.attributes[name] != value for name, value in said.items())
    assert same > 150


def test_a_split_with_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="two classes"):
        source_of([item(n, 0) for n in range(4)])


def test_renders_are_kept_and_do_not_depend_on_workers(tmp_path: Path) -> None:
    heads = {name: tuple(values) for name, values in ATTRIBUTES.items()}
    options = {"count": 6, "render_seed": 3, "size": 64, "heads": heads, "progress": False}
    images, labels = render_collection(tmp_path / "a.npz", workers=1, **options)
    assert images.shape == (6, 64, 64, 3) and labels.shape == (6, len(ATTRIBUTES))
    attributes, image = render_one(3, 4, 64)
    np.testing.assert_array_equal(images[4], image)
    pose = list(heads).index("pose")
    assert heads["pose"][labels[4, pose]] == attributes["pose"]
    again, _ = render_collection(tmp_path / "a.npz", workers=2, **options)
    np.testing.assert_array_equal(images, again)
    others, _ = render_collection(tmp_path / "b.npz", workers=2, **(options | {"render_seed": 4}))
    assert not (images == others).all()
    (tmp_path / "a.npz").write_bytes(b"not a collection")
    with pytest.raises(DataError, match="a.npz"):
        render_collection(tmp_path / "a.npz", workers=1, **options)


def test_damaged_renders_are_refused(
    tmp_path: Path,
    flipped: Callable[[bytes, int], Iterator[bytes]],
    damaged: Callable[[bytes, int], Iterator[bytes]],
    hold_contract: Callable[..., int],
) -> None:
    path = tmp_path / "r.npz"

    def read() -> object:
        found = render_collection(
            path, count=2, render_seed=3, size=16, heads={"size": ("small", "large")}, workers=1, progress=False
        )
        return [(values.shape, values.dtype.str, values.tobytes()) for values in found]

    expected = read()
    whole = path.read_bytes()
    assert hold_contract(path, flipped(whole, 150), read, expected) > 100
    hold_contract(path, damaged(whole, 60), read, expected)


def test_tensors_share_the_pictures() -> None:
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    assert (to_tensor(images).permute(0, 2, 3, 1).numpy() == images).all()


def test_positive_pictures_are_others_of_the_class_and_the_rest_is_drawn_as_without_them() -> None:
    items = [item(n, n % 4) for n in range(20)]
    plain = PairBatches(source_of(items), batch_size=8, seed=0, size=8)
    batches = PairBatches(source_of(items), batch_size=8, seed=0, size=8, positive="class")
    seen: set[tuple[int, int]] = set()
    for _ in range(60):
        batch, before = batches.next(), plain.next()
        assert before.positive_BCHW is None and batch.positive_BCHW is not None
        assert torch.equal(batch.embeddings_BD, before.embeddings_BD)
        assert torch.equal(batch.wrong_BCHW, before.wrong_BCHW)
        for row, picture in zip(batch.indices_B.tolist(), batch.positive_BCHW[:, 0, 0, 0].tolist(), strict=True):
            assert picture != row and items[picture].class_id == items[row].class_id
            seen.add((row, picture))
    assert len(seen) == 20 * 4


def test_positive_pictures_of_a_corpus_without_classes_are_other_crops() -> None:
    items = [item(n, n) for n in range(6)]
    source = source_of(items)
    source.images[:, :, :, 1] = np.arange(8, dtype=np.uint8)
    with pytest.raises(DataError, match="6 classes have one training picture"):
        PairBatches(source, batch_size=6, seed=0, size=5, positive="class")
    batches = PairBatches(source, batch_size=6, seed=0, size=5, augmentation="crop", positive="picture")
    other = 0
    for _ in range(10):
        batch = batches.next()
        assert batch.positive_BCHW is not None and batch.positive_BCHW.shape == (6, 3, 5, 5)
        assert torch.equal(batch.positive_BCHW[:, 0, 0, 0], batch.real_BCHW[:, 0, 0, 0])
        other += int((batch.positive_BCHW != batch.real_BCHW).flatten(1).any(dim=1).sum())
    assert other > 30
