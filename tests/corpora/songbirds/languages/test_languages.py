"""All languages of songbirds: the same birds, true and recorded sentences, own voices; and what an unknown one gets."""

import hashlib
import importlib.util
import json
import random
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.cli.main import build_parser, main
from speech2img.corpora.records.cub_layout import RECIPE_NAME
from speech2img.corpora.records.facts import META_KEY
from speech2img.corpora.records.items import item_to_dict
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.voices import draw_voice, voice_folder
from speech2img.corpora.songbirds import prepare as build
from speech2img.corpora.songbirds.attributes import ATTRIBUTES, BACKGROUNDS_OF_POSE
from speech2img.corpora.songbirds.captions import BRIEF, write_captions
from speech2img.corpora.songbirds.languages.registry import LANGUAGES, find_language
from speech2img.corpora.songbirds.prepare import plan_songbirds, prepare_songbirds
from speech2img.errors import ConfigError
from speech2img.tts.base import is_phonemic

WRITTEN = ("de", "fr", "es", "ar")
OTHERS = tuple(code for code in LANGUAGES if code != "en")
NAMES = tuple(name for name in ATTRIBUTES if name != "light")
needs_wheel = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs the wheel: pip install espeakng-loader"
)

# Written by hand, not from the tables: how a listener would find each value. A colour word may have any ending.
COLORS = {
    "de": {
        "red": r"(scharlach|karmin|rubin)?rot",
        "orange": r"(orange|mandarinen|kürbis)farben",
        "yellow": r"(zitronen|kanarien)?gelb",
        "green": r"(smaragd|gras)?grün",
        "blue": r"(azur|kobalt|saphir)?blau",
        "brown": r"(kastanien|schokoladen)?braun",
        "black": r"(pech|kohl|raben)?schwarz",
        "white": r"(rein|elfenbein)?weiß",
    },
    "fr": {
        "red": r"rouges?( rubis)?|écarlates?|vermillon",
        "orange": r"orange|mandarine|abricot",
        "yellow": r"jaunes?( citron| canari)?",
        "green": r"verte?s?( émeraude| gazon)?",
        "blue": r"bleue?s?( azur| cobalt| saphir)?",
        "brown": r"brune?s?|marron|chocolat",
        "black": r"noire?s?( de jais| charbon| corbeau)?",
        "white": r"blanc(he)?s?( pur)?|(d')?ivoire",
    },
    "es": {
        "red": r"roj[oa]s?( rubí)?|escarlatas?|bermellón",
        "orange": r"anaranjad[oa]s?|naranja|color calabaza",
        "yellow": r"amarill[oa]s?( limón| canario)?",
        "green": r"verdes?( esmeralda| hierba)?",
        "blue": r"azul(es)?( zafiro| cobalto| añil)?",
        "brown": r"marr(ón|ones)|castañ[oa]s?|color chocolate",
        "black": r"negr[oa]s?( azabache| carbón)?|color ébano",
        "white": r"blanc[oa]s?( puro)?|color marfil",
    },
    "ar": {
        "red": r"أحمر|حمراء|(قرمزي|ياقوتي|عقيقي)ة?",
        "orange": r"(برتقالي|مشمشي|جزري)ة?",
        "yellow": r"أصفر|صفراء|(ليموني|كهرماني)ة?",
        "green": r"أخضر|خضراء|(زمردي|عشبي)ة?",
        "blue": r"أزرق|زرقاء|(لازوردي|كحلي|نيلي)ة?",
        "brown": r"(بني|كستنائي|جوزي)ة?",
        "black": r"أسود|سوداء|(فحمي|أبنوسي|غرابي)ة?",
        "white": r"أبيض|بيضاء|(عاجي|لؤلئي)ة?",
    },
}
OTHER_WORDS = {
    "de": {
        "short": "kurz|gedrungen", "long": "lang(gezogen)?", "pointed": "spitz|scharf", "hooked": "krumm|gebogen",
        "rounded": "(abge)?rund", "forked": "gegabelt|gespalten", "small": "klein|winzig|zierlich",
        "large": "groß|riesig|mächtig", "perched": "sitzt|hockt|ruht", "standing": "steht",
        "swimming": "schwimmt|treibt|paddelt", "flying": "fliegt|segelt|schwebt|gleitet", "sky": "Himmel",
        "foliage": "Laub|Blätter", "reeds": "Schilf", "water": "Wasser", "snow": "Schnee", "left": "links",
        "right": "rechts", "none": "ohne|kein|schlicht",
    },
    "fr": {
        "short": "court|trapu", "long": "longu?e?|allongé", "pointed": "pointu|acéré", "hooked": "crochu|recourbé",
        "rounded": "arrondi|rond", "forked": "fourchu|échancré", "small": "petit|minuscule",
        "large": "grand|gros|énorme", "perched": "perch|branche", "standing": "debout|dress",
        "swimming": "nag|flott|barbot", "flying": "vol|plan", "sky": "ciel", "foliage": "feui",
        "reeds": "roseaux", "water": "eau", "snow": "neige", "left": "gauche", "right": "droite",
        "none": "sans|n'ont pas|n'a pas|unies",
    },
    "es": {
        "short": "cort|rechonch", "long": "larg|alargad", "pointed": "puntiagud|afilad", "hooked": "ganchud|curvad",
        "rounded": "redond", "forked": "ahorquillad|partid", "small": "pequeñ|diminut|minúscul",
        "large": "gran|enorme|inmens", "perched": "posad|rama|sentad", "standing": "de pie|erguid|parad",
        "swimming": "nad|flot", "flying": "vuel|volando|plane", "sky": "cielo", "foliage": "hojas|follaje|arbustos",
        "reeds": "juncos", "water": "agua", "snow": "nieve", "left": "izquierda", "right": "derecha",
        "none": "sin|no tiene|lisas",
    },
    "ar": {
        "short": "قصير|وجيز", "long": "طويل|مديد", "pointed": "مدبب|حاد", "hooked": "معقوف|مقوس",
        "rounded": "مستدير|دائري", "forked": "مشقوق|متشعب", "small": "صغير|ضئيل|دقيق", "large": "كبير|ضخم|عظيم",
        "perched": "يجلس|يجثم", "standing": "يقف|ينتصب", "swimming": "يسبح|يعوم|يطفو", "flying": "يطير|يحلق|يرفرف",
        "sky": "سماء", "foliage": "أوراق", "reeds": "قصب", "water": "ماء", "snow": "ثلج", "left": "يسار",
        "right": "يمين", "none": "بلا",
    },
}  # fmt: skip
LIGHT = {
    "de": "nacht|nächt|mittag|dämmer|abend|morgen|hell|dunkel|licht|sonn|mond|stern|schatten|schein|flüster|leise|laut",
    "fr": "nuit|midi|soir|matin|aube|crépuscul|clair|sombre|lumi|soleil|lune|étoil|ombre|brill|murmur|chuchot",
    "es": "noche|mediod|tarde|mañana|alba|crepúscul|clar|oscur|luz|lumin|sol\\b|luna|estrell|sombra|brill|susurr",
}
LIGHT["ar"] = "ليل|ظهر|مساء|صباح|فجر|غروب|ضوء|نور|شمس|قمر|نجم|ظل|همس|مظلم|ساطع|فاتح|داكن"
PREFIXES = {"ar": "و?(?:ال)?"}
"""What is written together with the next word: "and", and the article."""
VOWEL_SIGNS = re.compile("[\u064b-\u0652]")
LETTERS = {"de": r"[A-Za-zäöüß ,]", "fr": r"[A-Za-zàâçéèêëîïôûœÉ ,'-]", "es": r"[A-Za-zÁáéíóúñ ,]", "ar": r"[ء-ي ،]"}


@st.composite
def birds(draw):
    bird = {name: draw(st.sampled_from(values)) for name, values in ATTRIBUTES.items()}
    bird["background"] = draw(st.sampled_from(BACKGROUNDS_OF_POSE[bird["pose"]]))
    return bird


def digest(manifest: Manifest) -> str:
    meta = {key: value for key, value in manifest.meta.items() if key != META_KEY}  # came later
    content = [item_to_dict(item) for item in manifest.items] + [meta]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def plans():
    return {code: plan_songbirds("nowhere", size="tiny", language=code) for code in LANGUAGES}


def test_english_is_what_it_was_before_there_were_others(plans):
    assert digest(plans["en"]) == "6d1ba87dfbd00822"


def test_the_languages():
    assert set(LANGUAGES) == {"en", "de", "fr", "es", "ar", "lumari"}
    known = build_parser()
    for code in LANGUAGES:
        assert known.parse_args(["prepare", "songbirds", "--root", "x", "--language", code]).language == code


@pytest.mark.parametrize("code", OTHERS)
def test_the_birds_are_the_same_in_all_languages(plans, code):
    for english, other in zip(plans["en"].items, plans[code].items, strict=True):
        assert (other.id, other.image, other.split, other.class_id) == (
            english.id,
            english.image,
            english.split,
            english.class_id,
        )
        assert other.attributes == english.attributes
        assert [c.held_out_voice for c in other.captions] == [c.held_out_voice for c in english.captions]
        assert {c.manner for c in other.captions} == {other.attributes["light"]}
    assert plans[code].meta == {**plans["en"].meta, "language": code}
    assert digest(plan_songbirds("elsewhere", size="tiny", language=code)) == digest(plans[code])
    assert digest(plan_songbirds("x", size="tiny", seed=1, language=code)) != digest(plans[code])


@pytest.mark.parametrize("code", WRITTEN)
@given(bird=birds(), names=st.sets(st.sampled_from(NAMES), min_size=1), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_sentence_says_what_is_recorded_and_nothing_else(code, bird, names, seed):
    mentions = {name: bird[name] for name in NAMES if name in names}
    text = VOWEL_SIGNS.sub("", LANGUAGES[code].write(mentions, random.Random(seed), 0.5))
    assert re.fullmatch(rf"{LETTERS[code]}+[^ ,]\.", text) and text[0] == text[0].upper(), text
    prefix = PREFIXES.get(code, "")
    assert "  " not in text and " ," not in text and not re.search(r"\b(\w+) \1\b", text), text
    for name, value in mentions.items():
        pattern = COLORS[code].get(value) or OTHER_WORDS[code][value]
        assert re.search(rf"\b{prefix}({pattern})", text, re.IGNORECASE), (name, value, text)
    colors = {color: rf"\b{prefix}({words})(e[nrsm]?)?\b" for color, words in COLORS[code].items()}
    said = {color for color, pattern in colors.items() if re.search(pattern, text, re.I)}
    assert said == set(mentions.values()) & set(COLORS[code]), text
    assert not re.search(rf"\b{prefix}({LIGHT[code]})", text, re.IGNORECASE), text


@pytest.mark.parametrize("code", LANGUAGES)
@given(bird=birds(), seed=st.integers(0, 2**32))
@settings(max_examples=12, deadline=None)
def test_captions_differ_and_know_nothing_of_the_light(code, bird, seed):
    captions = write_captions(bird, random.Random(seed), talk=BRIEF, language=LANGUAGES[code])
    assert len({text for text, _ in captions}) == 10
    for text, mentions in captions:
        assert 1 <= len(mentions) <= 3 and all(bird[name] == value for name, value in mentions.items())
        assert is_phonemic(text) == (code == "lumari")
    dark = {**bird, "light": "night"}
    assert write_captions(dark, random.Random(seed), talk=BRIEF, language=LANGUAGES[code]) == captions


@pytest.mark.parametrize("code", OTHERS)
def test_as_much_variety_as_in_english(code):
    brief = (
        {"crown_color": "red", "beak_color": "black", "pose": "flying"},
        {"body_color": "red", "wing_color": "blue"},
        {"size": "small", "background": "snow", "tail_shape": "forked"},
        {"breast_color": "white"},
    )

    def different(language):
        seeds = range(1500)
        return sum(len({language.write(m, random.Random(seed), BRIEF.plain_share) for seed in seeds}) for m in brief)

    assert different(LANGUAGES[code]) >= different(LANGUAGES["en"])


@pytest.mark.parametrize("code", LANGUAGES)
def test_voices(code):
    voices = LANGUAGES[code].voices
    everyone = voices.training + voices.held_out + voices.training_whispers + voices.held_out_whispers
    assert (len(voices.training), len(voices.held_out)) == (24, 6)
    assert len(set(everyone)) == len(everyone) == len({voice_folder(voice) for voice in everyone})
    variants = [{voice.partition("+")[2] for voice in group} for group in (voices.training, voices.held_out)]
    assert not variants[0] & variants[1]
    rng = random.Random(0)
    few = {draw_voice(rng, voices=voices, stride=5) for _ in range(200)}
    whispers = {draw_voice(rng, voices=voices, whispered=True, stride=5) for _ in range(200)}
    assert len(few) == 5 and few < set(voices.training)
    assert {voice.partition("+")[2] for voice in whispers} == {"whisper", "whisperf"}


@needs_wheel
@pytest.mark.parametrize("code", OTHERS)
def test_espeak_has_the_voices(code):
    from speech2img.tts.espeak.engine import EspeakSynthesizer

    voices = LANGUAGES[code].voices
    with EspeakSynthesizer() as engine:
        for voice in voices.training + voices.held_out + voices.training_whispers + voices.held_out_whispers:
            assert engine.voice_for(voice) == voice
        text = LANGUAGES[code].write({"size": "small", "body_color": "red"}, random.Random(0), 1.0)
        sounds = [
            engine.synthesize(text, voice=voice)
            for voice in (voices.training[0], voices.training_whispers[0], voices.held_out_whispers[0])
        ]
    assert all(0.7 < sound.size / engine.sample_rate < 5 and abs(sound).max() > 0.1 for sound in sounds)


def without_drawing(monkeypatch):
    monkeypatch.setattr(build, "_draw_image", lambda task, *, root, seed: (0.0, 0.0, 10.0, 10.0))


def test_the_folder_says_its_language(tmp_path, monkeypatch):
    without_drawing(monkeypatch)
    for code in ("en", "fr"):
        manifest = prepare_songbirds(tmp_path / code, size="tiny", language=code, workers=1, progress=False)
        recipe = json.loads((tmp_path / code / RECIPE_NAME).read_text())
        assert recipe.get("language", "en") == Manifest.load(tmp_path / code).meta.get("language", "en") == code
        item = manifest.items[3]
        assert (tmp_path / code / f"text/{item.id}.txt").read_text("utf-8").splitlines() == [
            caption.text for caption in item.captions
        ]
        assert all(caption.voice.startswith(code) for caption in item.captions)
    assert set(json.loads((tmp_path / "en" / RECIPE_NAME).read_text())) == {"corpus", "size", "seed", "recipe"}
    with pytest.raises(ConfigError, match="language fr.*asked for was songbirds"):
        prepare_songbirds(tmp_path / "fr", size="tiny", workers=1, progress=False)
    with pytest.raises(ConfigError, match="asked for was songbirds.*language de"):
        prepare_songbirds(tmp_path / "en", size="tiny", language="de", workers=1, progress=False)


@pytest.mark.parametrize("codes", ["en+de", "de+en+ar"])
def test_several_languages_caption_the_same_pictures(codes, plans, tmp_path, monkeypatch):
    together, (first, *others) = plan_songbirds("nowhere", size="tiny", language=codes), codes.split("+")
    for alone, item in zip(plans[first].items, together.items, strict=True):
        assert (item.id, item.split, item.attributes) == (alone.id, alone.split, alone.attributes)
        assert [caption.index for caption in item.captions] == list(range(10 * (1 + len(others))))
        # The first ones are what they are alone; the others are of their language, as many, in its own voices.
        assert item.captions[:10] == tuple(replace(caption, language=first) for caption in alone.captions)
        for number, code in enumerate(others, start=1):
            own = item.captions[10 * number : 10 * number + 10]
            assert {caption.language for caption in own} == {code}
            assert all(caption.voice.startswith(code) for caption in own)
            assert [c.held_out_voice for c in own].count(True) == [c.held_out_voice for c in alone.captions].count(True)
        assert len({caption.audio for caption in item.captions}) == len(item.captions)
    without_drawing(monkeypatch)
    manifest = prepare_songbirds(tmp_path / "x", size="tiny", language=codes, workers=1, progress=False)
    assert Manifest.load(tmp_path / "x").meta["language"] == codes
    assert Manifest.load(tmp_path / "x").items[0].captions == manifest.items[0].captions
    assert digest(plan_songbirds("elsewhere", size="tiny", language=codes)) == digest(together)


@pytest.mark.parametrize(
    ("codes", "message"), [("en+en", "names a language twice"), ("en+", "'' is no language"), ("en+xx", "'xx' is no")]
)
def test_languages_that_make_no_mix_are_one_line(codes, message, tmp_path, capsys):
    assert main(["prepare", "songbirds", "--root", str(tmp_path / "x"), "--language", codes]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0] and not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "name", ["", "xx", "EN", "Deutsch", "de\n", "../de", "ｄｅ", "de;ls", "lumarí", "\x00", "en" * 5000, "\N{BIRD}"]
)
def test_an_unknown_language_is_one_error_with_the_known_ones(tmp_path, name):
    with pytest.raises(ConfigError, match=r"is no language of songbirds.*en \(English\), de \(German\)") as caught:
        prepare_songbirds(tmp_path / "new", size="tiny", language=name, progress=False)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    assert not (tmp_path / "new").exists()
    with pytest.raises(ConfigError):
        find_language(name)


def test_a_slip_is_guessed_on_the_command_line(tmp_path, capsys):
    command = ["prepare", "songbirds", "--root", str(tmp_path / "x"), "--language", "lumar"]
    assert main(command) == 2
    assert "did you mean lumari?" in capsys.readouterr().err
