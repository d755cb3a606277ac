"""What a corpus says of itself in its manifest, and what one from before manifests said so is known to be."""

import json
from pathlib import Path
from typing import Any

import pytest

from speech2img.corpora.records.facts import META_KEY, CorpusFacts, facts_from_dict
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.corpora.registry import facts_of, first_pen, pen_of
from speech2img.corpora.songbirds.attributes import ATTRIBUTES, FACTS
from speech2img.errors import DataError

TOY = CorpusFacts(
    attributes={"shape": ("round", "square"), "size": ("small", "large"), "mood": ("calm", "wild")},
    manner=frozenset({"mood"}),
    hidden={"size": {"shape": ("square",), "mood": ("wild",)}},
    crop=False,
    classes="kinds",
)


def corpus(root: Path, name: str, **meta: Any) -> Manifest:
    return Manifest(root, name, [Item("a/1", "a/1.png", 0, "a", "train", None, None, ())], meta=meta)


@pytest.mark.parametrize("facts", [TOY, FACTS, CorpusFacts()])
def test_facts_survive_the_manifest(tmp_path: Path, facts: CorpusFacts) -> None:
    corpus(tmp_path, "toy", **{META_KEY: facts.to_dict()}).save()
    read = facts_of(Manifest.load(tmp_path))
    assert read == facts and list(read.attributes) == list(facts.attributes)


def test_a_hidden_attribute_cannot_be_shown() -> None:
    assert TOY.visible({"shape": "round", "size": "small", "mood": "calm"}) == {"shape", "size", "mood"}
    assert TOY.visible({"shape": "square", "size": "small"}) == {"shape"}
    assert TOY.visible({"mood": "wild", "size": "small", "weather": "fine"}) == {"mood"}
    assert TOY.visible({}) == frozenset()


def test_a_manifest_that_says_nothing_reads_as_it_always_did(tmp_path: Path) -> None:
    birds, cub, other = (facts_of(corpus(tmp_path, name)) for name in ("songbirds", "cub", "places"))
    assert birds == FACTS and not birds.crop and birds.classes == "species" and birds.manner == {"light"}
    assert cub.crop and cub.classes == "species" and facts_of(corpus(tmp_path, "cub100")) == cub
    assert other.crop and other.classes == "classes" and list(other.attributes) == list(ATTRIBUTES)


def test_only_a_corpus_that_is_drawn_here_has_a_pen(tmp_path: Path) -> None:
    pen = pen_of(corpus(tmp_path, "songbirds"))
    assert pen is first_pen() and pen.facts == FACTS
    assert pen_of(corpus(tmp_path, "cub")) is None and pen_of(corpus(tmp_path, "mine")) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("text", "facts"),
        ({"attributes": ["shape"]}, "attributes"),
        ({"attributes": {"shape": []}}, "attribute 'shape'"),
        ({"attributes": {"shape": ["round", "round"]}}, "attribute 'shape'"),
        ({"attributes": {"shape": ["round", 3]}}, "attribute 'shape'"),
        ({"manner": "mood"}, "manner"),
        ({"hidden": ["size"]}, "hidden"),
        ({"hidden": {"size": ["shape"]}}, "attributes"),
        ({"crop": 1}, "crop"),
        ({"classes": None}, "crop, classes"),
        ({"judge": 3}, "judge"),
    ],
)
def test_broken_facts_are_named(tmp_path: Path, fields: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        facts_from_dict(json.loads(json.dumps(fields)), name="manifest.jsonl")
