"""Choosing utterances: seeded, spread over voices, classes and pictures."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.corpora.records.utterances import UtteranceRecord, utterances_of
from speech2img.errors import AudioError, DataError, MetricError
from speech2img.metrics.evaluate.model_groups import choose_utterances, generate_group, stretches, with_languages


def record(class_id: int, picture: int, caption: int, *, held_out: bool) -> UtteranceRecord:
    item = f"{class_id}/{picture}"
    return UtteranceRecord(
        id=f"{item}_{caption}",
        item_id=item,
        audio=Path("a.wav"),
        text="",
        image=Path("a.jpg"),
        class_id=class_id,
        class_name="",
        split="test",
        held_out_voice=held_out,
    )


RECORDS = [record(c, p, k, held_out=k % 4 == 0) for c in range(5) for p in range(6) for k in range(10)]


def test_voices_classes_and_pictures_take_turns() -> None:
    chosen = choose_utterances(RECORDS, count=30, seed=1)
    assert len(chosen) == 30
    assert sum(entry.held_out_voice for entry in chosen) == 15
    assert set(Counter(entry.class_id for entry in chosen).values()) == {6}
    assert len({entry.item_id for entry in chosen}) == 30


def test_the_choice_depends_on_the_seed_alone() -> None:
    first = choose_utterances(RECORDS, count=20, seed=1)
    assert first == choose_utterances(RECORDS[::-1], count=20, seed=1)
    assert first != choose_utterances(RECORDS, count=20, seed=2)


class NoisePainter:
    """Hears the number of an utterance, but not those it is deaf to; its images tell number and noise."""

    needs_frames, image_size = False, 1

    def __init__(self, deaf: set[int]) -> None:
        self.deaf = deaf

    def encode_paths(self, paths: Any, *, on_error: Any = None) -> np.ndarray:
        numbers = [int(path.stem) for path in paths]
        for place, number in enumerate(numbers):
            if number in self.deaf:
                on_error(place, AudioError("nothing was recognised"))
        return np.float32([[np.nan if number in self.deaf else number] for number in numbers])

    def generate(self, embeddings: np.ndarray, *, seed: int, first_index: int) -> np.ndarray:
        assert not np.isnan(embeddings).any()
        noise = first_index + np.arange(len(embeddings))
        images = np.stack([embeddings[:, 0], noise, 0 * noise], axis=1).astype(np.uint8)
        return images[:, None, None, None]


@pytest.mark.parametrize("deaf", [set(), {0}, {3, 4}, {69}, {1, 31, 32, 33, 60}, set(range(64))])
def test_noise_is_the_utterances_own_whatever_else_is_heard(deaf: set[int]) -> None:
    records = [replace(RECORDS[0], audio=Path(f"{number}.wav")) for number in range(70)]
    real: Any = SimpleNamespace(read=lambda names: np.zeros((len(names), 1, 1, 3), np.uint8))
    told: list[AudioError] = []
    group = generate_group(
        NoisePainter(deaf),  # type: ignore[arg-type]
        records,
        "unseen",
        100,
        real=real,
        seed=0,
        on_error=lambda record, error: told.append(error),
        progress=False,
    )
    numbers, noise = group.images[:, 0, 0, :2].T.tolist()
    assert numbers == sorted(set(range(70)) - deaf) and noise == [100 + number for number in numbers]
    assert [group.noise_index(row) for row in range(len(numbers))] == noise
    assert len(told) == len(deaf) and group.num_chosen == 70


@given(st.sets(st.integers(0, 30), min_size=1))
def test_stretches_are_as_long_as_can_be(numbers: set[int]) -> None:
    rising = sorted(numbers)
    parts = [rising[part] for part in stretches(rising)]
    assert [number for part in parts for number in part] == rising
    assert all(part == list(range(part[0], part[-1] + 1)) for part in parts)
    assert all(later[0] > earlier[-1] + 1 for earlier, later in zip(parts, parts[1:], strict=False))


def test_languages_take_equal_shares() -> None:
    records = [replace(entry, language="ar" if row % 10 > 4 else "en") for row, entry in enumerate(RECORDS)]
    chosen = choose_utterances(records, count=24, seed=1)
    for code in ("ar", "en"):
        mine = [entry for entry in chosen if entry.language == code]
        assert len(mine) == 12 and len({entry.item_id for entry in mine}) == 12
        assert sum(entry.held_out_voice for entry in mine) == 6
    # A picture of one language is left to others as long as there are fresh ones.
    assert len({entry.item_id for entry in chosen}) == 24
    # What a rare language lacks, the others give.
    rare = [replace(entry, language="ar" if row in (3, 4, 5) else "en") for row, entry in enumerate(RECORDS)]
    assert Counter(entry.language for entry in choose_utterances(rare, count=40, seed=1)) == {"ar": 3, "en": 37}
    assert len(choose_utterances(rare, count=len(RECORDS), seed=1)) == len(RECORDS)


def test_rows_of_languages() -> None:
    assert with_languages("birds", RECORDS[:3]) == {"birds": range(3)}
    mixed = [replace(RECORDS[0], language=code) for code in ("en", "ar", "en")]
    assert with_languages("birds", mixed) == {
        "birds": range(3),
        "birds, language ar": [1],
        "birds, language en": [0, 2],
    }
    assert with_languages("birds", mixed, [1, 2]) == {
        "birds": [1, 2],
        "birds, language ar": [1],
        "birds, language en": [2],
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 400), st.integers(0, 5), st.integers(0, 300))
def test_never_too_many_never_twice(count: int, seed: int, num_held_out: int) -> None:
    records = [replace(entry, held_out_voice=row < num_held_out) for row, entry in enumerate(RECORDS)]
    chosen = choose_utterances(records, count=count, seed=seed)
    assert len(chosen) == min(count, len(records)) == len({entry.id for entry in chosen})


def caption(**changes: Any) -> Caption:
    base: dict[str, Any] = {
        "index": 0,
        "text": "a bird",
        "voice": "en",
        "audio": "audio/a_0.wav",
        "rate": 175,
        "pitch": 50,
        "pitch_range": 50,
        "mentions": {"size": "small"},
        "manner": "plain",
    }
    return Caption(**(base | changes))


def item(split: str, *captions: Caption, name: str = "001.A/a") -> Item:
    return Item(
        id=name,
        image="images/a.jpg",
        class_id=0,
        class_name="001.A",
        split=split,
        box=(1.0, 2.0, 3.0, 4.0),
        attributes={"size": "small"},
        captions=captions,
    )


def test_records_of_a_manifest(tmp_path: Path) -> None:
    manifest = Manifest(
        tmp_path,
        "songbirds",
        [
            item("test", caption(), caption(index=3, held_out_voice=True, audio="audio/a_3.wav")),
            item("train", caption(), name="001.A/b"),
        ],
    )
    first, second = utterances_of(manifest, ["test"])
    assert (first.id, second.id) == ("001.A/a_0", "001.A/a_3")
    assert first.audio == tmp_path / "audio/a_0.wav" and first.image == tmp_path / "images/a.jpg"
    assert second.held_out_voice and second.mentions == {"size": "small"} and second.split == "test"


@dataclass
class BareManifest:
    """The least that counts as a manifest."""

    root: Path = Path("corpus")
    corpus: str = "songbirds"
    items: list[Item] = field(default_factory=list)


def test_bad_input() -> None:
    with pytest.raises(DataError, match="split val: no items; choose among test"):
        utterances_of(BareManifest(items=[item("test", caption())]), ["val"])
    with pytest.raises(DataError, match="speech2img synthesize"):
        utterances_of(BareManifest(items=[item("test", caption(audio=None))]), ["test"])
    with pytest.raises(MetricError, match="at least 2"):
        choose_utterances(RECORDS, count=1, seed=0)
