"""Sheets of what images listened to, for the report of a model that attends: which, and under which names."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.metrics.evaluate.model_groups import EvaluatedGroup
from speech2img.metrics.report.html_page import ATTENDED, ATTENDED_TITLE, AttendedEntry
from speech2img.metrics.report.report import MetricReport
from speech2img.storage.atomic import atomic_path

SHOWN = 4
"""Utterances of each group."""

DrawAttention = Callable[[UtteranceRecord, NDArray[np.uint8], int], NDArray[np.uint8]]
"""(utterance, its image (S, S, 3), its index for the noise) -> sheet (H, W, 3) uint8."""


def add_attended(
    report: MetricReport, groups: Sequence[EvaluatedGroup], draw: DrawAttention, out: Path, *, seed: int
) -> list[AttendedEntry]:
    """Write ``attention-1.png`` and on beside the report, name them in it, and give them for the page.

    Parameters
    ----------
    report : MetricReport
        Gets a section with the sheets.
    groups : sequence of EvaluatedGroup
        What was measured.
    draw : callable
        Draws a sheet.
    out : Path
        Folder of the report.
    seed : int
        Of the choice: the same seed shows the same utterances, whatever the model.

    Returns
    -------
    list of AttendedEntry
        `SHOWN` of each group, in the order of the numbers.
    """
    entries: list[AttendedEntry] = []
    for group in groups:
        rows = np.random.default_rng(seed).permutation(len(group.records))[:SHOWN]
        for row in sorted(rows.tolist()):
            record = group.records[row]
            entries.append(AttendedEntry(record, group.name, draw(record, group.images[row], group.noise_index(row))))
    # A file each, and a line of Markdown that shows it.
    lines = [ATTENDED]
    for number, entry in enumerate(entries, start=1):
        with atomic_path(out / f"attention-{number}.png") as unfinished:
            Image.fromarray(entry.sheet).save(unfinished, format="PNG")
        said = " ".join(entry.record.text.split())
        lines += ["", f"{entry.group}: “{said}”", "", f"![what its regions listened to](attention-{number}.png)"]
    report.sections[ATTENDED_TITLE] = lines
    return entries
