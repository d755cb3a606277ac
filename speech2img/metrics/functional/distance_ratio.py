"""Distances of several networks as ratios to what real pictures have, and the network that finds the most fault."""

from collections.abc import Mapping
from dataclasses import dataclass

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import Interval
from speech2img.metrics.functional.score import Score


@dataclass(frozen=True)
class NetworkDistance:
    """A distance of generated pictures by one network, and what it gives real ones."""

    value: float
    """Of the generated pictures to the real ones."""
    floor: float
    """Of other real pictures to the same real ones, of as many pictures."""
    num_samples: int
    """Generated pictures."""
    interval: Interval | None = None
    """Of the value; the floor is held fixed."""


def ratio_scores(distances: Mapping[str, NetworkDistance], *, what: str, seed: int = 0) -> list[Score]:
    """How many times farther than real pictures the generated ones are, by each network; the worst one last.

    Parameters
    ----------
    distances : Mapping of str to NetworkDistance
        Name of the network -> its two distances; of one metric and the same pictures.
    what : str
        The metric, for the protocol.
    seed : int
        Of the distances.

    Returns
    -------
    list of Score
        "distance_ratio" of each network, in their order, and "worst_distance_ratio": no generator can be tuned to the
        features of one network unnoticed. 1 is as good as real pictures.

    Raises
    ------
    MetricError
        If there is no network, or a floor is not above 0.
    """
    # Ratios can be formed of what is above 0.
    if not distances:
        raise MetricError.about("distance ratio", "no network", "give at least one")
    for name, distance in distances.items():
        if not distance.floor > 0:
            raise MetricError.about(
                f"distance ratio by {name}",
                f"real pictures have a distance of {distance.floor:.3g}",
                "give more real pictures, or others",
            )
    ratios = {name: distance.value / distance.floor for name, distance in distances.items()}
    worst = max(ratios, key=ratios.__getitem__)
    # Each network's, then the worst.
    scores = [
        _score("distance_ratio", distances[name], f"{what} of generated pictures by that of real ones, by {name}", seed)
        for name in distances
    ]
    others = f"the largest of {len(ratios)} networks' ratios of {what}, that of {worst}"
    return [*scores, _score("worst_distance_ratio", distances[worst], others, seed)]


def _score(name: str, distance: NetworkDistance, protocol: str, seed: int) -> Score:
    interval = distance.interval
    return Score(
        name=name,
        value=distance.value / distance.floor,
        num_samples=distance.num_samples,
        protocol=f"{protocol}; 1 = as real pictures; interval with the real pictures' distance held fixed",
        seed=seed,
        interval=None if interval is None else (interval[0] / distance.floor, interval[1] / distance.floor),
        higher_is_better=False,
        settings={"distance": distance.value, "floor": distance.floor},
    )
