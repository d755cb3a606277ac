"""What a script of experiments/ calls of ours, while nothing is computed: programs that only note their arguments."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speech2img.cli.main import build_parser
from speech2img.systems.registry import preset
from speech2img.training.stages import STAGES

OWN = ("SPEECH2IMG_VENV", "ROOT", "RUNS", "MINUTES")
"""Variables of the caller that scripts would read."""


def calls_of(script: Path, *arguments: str, folder: Path, variables: Mapping[str, str]) -> list[list[str]]:
    """Run a script, which must succeed; each call of ``speech2img`` as its words, in order.

    Parameters
    ----------
    script : Path
        A bash script that takes the ``speech2img`` on the path.
    *arguments : str
        Its arguments.
    folder : Path
        Where the programs that stand in for ours are made, and their calls are written.
    variables : mapping
        More for its environment.
    """
    # speech2img that writes down what it is given, python that does nothing.
    program = folder / "bin" / "speech2img"
    program.parent.mkdir(exist_ok=True)
    noted = folder / "calls"
    program.write_text(f"#!/usr/bin/env bash\nprintf '%q ' \"$@\" >> '{noted}'; echo >> '{noted}'\n")
    program.with_name("python").write_text("#!/usr/bin/env bash\n")
    for file in program.parent.iterdir():
        file.chmod(0o755)

    # The script, among what the caller has but for what it would read.
    kept = {key: value for key, value in os.environ.items() if key not in OWN}
    environ = kept | {"PATH": f"{program.parent}:{kept['PATH']}"} | dict(variables)
    noted.unlink(missing_ok=True)
    subprocess.run(["bash", str(script), *arguments], env=environ, check=True, capture_output=True, timeout=60)
    return [shlex.split(line) for line in noted.read_text().splitlines()]


def trainings_of(calls: Sequence[Sequence[str]]) -> list[tuple[Any, Any]]:
    """Arguments and settings of every training among the calls of a script."""
    parsed = [build_parser().parse_args(list(words)) for words in calls]
    return [
        (
            args,
            STAGES[args.role].load_settings(
                file=Path(args.config), overrides=args.set, base=args.preset and preset(args.role, args.preset)
            ),
        )
        for args in parsed
        if args.verb == "train"
    ]
