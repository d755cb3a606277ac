"""The scripts of the cascade's comparison: what they count, and that each call is one that the command line knows."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from helpers.script_calls import calls_of

from speech2img.cli.main import build_parser
from speech2img.config import load_settings
from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.training.text_encoder.settings import TextEncoderSettings

FOLDER = Path(__file__).parents[2] / "experiments" / "cascade"


def record(text: str, mentions: dict[str, str]) -> UtteranceRecord:
    place = Path("x")
    return UtteranceRecord(
        "a", "b", place, text, place, 0, "bird", "test", mentions=mentions, by_manner=frozenset({"light"})
    )


def test_lost_words_are_those_that_the_caption_says() -> None:
    script = runpy.run_path(str(FOLDER / "error_rates.py"))
    records = [
        record(
            "A red bird in the snow.", {"body_color": "red", "background": "snow", "light": "night", "size": "huge"}
        ),
        record("a bird with a blue wing", {"wing_color": "blue"}),
    ]
    assert [len(script["attribute_words"](one)) for one in records] == [2, 1], (
        "light is told by manner, huge not at all"
    )
    found = script["scores"](records, ["a rat bird in the snow", "a bird with a blue wing"])
    assert found["attribute_words"] == 3 and found["attribute_words_lost"] == pytest.approx(1 / 3)
    assert found["wer"] == pytest.approx(1 / 12) and found["sentences_right"] == 0.5
    assert found["substitutions"] == pytest.approx(1 / 12) and found["deletions"] == found["insertions"] == 0
    assert "attribute_words_lost" not in script["scores"]([record("a bird", {})], ["a bird"]), "no share of nothing"


def test_an_utterance_is_right_where_its_species_is_the_nearest() -> None:
    nearest = runpy.run_path(str(FOLDER / "species_heard.py"))["nearest"]
    means = np.array([[10.0, 0.0], [0.0, 0.1]])
    embeddings = np.array([[1.0, 0.9], [1.0, 1.1], [np.nan, np.nan], [-3.0, -1.0]])
    assert nearest(embeddings, means).tolist() == [0, 1, -1, 1], "by angle, and of nothing recognised none"


@pytest.mark.parametrize("name", ["01_recogniser", "02_text_encoder", "03_compose", "04_compare", "05_photographs"])
def test_every_call_is_known(name: str, tmp_path: Path) -> None:
    (tmp_path / "runs" / "cascade-whisper").mkdir(parents=True)
    changes = {"RUNS": str(tmp_path / "runs"), "WHISPER": "models/whisper", "STEPS": "4", "RECORDINGS": "a b"}
    calls = calls_of(FOLDER / f"{name}.sh", folder=tmp_path, variables=changes)
    parser = build_parser()
    assert calls and all(parser.parse_args(words).verb == words[0] for words in calls)


def test_the_recipe_of_the_text_encoder_can_be_read() -> None:
    assert load_settings(TextEncoderSettings, file=FOLDER / "text-encoder.toml").embeddings == "heard"
