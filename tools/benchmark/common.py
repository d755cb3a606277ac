"""What the benchmarks share: one JSON line from a child process, and one table."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def run_child(script: str, arguments: Sequence[str], *, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a benchmark script's own variant in a fresh process and read the JSON of its last line."""
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, env=environ or os.environ.copy(), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def print_table(title: str, rows: Sequence[Sequence[object]], head: Sequence[str]) -> None:
    """Print a Markdown table."""
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
