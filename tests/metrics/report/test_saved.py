"""Reports of every version are read under the names of today."""

from speech2img.metrics.report.saved import metric_name, metrics_by_name


def test_numbers_that_were_called_the_way_are_relative_accuracies() -> None:
    old = [{"name": f"{kind}_attribute_way", "group": "seen", "value": 0.5} for kind in ("spoken", "worded", "manner")]
    new = [{"name": f"{kind}_relative_accuracy", "group": "unseen", "value": 0.5} for kind in ("spoken", "worded")]
    names = metrics_by_name({"metrics": [*old, *new]})
    assert [name for name, group in names if group == "seen"] == [
        "spoken_relative_accuracy",
        "worded_relative_accuracy",
        "manner_relative_accuracy",
    ]
    assert ("worded_relative_accuracy", "unseen") in names


def test_accuracy_among_k_ways_keeps_its_name() -> None:
    assert metric_name("class_centroid_accuracy_12_way") == "class_centroid_accuracy_12_way"
