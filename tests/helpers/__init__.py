"""What several tests share: corpora, toy trainings, servers, stand-ins; also run as programs of their own."""

import os
from pathlib import Path

REPO = Path(__file__).parents[2]


def program_environment(**more: str) -> dict[str, str]:
    """Environment of a process that runs ``python -m helpers.NAME`` beside this tree's package."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(REPO), str(REPO / "tests"))), **more}
