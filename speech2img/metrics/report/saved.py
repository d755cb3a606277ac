"""Reports that were written to disk, under the names that their numbers have today; cheap to import."""

from collections.abc import Mapping
from typing import Any

from speech2img.renamed import RENAMED


def metrics_by_name(report: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The numbers of a saved report.

    Parameters
    ----------
    report : Mapping
        ``report.json`` as it was read, of any version of the package.

    Returns
    -------
    dict of (str, str) to dict
        Name of the metric, as it is called today, and the group it was measured on -> its row. A row's fields are those
        of ``MetricRow``.

    Examples
    --------
    >>> row = {"name": "spoken_attribute_way", "group": "seen species", "value": 0.9}
    >>> list(metrics_by_name({"metrics": [row]}))
    [('spoken_relative_accuracy', 'seen species')]
    """
    return {(metric_name(row["name"]), row["group"]): row for row in report["metrics"]}


def metric_name(written: str) -> str:
    """Today's name of a metric that a report has under any name.

    Parameters
    ----------
    written : str
        As it stands in ``report.json``; the name of real pictures as a yardstick ends in ``_of_real_pictures``.
    """
    return RENAMED["report"].get(written, written)
