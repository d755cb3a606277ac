"""The manifest: what goes in comes out, it is fast, and whatever is wrong with it is named."""

import json
import pickle
import resource
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.records.items import recorded_caption
from speech2img.corpora.records.manifest import SPLITS, Caption, Item, Manifest, utterance_id
from speech2img.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.from_regex(r"[A-Za-z0-9_+.-]{0,10}[A-Za-z]", fullmatch=True)
LEVELS = st.integers(0, 99)
NUMBERS = st.floats(0, 1e4, allow_nan=False)


def make_caption(index: int = 0, **changes) -> Caption:
    plain = Caption(index, "a red bird.", "en-us", f"audio/{index}.wav", 160, 50, 50, {"body_color": "red"}, "day")
    return replace(plain, **changes)


def make_item(number: int = 0, **changes) -> Item:
    name = f"001.Red_Bird/Red_Bird_{number:04d}"
    plain = Item(
        name,
        f"images/{name}.jpg",
        0,
        "001.Red_Bird",
        "train",
        (1.0, 2.0, 3.5, 4.0),
        {"body_color": "red"},
        (make_caption(0), make_caption(1)),
    )
    return replace(plain, **changes)


def written_lines(root: Path, items: list[Item]) -> list[str]:
    return Manifest(root, "songbirds", items).save().read_text().splitlines()


def load_lines(root: Path, lines: list[str]) -> Manifest:
    (root / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return Manifest.load(root)


@st.composite
def captions(draw, index: int) -> Caption:
    return Caption(
        index=index,
        text=draw(TEXT),
        voice=draw(NAMES),
        audio=draw(st.none() | NAMES),
        rate=draw(st.integers(80, 450)),
        pitch=draw(LEVELS),
        pitch_range=draw(LEVELS),
        mentions=draw(st.dictionaries(TEXT, TEXT, max_size=3)),
        manner=draw(st.none() | TEXT),
        language=draw(NAMES),
        held_out_voice=draw(st.booleans()),
    )


@st.composite
def recorded(draw, index: int) -> Caption:
    return recorded_caption(
        index,
        draw(NAMES),
        text=draw(st.just("") | TEXT),
        speaker=draw(st.none() | TEXT),
        language=draw(NAMES),
        mentions=draw(st.dictionaries(TEXT, TEXT, max_size=2)),
        held_out_voice=draw(st.booleans()),
    )


@st.composite
def items(draw, number: int) -> Item:
    class_id = draw(st.integers(0, 3))
    return Item(
        id=f"{number}/{draw(NAMES)}",
        image=draw(NAMES),
        class_id=class_id,
        class_name=f"{class_id:03d}.x",
        split=draw(st.sampled_from(SPLITS)),
        box=draw(st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS)),
        attributes=draw(st.none() | st.dictionaries(TEXT, TEXT, max_size=3)),
        captions=tuple(draw(captions(index) | recorded(index)) for index in range(draw(st.integers(0, 3)))),
    )


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_round_trip(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    manifest = Manifest(root, data.draw(TEXT), [data.draw(items(n)) for n in range(3)], meta={"seed": 3, "a": [1, "é"]})
    manifest.save()
    again = Manifest.load(root)
    assert again.items == manifest.items
    assert (again.corpus, again.meta, again.root) == (manifest.corpus, manifest.meta, root)


def test_a_person_has_no_settings_of_an_engine(tmp_path):
    """Only what is known of a recording stands in the manifest, and a caption of an engine stands there as before."""
    spoken = recorded_caption(0, "a.ogg", speaker="Ada")
    lines = written_lines(tmp_path, [make_item(captions=(spoken, make_caption(1)))])
    first, second = json.loads(lines[1])["captions"]
    assert first == {"index": 0, "recorded": True, "audio": "a.ogg", "language": "en", "speaker": "Ada"}
    assert second.keys().isdisjoint({"recorded", "speaker"})
    assert (spoken.voice, recorded_caption(0, "a.ogg").voice) == ("Ada", "unknown speaker")


@pytest.mark.parametrize("old, new", [('"a.ogg"', '"../a.ogg"'), ('"a.ogg"', "null"), ('"Ada"', "7"), ('"en"', '""')])
def test_broken_recorded_captions_are_named(tmp_path, old, new):
    lines = written_lines(tmp_path, [make_item(captions=(recorded_caption(0, "a.ogg", speaker="Ada"),))])
    with pytest.raises(DataError, match="line 2: broken"):
        load_lines(tmp_path, [lines[0], lines[1].replace(old, new, 1)])


def test_loaded_records_are_as_frozen_as_made_ones(tmp_path):
    """They are made in another way, which must not show."""
    made = make_item(0, captions=(make_caption(0), recorded_caption(1, "a.ogg", speaker="Ada")))
    Manifest(tmp_path, "songbirds", [made]).save()
    (item,) = Manifest.load(tmp_path).items
    with pytest.raises(FrozenInstanceError):
        item.split = "val"
    with pytest.raises(FrozenInstanceError):
        item.captions[1].text = "x"
    assert (type(item), *map(type, item.captions)) == (Item, Caption, Caption)
    assert repr(item) == repr(made)
    assert pickle.loads(pickle.dumps(item)) == made
    assert replace(item, split="val") == replace(made, split="val")


def test_spaces_around_a_line_are_json(tmp_path):
    lines = written_lines(tmp_path, [make_item(0), make_item(1)])
    loaded = load_lines(tmp_path, [lines[0], f"  {lines[1]}", f"{lines[2]} \t"])
    assert loaded.items == (make_item(0), make_item(1))
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(path.read_bytes().rstrip())
    assert len(Manifest.load(tmp_path)) == 2


def test_a_line_that_is_not_utf8_is_named(tmp_path):
    made = [make_item(n, captions=(make_caption(text="ein schöner Vogel"),)) for n in range(200)]
    path = Manifest(tmp_path, "songbirds", made).save()
    lines = path.read_text().splitlines(keepends=True)
    path.write_bytes(b"".join(line.encode("latin-1" if n == 150 else "utf-8") for n, line in enumerate(lines, start=1)))
    with pytest.raises(DataError, match="manifest.jsonl: line 150: not text in UTF-8"):
        Manifest.load(tmp_path)


def test_views(tmp_path):
    manifest = Manifest(
        tmp_path,
        "songbirds",
        [make_item(0), make_item(1, split="val"), make_item(2, class_id=2, class_name="003.Blue_Bird", split="test")],
    )
    assert manifest.class_names == ["001.Red_Bird", "", "003.Blue_Bird"]
    assert manifest.splits == ["train", "val", "test"]
    assert [item.id for item in manifest.split("val")] == ["001.Red_Bird/Red_Bird_0001"]
    assert utterance_id(manifest.items[0], manifest.items[0].captions[1]) == "001.Red_Bird/Red_Bird_0000_1"
    with pytest.raises(DataError, match="test_seen.*train, val, test"):
        manifest.split("test_seen")


def test_no_manifest(tmp_path):
    with pytest.raises(DataError, match="no corpus folder.*speech2img prepare"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    "broken, reason",
    [
        ('{"id": "a"', "line 3: broken"),
        ("[]", "line 3: broken"),
        ("", "line 3: broken"),
        ("{}", "line 3: key 'box' is missing"),
        ("[" * 100_000, "line 3: broken"),
        ('{"box": null} {"box": null}', r"line 3: broken \(Extra data"),
        ("{'id': 'a'}", "line 3: broken"),
        ('"\\', "line 3: broken"),
    ],
)
def test_broken_line_is_named(tmp_path, broken, reason):
    lines = written_lines(tmp_path, [make_item(0), make_item(1)])
    lines[2] = broken
    with pytest.raises(DataError, match=reason):
        load_lines(tmp_path, lines)


@pytest.mark.parametrize(
    "key, value",
    [
        ("image", "../outside.jpg"),
        ("image", "/etc/passwd"),
        ("image", ""),
        ("image", None),
        ("class_id", 1.0),
        ("class_id", -1),
        ("class_id", 10**9),
        ("class_id", True),
        ("box", [1, 2, 3]),
        ("box", [1, 2, 3, "4"]),
        ("box", [1, 2, 3, float("nan")]),
        ("attributes", {"a": 1}),
        ("attributes", []),
        ("captions", 3),
        ("captions", [{}]),
        ("id", "\ud800"),
    ],
)
def test_wrong_values_are_refused(tmp_path, key, value):
    lines = written_lines(tmp_path, [make_item(0), make_item(1)])
    lines[1] = json.dumps({**json.loads(lines[1]), key: value})
    with pytest.raises(DataError, match="line 2"):
        load_lines(tmp_path, lines)


@pytest.mark.parametrize(
    "key, value",
    [("audio", "a/../../b.wav"), ("rate", 0), ("pitch", 100), ("pitch_range", -1), ("mentions", None), ("text", 5)],
)
def test_wrong_captions_are_refused(tmp_path, key, value):
    lines = written_lines(tmp_path, [make_item(0)])
    fields = json.loads(lines[1])
    fields["captions"][1][key] = value
    with pytest.raises(DataError, match="line 2"):
        load_lines(tmp_path, [lines[0], json.dumps(fields)])


def test_large_manifest_takes_little_memory(tmp_path):
    """CUB has 11,788 pictures with 10 captions; a quarter of it must take a quarter of 500 MB."""
    ten = tuple(make_caption(index, mentions={"body_color": "red", "light": "day"}) for index in range(10))
    Manifest(tmp_path, "cub", [make_item(n, captions=ten) for n in range(11_788 // 4)]).save()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    manifest = Manifest.load(tmp_path)
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(manifest) == 2947
    assert megabytes < 500 / 4
