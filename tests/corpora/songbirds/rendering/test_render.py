"""The renderer: same arguments, same bytes; every attribute shows; the box holds the bird; bad input is told."""

import numpy as np
import pytest
from PIL import Image

from speech2img.corpora.songbirds.attributes import ATTRIBUTES, BACKGROUNDS_OF_POSE, visible_attributes
from speech2img.corpora.songbirds.rendering.render import bird_box, contact_sheet, random_attributes, render_bird
from speech2img.errors import DataError

BIRD = {
    "body_color": "brown",
    "wing_color": "blue",
    "wing_bars": "none",
    "crown_color": "red",
    "breast_color": "orange",
    "belly_color": "white",
    "beak_color": "yellow",
    "beak_length": "short",
    "beak_shape": "pointed",
    "eye_ring": "none",
    "tail_length": "short",
    "tail_shape": "rounded",
    "leg_color": "black",
    "size": "small",
    "pose": "standing",
    "direction": "right",
    "background": "snow",
    "light": "day",
}


def small(attributes: dict[str, str], seed: int = 3) -> np.ndarray:
    return render_bird(attributes, seed=seed, size=64).astype(np.int64)


def changed_pixels(first: np.ndarray, second: np.ndarray) -> int:
    return int((np.abs(first - second).max(axis=2) > 24).sum())


@pytest.mark.parametrize("size", [64, 100, 256])
def test_same_arguments_give_same_bytes(size: int) -> None:
    first, second = (render_bird(BIRD, seed=11, size=size) for _ in range(2))
    assert first.shape == (size, size, 3) and first.dtype == np.uint8
    assert first.tobytes() == second.tobytes()


def test_seed_moves_the_bird_but_little() -> None:
    x, y, width, height = bird_box(BIRD, seed=1)
    u, v, other_width, other_height = bird_box(BIRD, seed=2)
    assert (x, y, width, height) != (u, v, other_width, other_height)
    assert abs(x + width / 2 - u - other_width / 2) < 0.05 * 256
    assert 0.85 < width / other_width < 1.18
    assert not np.array_equal(render_bird(BIRD, seed=1, size=64), render_bird(BIRD, seed=2, size=64))


@pytest.mark.parametrize("pose", ATTRIBUTES["pose"])
@pytest.mark.parametrize("size", ATTRIBUTES["size"])
def test_every_visible_attribute_shows_at_64_pixels(pose: str, size: str) -> None:
    bird = dict(BIRD, pose=pose, size=size)
    reference = small(bird)
    for name in sorted(visible_attributes(bird) - {"pose"}):
        values = BACKGROUNDS_OF_POSE[pose] if name == "background" else ATTRIBUTES[name]
        for value in values:
            if value != bird[name]:
                assert changed_pixels(reference, small({**bird, name: value})) >= 5, (name, value)


def test_hidden_legs_change_nothing() -> None:
    bird = dict(BIRD, pose="flying")
    assert np.array_equal(small(bird), small({**bird, "leg_color": "red"}))


@pytest.mark.parametrize("light", ATTRIBUTES["light"])
def test_colours_stay_apart_in_every_light(light: str) -> None:
    pictures = {
        color: small(dict(BIRD, light=light, body_color=color, crown_color=color, breast_color=color), seed=0)
        for color in ATTRIBUTES["body_color"]
    }
    for first in pictures:
        for second in pictures:
            if first < second:
                apart = np.abs(pictures[first] - pictures[second]).max(axis=2)
                assert (apart > 36).sum() >= 60, (first, second)


def test_box_holds_the_bird_and_the_bird_stays_inside() -> None:
    rng = np.random.default_rng(8)
    for seed in range(200):
        bird = random_attributes(rng)
        x, y, width, height = bird_box(bird, seed=seed, size=1000)
        assert 4 <= x and 4 <= y and x + width <= 996 and y + height <= 996, bird
        assert max(width, height) > (420 if bird["size"] == "small" else 640), bird


def test_box_is_where_the_pixels_change() -> None:
    rng = np.random.default_rng(9)
    for seed in range(8):
        bird = dict(random_attributes(rng), pose="flying", background="sky", light="day")
        inks = [render_bird({**bird, "body_color": c, "wing_color": c}, seed=seed) for c in ("red", "white")]
        rows, columns = np.nonzero(np.abs(inks[0].astype(int) - inks[1]).max(axis=2) > 8)
        x, y, width, height = bird_box(bird, seed=seed)
        assert x - 1 <= columns.min() and columns.max() <= x + width + 1
        assert y - 1 <= rows.min() and rows.max() <= y + height + 1
        assert rows.min() - y < 12


def test_size_is_size() -> None:
    large, tiny = (bird_box(dict(BIRD, size=s), seed=5) for s in ("large", "small"))
    assert 1.3 < large[2] / tiny[2] < 1.8


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"crown_color": "pink"}, "pink"),
        ({"pose": "swimming", "background": "sky"}, "sky"),
        ({"hat": "tall"}, "hat"),
        ({"light": None}, "light"),
    ],
)
def test_bad_attributes_are_told_by_name(change: dict[str, str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        render_bird({**BIRD, **change}, seed=0)
    with pytest.raises(DataError, match=told):
        bird_box({**BIRD, **change}, seed=0)


def test_missing_attribute_bad_seed_and_bad_size_are_told() -> None:
    with pytest.raises(DataError, match="wing_bars"):
        render_bird({k: v for k, v in BIRD.items() if k != "wing_bars"}, seed=0)
    with pytest.raises(DataError, match="-4"):
        render_bird(BIRD, seed=-4)
    with pytest.raises(DataError, match="size 3"):
        render_bird(BIRD, seed=0, size=3)


def test_contact_sheet_is_saved(tmp_path) -> None:
    sheet = contact_sheet(tmp_path / "sheet.png", rows=2, columns=3, size=32)
    assert sheet.size == (96, 64)
    with Image.open(tmp_path / "sheet.png") as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(sheet))


@pytest.mark.parametrize(
    ("scene", "quarters"),
    [
        (("standing", "snow", "day"), [[166, 182, 203], [156, 141, 149], [175, 187, 207], [198, 197, 199]]),
        (("flying", "sky", "dusk"), [[110, 84, 131], [174, 94, 96], [150, 125, 125], [201, 133, 95]]),
        (("perched", "foliage", "night"), [[71, 86, 95], [62, 56, 66], [46, 68, 103], [67, 85, 105]]),
        (("swimming", "water", "noon"), [[186, 212, 179], [181, 171, 151], [100, 158, 186], [125, 169, 174]]),
    ],
)
def test_the_look_is_that_of_the_released_weights(scene: tuple[str, str, str], quarters: list[list[int]]) -> None:
    bird = dict(BIRD, pose=scene[0], background=scene[1], light=scene[2], size="large")
    means = render_bird(bird, seed=7).reshape(2, 128, 2, 128, 3).mean(axis=(1, 3)).reshape(4, 3)
    np.testing.assert_allclose(means, quarters, atol=2)
