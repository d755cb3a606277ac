"""Songbird species, manners and voices: all different, well mixed, and what is held out stays out."""

import itertools
import random
from collections import Counter

import pytest

from speech2img.corpora.records.voices import (
    HELD_OUT_VOICES,
    HELD_OUT_WHISPERS,
    TRAINING_VOICES,
    TRAINING_WHISPERS,
    draw_voice,
    voice_folder,
)
from speech2img.corpora.songbirds.attributes import ATTRIBUTES, BACKGROUNDS_OF_POSE, SPECIES_ATTRIBUTES
from speech2img.corpora.songbirds.manner import MANNERS, draw_manner
from speech2img.corpora.songbirds.species import draw_individual, make_species


@pytest.fixture(scope="module")
def species():
    return make_species(160, 40, seed=0)


def test_no_two_species_alike(species):
    for first, second in itertools.combinations(species, 2):
        fixed = [name for name in SPECIES_ATTRIBUTES if name not in first.free + second.free]
        different = [name for name in fixed if first.attributes[name] != second.attributes[name]]
        assert len(different) >= 3
        assert sum(name.endswith("_color") for name in different) >= 2
    assert len({one.name for one in species}) == 200
    assert [one.number for one in species] == list(range(1, 201))
    assert species[0].folder == f"001.{species[0].name}"


def test_unseen_species_are_a_fifth_and_lie_between(species):
    unseen = [one.number for one in species if one.unseen]
    assert len(unseen) == 40
    assert 10 < sum(unseen) / 40 - 80 < 31


def test_every_value_is_about_equally_frequent(species):
    for unseen in (False, True):
        some = [one for one in species if one.unseen is unseen]
        for name in SPECIES_ATTRIBUTES:
            counts = Counter(one.attributes[name] for one in some)
            assert set(counts) == set(ATTRIBUTES[name])
            assert max(counts.values()) < 2.5 * len(some) / len(ATTRIBUTES[name])


def test_seed_decides():
    assert make_species(6, 2, seed=1) == make_species(6, 2, seed=1)
    assert make_species(6, 2, seed=1) != make_species(6, 2, seed=2)


def test_individuals_keep_what_the_species_fixes(species):
    rng = random.Random(0)
    one = species[0]
    drawn = [draw_individual(one, rng) for _ in range(300)]
    for name in ATTRIBUTES:
        values = {bird[name] for bird in drawn}
        if name in SPECIES_ATTRIBUTES and name not in one.free:
            assert values == {one.attributes[name]}
        else:
            assert values == set(ATTRIBUTES[name])
    assert all(bird["background"] in BACKGROUNDS_OF_POSE[bird["pose"]] for bird in drawn)
    assert all(list(bird) == list(ATTRIBUTES) for bird in drawn)


def test_manners_do_not_overlap():
    rng = random.Random(0)
    spoken = {light: [draw_manner(light, rng) for _ in range(300)] for light in ATTRIBUTES["light"]}
    assert set(spoken) == set(MANNERS)
    assert max(one.rate for one in spoken["dusk"]) < 0.85 * min(one.rate for one in spoken["day"])
    assert max(one.rate for one in spoken["day"]) < 0.85 * min(one.rate for one in spoken["noon"])
    assert max(one.pitch for one in spoken["dusk"]) < min(one.pitch for one in spoken["day"])
    assert max(one.pitch for one in spoken["day"]) < min(one.pitch for one in spoken["noon"])
    assert {light for light, ones in spoken.items() if any(one.whispered for one in ones)} == {"night"}
    assert all(0 <= one.pitch <= 99 and 80 <= one.rate <= 450 for ones in spoken.values() for one in ones)


def test_held_out_voices_stay_out():
    def variants(voices):
        return {voice.partition("+")[2] for voice in voices}

    def accents(voices):
        return {voice.partition("+")[0] for voice in voices}

    assert len(set(TRAINING_VOICES)) == 24 and len(set(HELD_OUT_VOICES)) == 6
    assert not variants(HELD_OUT_VOICES) & variants(TRAINING_VOICES + TRAINING_WHISPERS)
    assert not accents(HELD_OUT_WHISPERS) & accents(TRAINING_VOICES + TRAINING_WHISPERS)
    rng = random.Random(0)
    assert {draw_voice(rng, held_out=True, whispered=True) for _ in range(100)} == set(HELD_OUT_WHISPERS)
    assert {draw_voice(rng) for _ in range(1000)} == set(TRAINING_VOICES)
    assert voice_folder("en-us+f3") == "en-us-f3"
    everyone = TRAINING_VOICES + HELD_OUT_VOICES + TRAINING_WHISPERS + HELD_OUT_WHISPERS
    assert len({voice_folder(voice) for voice in everyone}) == len(everyone)
