"""Systems by name: what ``--preset`` takes, and the tables that ``train --list`` and the README print.

To add one, write its file and its line in `SYSTEMS`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from speech2img.errors import ConfigError
from speech2img.systems.attngan import ATTNGAN, ATTNGAN_512
from speech2img.systems.base import System
from speech2img.systems.cascade import CASCADE, CASCADE_ATTNGAN, CASCADE_WHISPER
from speech2img.systems.li2020 import LI2020
from speech2img.systems.ours import OURS
from speech2img.systems.ours_latent_flow import OURS_LATENT_FLOW
from speech2img.systems.s2igan import S2IGAN
from speech2img.systems.s2ivq_d import S2IVQD
from speech2img.systems.stackgan_v1 import STACKGAN_V1
from speech2img.systems.stackgan_v2 import STACKGAN_V2
from speech2img.systems.vq_diffusion import VQ_DIFFUSION

SYSTEMS: dict[str, System] = {
    "stackgan-v1": STACKGAN_V1,
    "stackgan-v2": STACKGAN_V2,
    "attngan": ATTNGAN,
    "attngan-512": ATTNGAN_512,
    "li2020": LI2020,
    "s2igan": S2IGAN,
    "vq-diffusion": VQ_DIFFUSION,
    "s2ivq-d": S2IVQD,
    "cascade": CASCADE,
    "cascade-attngan": CASCADE_ATTNGAN,
    "cascade-whisper": CASCADE_WHISPER,
    "ours": OURS,
    "ours-latent-flow": OURS_LATENT_FLOW,
}
"""Name -> system."""
PUBLISHED = "-published"
"""End of the name of a preset with the slips of the published code."""


def presets(stage: str) -> dict[str, Callable[[], Any]]:
    """Name of a preset -> settings, for one stage."""
    return {name: settings for name, of_stage, settings in _rows() if of_stage == stage}


def preset(stage: str, name: str) -> Any:
    """Settings of one stage of a system.

    Parameters
    ----------
    stage : str
        Kind of training.
    name : str
        Name of a system, with ``-published`` behind it for the slips of the published code.

    Raises
    ------
    ConfigError
        If the stage has no preset of that name.
    """
    known = presets(stage)
    if name not in known:
        fix = f"choose among {', '.join(known)}" if known else f"omit it: {stage} has none"
        raise ConfigError.about(f"--preset {name}", f"no such preset of {stage}", fix)
    return known[name]()


def table() -> list[tuple[str, str, str, str, str]]:
    """Name of a preset, its stages in the order of training, what it is, its protocol, its source: a row for each."""
    rows = []
    for name, system in SYSTEMS.items():
        rows.append((name, ", ".join(system.stages), system.title, system.protocol, system.source))
        if system.published:
            what = f"{name} with the slips of its published code"
            rows.append((name + PUBLISHED, ", ".join(system.published), what, system.protocol, system.source))
    return rows


def markdown_table() -> str:
    """The same for a README."""
    rows = "".join(
        f"| `{name}` | {stages} | {what} | {protocol} | {source} |\n"
        for name, stages, what, protocol, source in table()
    )
    return f"| preset | stages | what | `--protocol` | source |\n|---|---|---|---|---|\n{rows}"


def _rows() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Preset, stage and settings, system after system, the published forms behind the corrected ones."""
    for name, system in SYSTEMS.items():
        yield from ((name, stage, settings) for stage, settings in system.stages.items())
        yield from ((name + PUBLISHED, stage, settings) for stage, settings in system.published.items())
