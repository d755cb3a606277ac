"""Manifests that are damaged, contradict themselves, or come from a stranger."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.records.manifest import Manifest, require_files
from speech2img.errors import DataError, Speech2ImgError

from .test_manifest import load_lines, make_caption, make_item, written_lines


@pytest.mark.parametrize(
    "written, read",
    [
        ("./a.wav", "a.wav"),
        ("x//y/./a.wav", "x/y/a.wav"),
        ("x/a.wav/", "x/a.wav"),
        ("./é/a.wav", "é/a.wav"),
        (" a.wav", " a.wav"),
        ("x/.a.wav", "x/.a.wav"),
        ("a..b.wav", "a..b.wav"),
    ],
)
def test_a_path_has_one_spelling(tmp_path, written, read):
    lines = written_lines(tmp_path, [make_item(0)])
    fields = json.loads(lines[1])
    fields["image"] = fields["captions"][0]["audio"] = written
    fields["captions"][1] = {"index": 1, "recorded": True, "audio": written, "language": "en"}
    (item,) = load_lines(tmp_path, [lines[0], json.dumps(fields)]).items
    assert {item.image, item.captions[0].audio, item.captions[1].audio} == {read}


@pytest.mark.parametrize("path", [".", "./", "//", ".//..", "\\a.wav", "./\\a.wav", "a\0.wav", "./a\0.wav", "x/.."])
def test_paths_that_are_no_files_of_the_corpus(tmp_path, path):
    lines = written_lines(tmp_path, [make_item(0)])
    with pytest.raises(DataError, match="line 2: broken.*leaves the corpus folder"):
        load_lines(tmp_path, [lines[0], json.dumps({**json.loads(lines[1]), "image": path})])


@pytest.mark.parametrize("digits", [400, 5000])
@pytest.mark.parametrize("key", ["class_id", "box", "meta", "items", "version"])
def test_numbers_of_hundreds_of_digits_are_refused(tmp_path, key, digits):
    lines = [json.loads(line) for line in written_lines(tmp_path, [make_item(0)])]
    lines[key in ("class_id", "box")][key] = {"box": ["@"] * 4, "meta": {"a": "@"}}.get(key, "@")
    with pytest.raises(DataError, match="manifest.jsonl: (line|version)"):
        load_lines(tmp_path, [json.dumps(line).replace('"@"', "9" * digits) for line in lines])


@pytest.mark.parametrize("what", ["fifo", "device", "folder", "endless line"])
def test_what_is_no_file_of_lines_is_refused_at_once(tmp_path, what):
    path = tmp_path / "manifest.jsonl"
    if what == "fifo":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "folder":
        path.mkdir()
    else:
        lines = written_lines(tmp_path, [make_item(0)])
        path.write_text(lines[0] + "\n")
        os.truncate(path, 20 << 30)
    with pytest.raises(DataError, match="manifest.jsonl"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"version": 2}, "version 2"),
        ({"format": "x"}, "not a manifest header"),
        ({"items": 3}, "promises 3"),
        ({"meta": None}, "'meta' is missing or no dict"),
        ({"corpus": 1}, "'corpus'"),
    ],
)
def test_wrong_header(tmp_path, changed, reason):
    lines = written_lines(tmp_path, [make_item(0), make_item(1)])
    lines[0] = json.dumps({**json.loads(lines[0]), **changed})
    with pytest.raises(DataError, match=reason):
        load_lines(tmp_path, lines)


@pytest.mark.parametrize(
    "made, reason",
    [
        ([make_item(0), make_item(0)], "occurs twice"),
        ([make_item(0, split="dev")], "unknown split 'dev'"),
        ([make_item(0), make_item(1, class_name="002.Other")], "used for two classes"),
        ([make_item(0), make_item(1, class_id=1)], "two class numbers"),
        ([make_item(0, captions=(make_caption(1), make_caption(1)))], "same index"),
    ],
)
def test_contradictions(tmp_path, made, reason):
    with pytest.raises(DataError, match=reason):
        Manifest(tmp_path, "songbirds", made)


def test_a_name_that_is_not_unicode_cannot_be_written(tmp_path):
    name = os.fsdecode(b"V\xf6gel/1")
    with pytest.raises(DataError, match=r"manifest.jsonl: holds a name that is not UTF-8: .*V\\xf6gel/1"):
        Manifest(tmp_path, "folder", [make_item(0, image=name)]).save()
    assert not list(tmp_path.iterdir())


def test_truncated_file(tmp_path):
    path = Manifest(tmp_path, "songbirds", [make_item(n) for n in range(3)]).save()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="line 4: broken"):
        Manifest.load(tmp_path)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_mutants_load_or_are_refused(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    path = Manifest(root, "songbirds", [make_item(0), make_item(1)]).save()
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    try:
        manifest = Manifest.load(root)
    except Speech2ImgError as error:
        assert "manifest.jsonl" in str(error)
    else:
        assert len(manifest) == 2


@given(content=st.binary(max_size=300), after_header=st.booleans())
@settings(max_examples=200, deadline=5000)
def test_any_bytes_load_or_are_refused(content, after_header, tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    path = Manifest(root, "songbirds", [make_item(0)]).save()
    path.write_bytes((path.read_bytes().splitlines(keepends=True)[0] if after_header else b"") + content)
    with pytest.raises(DataError, match="manifest.jsonl"):
        Manifest.load(root)


def test_missing_files_are_named(tmp_path):
    made = [make_item(n) for n in range(5)]
    for item in made[:1]:
        (tmp_path / item.image).parent.mkdir(parents=True)
        (tmp_path / item.image).write_bytes(b"x")
    require_files(tmp_path, made[:1], lambda item: item.image, what="pictures", fix="copy them")
    with pytest.raises(DataError, match=r"4 pictures are missing.*_0001.jpg.*_0003.jpg, \.\.\. and 1 more; copy them"):
        require_files(tmp_path, made, lambda item: item.image, what="pictures", fix="copy them")
