"""Floors: what the same measures give real training pictures, and one half of the test pictures against the other."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from speech2img.metrics.evaluate.inputs import FeatureSide, MetricInputs, MetricOptions
from speech2img.metrics.evaluate.registry import measure
from speech2img.metrics.functional.bootstrap import canonical_order
from speech2img.metrics.functional.frechet_distance import fit_gaussian
from speech2img.metrics.report.report import FLOORS
from speech2img.metrics.report.section import ReportSection

TRAINING, HALVES = FLOORS
"""Ends of the names of the two floors."""
NO_FLOOR = ("described_class", "inception_score", "memorisation")
"""Metrics of generated pictures alone: of real ones they say nothing, or stand beside already."""
NO_TRAINING = "No training pictures: the floors are those of two halves of the test pictures alone"

MakeSection = Callable[[str, str], ReportSection]
"""(end of the names, which pictures in words) -> where the rows go."""


def add_floors(
    make_section: MakeSection,
    real: FeatureSide,
    training: FeatureSide | None,
    options: MetricOptions,
    *,
    every_output: bool = False,
    without: Collection[str] = (),
) -> None:
    """Add to a report every distance between real pictures that it has of the generated ones.

    What cannot be measured is left out in silence: the note of the generated pictures' number says why.

    Parameters
    ----------
    make_section : callable
        Gives the section of each floor.
    real : FeatureSide
        The real test pictures; nothing is added where there are only their statistics.
    training : FeatureSide or None
        Real training pictures, as many as were generated; None where there are none.
    options : MetricOptions
        Those of the generated pictures. Subsets are no larger than a half.
    every_output, without
        As for ``measure``.
    """
    if real.features is None:
        return
    left_out = (*without, *NO_FLOOR)
    # A generator that only knew its training pictures by heart.
    if training is not None:
        section = replace(make_section(TRAINING, f"real training pictures against {real.name}"), refusal="")
        measure(
            section, MetricInputs(generated=training, real=real), options, every_output=every_output, without=left_out
        )
    # A perfect generator, of half as many pictures.
    if len(real.features()) >= 4:
        first, second = halves(real, seed=options.seed)
        count = len(first.ids or ())
        size = options.subset_size if options.subset_size is None else max(2, min(options.subset_size, count // 2))
        section = replace(make_section(HALVES, f"one half of {real.name} against the other"), refusal="")
        measure(
            section,
            MetricInputs(generated=first, real=second),
            replace(options, subset_size=size),
            every_output=every_output,
            without=left_out,
        )


def halves(side: FeatureSide, *, seed: int) -> tuple[FeatureSide, FeatureSide]:
    """Two halves of a set by the seed, the same however its pictures were listed; an odd one is left out."""
    assert side.features is not None
    order = canonical_order(side.features(), side.ids)[np.random.default_rng(seed).permutation(len(side.features()))]
    count = len(order) // 2
    return part_of(side, order[:count].tolist()), part_of(side, order[count : 2 * count].tolist())


def part_of(side: FeatureSide, rows: Sequence[int]) -> FeatureSide:
    """Some pictures of a set, with names of their own where the set has none."""
    features, pixels = side.features, side.pixels
    assert features is not None
    names = [f"{row:07d}" for row in rows] if side.ids is None else [side.ids[row] for row in rows]
    return FeatureSide(
        f"{len(rows):,} of {side.name}",
        gaussian=lambda: fit_gaussian(features()[list(rows)]),
        features=lambda: features()[list(rows)],
        pixels=None if pixels is None else lambda chosen: pixels([rows[row] for row in chosen]),
        ids=names,
    )
