"""``speech2img prepare``: one sub-command a corpus, its own options, and what it says when all is well."""

import argparse
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from speech2img.batches.labelled_images import head_values
from speech2img.cli import prepare
from speech2img.cli.main import build_parser, main
from speech2img.corpora.checks.file_records import inspect_files
from speech2img.corpora.checks.leaks import Leak, leak_report
from speech2img.corpora.records.facts import META_KEY, CorpusFacts
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.corpora.records.voice_assignment import speak_plainly
from speech2img.corpora.registry import CORPORA, Corpus, Pen, facts_of, pen_of
from speech2img.features.stores import image_store
from speech2img.options import Option, positive


def fake_corpus(seen: dict[str, object], **meta: object) -> Corpus:
    pictures = (("x/a", 4, "train"), ("y/b", 7, "test"))
    items = [Item(name, f"{name}.jpg", number, name[0], side, None, None, ()) for name, number, side in pictures]

    def make(root: Path, **options: object) -> Manifest:
        seen.update(options)
        return Manifest(root, "fake", items, meta=meta)

    options = (
        Option("split_by", "how", choices=("item", "class")),
        Option("share", "how much", kind=float, default=0.5),
        Option("keep_all", "whether", is_flag=True),
    )
    return Corpus(make, "a corpus of two", "What lies where.", "speech2img prepare fake --root x", options)


@pytest.fixture
def fake(monkeypatch):
    def use(**meta: object) -> dict[str, object]:
        seen: dict[str, object] = {}
        monkeypatch.setattr(prepare, "CORPORA", {"fake": fake_corpus(seen, **meta)})
        return seen

    return use


def test_options_reach_the_corpus(fake, capsys):
    seen = fake()
    assert main(["prepare", "fake", "--root", "r", "--split-by", "class", "--keep-all", "--seed", "3"]) == 0
    assert seen == {"split_by": "class", "share": 0.5, "keep_all": True, "seed": 3, "workers": 2, "progress": True}
    assert capsys.readouterr().out == "r: 2 pictures (1 train, 1 test), 2 classes, 0 captions\n"


def test_notes_and_leaks_are_one_line_each(fake, capsys):
    leak = Leak("picture", ("train", "test"), 1, 1, ("y/b",))
    fake(notes=["first", "second"], leaks=leak_report([leak], ["picture"], unknown={}))
    main(["prepare", "fake", "--root", "r"])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "note: first",
        "note: second",
        "leaks: 1 picture of train is in test as well (item of test y/b)",
    ]


@pytest.mark.parametrize("name", CORPORA)
def test_every_corpus_has_help_and_an_example_that_parses(name, capsys):
    with pytest.raises(SystemExit):
        main(["prepare", name, "--help"])
    printed = capsys.readouterr().out
    assert CORPORA[name].example in printed
    assert all(f"--{option.name.replace('_', '-')}" in printed for option in CORPORA[name].options)
    args = build_parser().parse_args(CORPORA[name].example.split()[1:])
    assert (args.verb, args.corpus) == ("prepare", name) and isinstance(args, argparse.Namespace)


def test_wrong_choice_is_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["prepare", "songbirds", "--root", "x", "--size", "ful"])
    assert stop.value.code == 2 and "did you mean 'full'?" in capsys.readouterr().err


def test_cub_names_everything_that_is_missing(tmp_path, capsys):
    assert main(["prepare", "cub", "--root", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in ("images.txt", "data.caltech.edu", "captions", "github.com/reedscot/cvpr2016"))


def test_check_names_changed_files(tmp_path, capsys):
    (tmp_path / "list.txt").write_text("a")
    item = Item("x/a", "a.jpg", 0, "x", "train", None, None, ())
    Manifest(tmp_path, "cub", [item, replace(item, id="x/b")]).save()
    inspect_files(tmp_path, images=[], others=["list.txt"], source="", progress=False)
    (tmp_path / "list.txt").write_text("b")
    main(["check", "--root", str(tmp_path)])
    assert "1 files changed since the manifest was written (list.txt)" in capsys.readouterr().out


def test_a_corpus_is_added_by_one_line(tmp_path, capsys, monkeypatch):
    """A toy from outside the package: its help, its options, what it says of itself and how it is drawn."""
    facts = CorpusFacts({"shade": ("dark", "light")}, crop=False, classes="kinds")

    def draw(attributes, *, seed, size):
        return np.full((size, size, 3), 40 if attributes["shade"] == "dark" else 200, np.uint8)

    def make(root: Path, *, seed: int, workers: int, progress: bool, count: int) -> Manifest:
        items = []
        for number in range(count):
            attributes = {"shade": facts.attributes["shade"][number % 2]}
            name, split = f"{number % 2}/{number}", ("train", "train", "val", "test")[number % 4]
            path = root / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw(attributes, seed=number, size=32)).save(path)
            texts = [(f"it is {attributes['shade']}", attributes)]
            voiced = speak_plainly(name, texts, random.Random(seed), may_hold_out=False)
            box = (8.0, 8.0, 4.0, 4.0)
            items.append(Item(name, f"{name}.png", number % 2, name[0], split, box, attributes, tuple(voiced)))
        manifest = Manifest(root, "toy", items, meta={META_KEY: facts.to_dict(), "notes": ["drawn"]})
        manifest.save()
        return manifest

    pen = Pen(facts, lambda rng: {"shade": facts.attributes["shade"][rng.integers(2)]}, draw)
    options = (Option("count", "how many", "N", positive, default=8),)
    toy = Corpus(make, "squares", "Draws squares.", "speech2img prepare toy --root x", options, pen=lambda: pen)
    monkeypatch.setitem(CORPORA, "toy", toy)

    assert main(["prepare", "toy", "--root", str(tmp_path), "--count", "12"]) == 0
    said = capsys.readouterr().out
    assert "12 pictures (6 train, 3 val, 3 test), 2 classes, 12 captions" in said and "note: drawn" in said
    with pytest.raises(SystemExit):
        main(["prepare", "toy", "--help"])
    assert "--count N" in capsys.readouterr().out

    manifest = Manifest.load(tmp_path)
    assert facts_of(manifest) == facts and pen_of(manifest) is pen
    assert head_values(manifest.items, facts, species=True) == {"species": ("0", "1"), "shade": ("dark", "light")}
    store = image_store(manifest, size=32, workers=1, progress=False)
    assert store.path.name == "images-32.h5" and store.pixels()[0].max() == 40, "its box is not cropped to"
