"""The independent judge: told by hashes, refused by default, marked where asked for, unknown where nothing says."""

import pytest

from speech2img.errors import MetricError
from speech2img.metrics.evaluate.independence import judge_independence, require_independent
from speech2img.storage.provenance import UNKNOWN, inherited, trained_with

CONFIG = {"trained_with": {"speech encoder": "aa" * 32, "feature network": "BB" * 32}}


def test_a_judge_of_its_own_is_independent() -> None:
    found = judge_independence("cc" * 32, CONFIG)
    assert found.verdict == "independent" and require_independent("R-precision", found) == ()


@pytest.mark.parametrize(("sha256", "role"), [("aa" * 32, "speech encoder"), ("bb" * 32, "feature network")])
def test_a_network_of_the_training_is_refused_or_marked(sha256: str, role: str) -> None:
    found = judge_independence(sha256, CONFIG)
    with pytest.raises(MetricError, match=f"R-precision: .*own {role}.* a training loss, not a grade"):
        require_independent("R-precision", found)
    assert role in require_independent("R-precision", found, allow=True)[0]


def test_a_model_is_no_judge_of_itself() -> None:
    found = judge_independence("cc" * 32, CONFIG, own_sha256="dd" * 32 + "+" + "cc" * 32)
    with pytest.raises(MetricError, match="part of the model itself"):
        require_independent("mAP", found)


@pytest.mark.parametrize("config", [{}, {"trained_with": "aa"}, {"trained_with": {"encoder": 3}}])
def test_releases_that_do_not_say_are_marked(config: dict[str, object]) -> None:
    assert trained_with(config) is None
    found = judge_independence("cc" * 32, config)
    assert found.verdict == "unknown" and "does not record all" in require_independent("mAP", found)[0]
    assert judge_independence("", CONFIG).verdict == "unknown"


def test_what_was_not_recorded_stays_unknown_but_what_was_is_refused() -> None:
    config = {"trained_with": {"speech encoder": "aa" * 32, "speech encoder's own": UNKNOWN}}
    assert judge_independence("cc" * 32, config).verdict == "unknown"
    assert judge_independence("aa" * 32, config).verdict == "trained with it"


def test_what_a_model_starts_from_counts_too() -> None:
    whole = {"trained_with": inherited(CONFIG, "generator")}
    assert whole["trained_with"]["generator's feature network"] == "bb" * 32
    assert judge_independence("bb" * 32, whole).verdict == "trained with it"
    assert judge_independence("cc" * 32, {"trained_with": inherited({}, "generator")}).verdict == "unknown"
