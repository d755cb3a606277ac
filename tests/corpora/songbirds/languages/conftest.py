"""All sentences that a grammar has for a few attributes, in plain words."""

import random
from collections.abc import Callable, Mapping

import pytest

from speech2img.corpora.songbirds.languages.registry import LANGUAGES


@pytest.fixture(scope="session")
def all_sentences() -> Callable[..., set[str]]:
    def write(code: str, mentions: Mapping[str, str], *, count: int = 800, plain_share: float = 1.0) -> set[str]:
        return {LANGUAGES[code].write(mentions, random.Random(seed), plain_share) for seed in range(count)}

    return write
