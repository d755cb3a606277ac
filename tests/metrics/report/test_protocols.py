"""Named protocols and published numbers: they fit each other and the metrics; little is called comparable."""

import dataclasses

import numpy as np
import pytest

from speech2img.errors import MetricError
from speech2img.images.input_filters import INPUT_FILTERS
from speech2img.metrics.functional.inception_score import inception_score
from speech2img.metrics.functional.score import Score
from speech2img.metrics.report.protocols import PROTOCOLS, WITH_CLASSES, WITHOUT_CLASSES, find_protocol
from speech2img.metrics.report.published_results import (
    METRICS,
    PUBLISHED,
    comparison_markdown,
    published_on,
    reasons_against,
)
from speech2img.metrics.report.report import MetricReport, MetricRow


def row(name: str = "frechet_distance", value: float = 20.0, **details: object) -> MetricRow:
    return MetricRow(
        name=name,
        group="unseen species",
        value=value,
        num_samples=29_330,
        protocol="as said",
        seed=0,
        network="Inception-v3",
        weights_sha256="ab" * 32,
        details=details,
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_can_be_followed_and_read(name: str) -> None:
    protocol = find_protocol(name)
    assert protocol.name == name and protocol.frechet.input_filter in INPUT_FILTERS
    assert len(protocol.quirks) >= 4 and all(quirk.endswith(".") for quirk in protocol.describe())
    for corpus in (*WITH_CLASSES, *WITHOUT_CLASSES, "songbirds"):
        if name == "s2igan" and corpus == "songbirds":
            with pytest.raises(MetricError, match="no Inception Score of songbirds"):
                protocol.inception_score(corpus)
            continue
        options = dataclasses.asdict(protocol.inception_score(corpus))
        classifier, corpora = options.pop("classifier"), options.pop("corpora")
        assert classifier in ("fine-tuned", "torchvision", "fid") and (not corpora or corpus in corpora)
        logits = np.random.default_rng(0).normal(size=(150, 21))
        assert inception_score(logits, ids=[f"{number:03d}" for number in range(150)], **options).value > 1.0


def test_what_the_papers_did() -> None:
    birds = find_protocol("s2igan").inception_score("cub")
    assert (birds.order, birds.whole_batches_of, birds.leave_out_first) == ("shuffled", 64, 1)
    assert find_protocol("s2igan").inception_score("flickr8k").order == "sorted"
    assert find_protocol("sta").frechet.real_images == "all" and find_protocol("sta").frechet.squash == 256
    assert not find_protocol("clean").frechet.allow_small
    with pytest.raises(MetricError, match="choose stackgan, s2igan, sta, clean"):
        find_protocol("li2020")


def test_published_numbers_are_those_of_the_papers() -> None:
    values = {
        (number.corpus, number.method, number.metric): number.value for number in PUBLISHED if number.input == "speech"
    }
    assert values["cub", "S2IGAN", "frechet_distance"] == 14.50
    assert values["cub", "Speak the Art", "frechet_distance"] == 9.76
    assert values["flickr8k", "Fusion-S2iGan", "recall_at_50_real_to_generated"] == pytest.approx(0.3495)
    assert all(number.metric in METRICS and number.protocol in (None, *PROTOCOLS) for number in PUBLISHED)
    keys = [(number.corpus, number.method, number.input, number.metric) for number in PUBLISHED]
    assert len(set(keys)) == len(keys)
    assert published_on("places") == []


def test_comparable_only_with_the_same_protocol_network_and_pictures() -> None:
    number = next(number for number in published_on("cub") if number.method == "S2IGAN")
    fair = {"corpus": "cub", "protocol": "s2igan", "is_whole_test_set": True}
    assert reasons_against(number, row(dimensions=2048), **fair) == ()
    for changes, details, reason in (
        ({"protocol": "clean"}, 2048, "ours by clean"),
        ({"protocol": None}, 2048, "none of the published"),
        ({"is_whole_test_set": False}, 2048, "other pictures"),
        ({"corpus": "songbirds"}, 2048, "other pictures"),
        ({}, 768, "FID in 768 dimensions"),
    ):
        found = reasons_against(number, row(dimensions=details), **{**fair, **changes})
        assert len(found) == 1 and reason in found[0]
    fine_tuned = next(entry for entry in published_on("cub", ["inception_score"]) if entry.method == "S2IGAN")
    assert "no longer available" in reasons_against(fine_tuned, row("inception_score"), **fair)[0]
    unknown = next(entry for entry in published_on("cub") if entry.method == "VQ-Diffusion")
    assert "over-sampled" in reasons_against(unknown, row(dimensions=2048), **fair)[0]


def test_comparison_table() -> None:
    lines = comparison_markdown(
        [row(dimensions=2048), row("diversity", 1.0)], corpus="cub", protocol="sta", is_whole_test_set=True
    )
    assert lines[2].startswith("| FID | **ours**, unseen species | speech | 20 | sta |")
    assert sum("| comparable |" in line for line in lines) == 1
    assert any(
        "S2IGAN | speech | 14.50 | s2igan | not comparable: measured by protocol s2igan" in line for line in lines
    )
    assert comparison_markdown([row()], corpus="songbirds", protocol="clean", is_whole_test_set=True) == []


def test_a_score_becomes_a_row_with_its_warnings_in_the_notes() -> None:
    score = Score(
        name="frechet_distance",
        value=3.0,
        num_samples=40,
        protocol="Frechet distance",
        interval=(2.0, 4.0),
        higher_is_better=False,
        settings={"dimensions": 64},
        warnings=("few pictures",),
    )
    report = MetricReport(title="t", model={}, corpus={}, settings={})
    row = MetricRow.of(score, group="birds", network="N", weights_sha256="ab", images="cropped", details={"ema": True})
    report.add(row)
    saved = report.to_dict()["metrics"][0]
    assert saved["protocol"] == "Frechet distance; cropped" and saved["details"] == {"dimensions": 64, "ema": True}
    assert "- frechet_distance, birds: few pictures" in report.to_markdown()
