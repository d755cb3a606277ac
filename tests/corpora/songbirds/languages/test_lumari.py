"""Lumari: words that cannot be taken for one another, endings of its own, phonemes that every voice speaks."""

import hashlib
import importlib.util
import itertools
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.songbirds.attributes import ATTRIBUTES
from speech2img.corpora.songbirds.languages import english_words
from speech2img.corpora.songbirds.languages.lumari import LUMARI, word
from speech2img.corpora.songbirds.languages.lumari_words import CONCEPTS, CONSONANTS, VOWELS, edit_distance, lexicon
from speech2img.tts.base import is_phonemic
from speech2img.tts.espeak.engine import EspeakSynthesizer

needs_wheel = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs the wheel: pip install espeakng-loader"
)
ROOTS = [root for roots in lexicon().values() for root in roots]
WORD = rf"(?:{'|'.join(sorted(CONSONANTS, key=len, reverse=True))})'[{''.join(VOWELS)}]\w+"

# Prints the phonemes that espeak-ng speaks of each line of text, by its own account.
TRACE = """
import ctypes, sys
library_path, data, out, voices, texts = sys.argv[1:4] + [sys.argv[4].split(","), sys.argv[5].split("|")]
library, libc = ctypes.CDLL(library_path), ctypes.CDLL(None)
library.espeak_Initialize(2, 0, data.encode(), 0x8000)
libc.fopen.restype = ctypes.c_void_p
callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(lambda *_: 0)
library.espeak_SetSynthCallback(callback)
stream = ctypes.c_void_p(libc.fopen(out.encode(), b"w"))
library.espeak_SetPhonemeTrace(1, stream)
for voice in voices:
    assert library.espeak_SetVoiceByName(voice.encode()) == 0
    for text in texts:
        raw = text.encode()
        library.espeak_Synth(raw, ctypes.c_size_t(len(raw) + 1), 0, 1, 0, 0x101, None, None)
        library.espeak_Synchronize()
libc.fclose(stream)
"""


def test_words_cannot_be_taken_for_one_another():
    assert len(ROOTS) == len(set(ROOTS)) == sum(CONCEPTS.values()) > 100
    assert min(edit_distance(*pair) for pair in itertools.combinations(ROOTS, 2)) >= 3
    assert len({word(root) for root in ROOTS}) == len(ROOTS)


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
@settings(max_examples=60)
def test_edit_distance(first, second):
    distance = edit_distance(tuple(first), tuple(second))
    assert abs(len(first) - len(second)) <= distance <= max(len(first), len(second))
    assert distance == edit_distance(tuple(second), tuple(first))
    assert (distance == 0) == (first == second)


def test_edit_distance_of_known_pairs():
    assert edit_distance(tuple("kitten"), tuple("sitting")) == 3
    assert edit_distance(("tS", "a"), ("S", "a")) == 1


def test_the_lexicon_never_changes():
    content = " ".join(f"{concept}:{','.join(map(word, roots))}" for concept, roots in lexicon().items())
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == "c4622fa518a0e8e8"


def test_there_is_a_word_for_everything_and_no_english():
    values = {value for values in ATTRIBUTES.values() for value in values} - {*ATTRIBUTES["light"], "none"}
    assert values <= set(CONCEPTS)
    for color, synonyms in english_words.COLOR_WORDS.items():
        assert CONCEPTS[color] == len(synonyms)  # as much to learn as in English
    tables = [
        english_words.COLOR_WORDS,
        *english_words.ADJECTIVES.values(),
        english_words.NOUNS,
        english_words.POSE_PHRASES,
        english_words.BACKGROUND_NOUNS,
        english_words.DIRECTION_PHRASES,
    ]
    english = {part for table in tables for words in table.values() for text in words for part in text.split()}
    assert not {"".join(root).lower() for root in ROOTS} & english


def read(text: str) -> set[str]:
    """The concepts of a sentence, found by its roots."""
    concept_of = {word(root): concept for concept, roots in lexicon().items() for root in roots}
    spoken = re.sub(r"[\[\],.]", " ", text).split()
    assert all(re.fullmatch(WORD, one) for one in spoken), text
    found = set()
    for one in spoken:
        fitting = [concept for root, concept in concept_of.items() if one.startswith(root)]
        assert len(fitting) == 1, one
        found.add(fitting[0])
    return found


@given(
    st.dictionaries(st.sampled_from(sorted(set(ATTRIBUTES) - {"light"})), st.integers(0, 9), min_size=1),
    st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_a_sentence_says_what_is_recorded_and_nothing_else(numbers, seed):
    mentions = {name: ATTRIBUTES[name][number % len(ATTRIBUTES[name])] for name, number in numbers.items()}
    text = LUMARI.write(mentions, random.Random(seed), 0.5)
    assert is_phonemic(text) and text.endswith("]].")
    values = {value for values in ATTRIBUTES.values() for value in values}
    assert read(text) & values == set(mentions.values()) - {"none"}
    assert bool(re.search(r"ozu(ke|si|sike)?\b", text)) == ("none" in mentions.values())
    assert text == LUMARI.write(mentions, random.Random(seed), 0.5)


def test_endings(all_sentences):
    mentions = {"wing_color": "blue", "size": "small", "pose": "flying", "background": "sky"}
    bird, wing, blue, small, sky, flies = (
        word(lexicon()[name][0]) for name in ("bird", "wing", "blue", "small", "sky", "flying")
    )
    this, behold = (word(lexicon()[name][0]) for name in ("this", "behold"))
    who, has, where = f"{bird}e {small}e", f"{wing}omi {blue}o", f"{sky}uta"
    does, doing, said = f"{flies}ali", f"{flies}ari", f"[[{wing}omi {blue}osi]]"
    sentences = all_sentences("lumari", mentions)
    assert sentences == {
        f"[[{where} {who} {does}]], {said}.",
        f"[[{who} {where} {does}]], {said}.",
        f"{said}, [[{where} {who} {does}]].",
        f"{said}, [[{who} {where} {does}]].",
        *(
            text.replace("[[ ", "[[").replace("  ", " ")
            for shown in ("", f"{this}e", f"{behold}u")
            for text in (
                f"[[{shown} {who} {has} {where} {does}]].",
                f"[[{shown} {who} {where} {has} {does}]].",
                f"[[{where} {shown} {who} {has} {does}]].",
                f"[[{has} {shown} {who} {where} {does}]].",
                f"[[{shown} {where} {doing} {who} {has}]].",
                f"[[{shown} {who} {where} {doing} {has}]].",
                f"[[{has} {shown} {where} {doing} {who}]].",
            )
        ),
    }
    assert f"[[{bird}e {word(lexicon()['eye'][0])}ota {word(lexicon()['ring'][0])}ozu]]." in all_sentences(
        "lumari", {"eye_ring": "none"}
    )


@needs_wheel
def test_every_voice_speaks_every_phoneme(tmp_path: Path):
    import espeakng_loader

    accents = sorted(
        {
            voice.partition("+")[0]
            for voice in LUMARI.voices.training + LUMARI.voices.held_out + LUMARI.voices.held_out_whispers
        }
    )
    assert len(accents) == 8
    words = [word(root, ending) for root, ending in zip(ROOTS, itertools.cycle(("emi", "ozu", "uta", "ali")))]
    texts = [f"[[{' '.join(words[begin : begin + 8])}]]." for begin in range(0, len(words), 8)]
    out = tmp_path / "trace"
    command = [sys.executable, "-c", TRACE, espeakng_loader.get_library_path(), espeakng_loader.get_data_path()]
    subprocess.run([*command, str(out), ",".join(accents), "|".join(texts)], check=True, timeout=60)
    spoken = out.read_text().replace("U", "u").replace("I", "i").split()  # Italian has laxer ones
    assert spoken == words * len(accents)


@needs_wheel
def test_words_sound_different():
    colors = [word(lexicon()[color][0], "o") for color in ATTRIBUTES["body_color"]]
    with EspeakSynthesizer() as engine:
        sounds = {engine.synthesize(f"[[{one}]].", voice="it").tobytes() for one in colors}
        letters = engine.synthesize(f"{colors[0]}", voice="it")
        whole = engine.synthesize(f"[[{' '.join(colors)}]].", voice="it")
    assert len(sounds) == len(colors)
    assert letters.tobytes() not in sounds
    assert 2.0 < whole.size / 22_050 < 8.0
