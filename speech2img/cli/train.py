"""``speech2img train``: one network of the kinds of training that there are."""

import argparse
import os
import signal
from pathlib import Path
from textwrap import fill
from typing import Any

from speech2img.cli.parsing import add_device, add_root, add_settings, add_verb
from speech2img.errors import ConfigError
from speech2img.systems.registry import preset, presets
from speech2img.training.stages import STAGES

STOPPED_STATUS = "SPEECH2IMG_STOPPED_STATUS"
"""Environment variable."""


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    names = f"{', '.join(list(STAGES)[:-1])} or {list(STAGES)[-1]}"
    presets_of = "".join(
        fill(", ".join(of), 110, initial_indent=f"  {name:<12} ", subsequent_indent=" " * 15, break_on_hyphens=False)
        + "\n"
        for name in STAGES
        if (of := presets(name))
    )
    stages = "".join(f"  {name:<12} {stage.summary}\n" for name, stage in STAGES.items())
    parser = add_verb(
        verbs,
        "train",
        summary=f"train {names}",
        description=(
            "Trains one network; resumes by itself where an earlier call with the same --out stopped.\n\n"
            f"{stages}\n"
            f"--preset starts from a published system, or ours (--list tells of them; encoder is li2020 without it):\n"
            f"{presets_of}"
            "Ctrl-C finishes the step, saves a checkpoint and stops with status 130; SIGTERM, SIGHUP and SIGUSR1 do\n"
            "the same with status 0, or that of the environment variable SPEECH2IMG_STOPPED_STATUS, for scripts that\n"
            "go on with what was trained. A second one stops at once.\n\n"
            "Several GPUs: 'torchrun --nproc_per_node 4 -m speech2img train encoder ...' divides each batch among\n"
            "four processes; the numbers are those of one."
        ),
        examples=(
            "speech2img train teacher --root data/songbirds --out runs/teacher",
            "speech2img train encoder --config encoder.toml --root data/songbirds --out runs/encoder",
            "speech2img train encoder --preset s2igan --root data/cub --out runs/sen --set features=googlenet",
            "speech2img train generator --root data/songbirds --out runs/generator --set loop.max_minutes=10",
        ),
    )
    # What is trained, on what.
    parser.add_argument("role", choices=tuple(STAGES), metavar="ROLE", help=", ".join(STAGES))
    add_root(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run folder")
    parser.add_argument("--preset", metavar="NAME", help="a published system, under --config and --set")
    parser.add_argument("--list", action=_List, nargs=0, help="print the systems that --preset takes, and leave")
    add_settings(parser)
    add_device(parser)
    # How it is computed.
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="arithmetic of the networks (default: the setting loop.precision: auto, what the device does fastest)",
    )
    parser.add_argument(
        "--profile",
        nargs="?",
        type=int,
        const=5,
        metavar="STEPS",
        help="trace some steps (5 unless told) into RUN/profile, to look at in chrome://tracing or Perfetto",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, and say where the run stands and what comes next."""
    from speech2img.storage.rank import this_rank
    from speech2img.training.run import require_run_place
    from speech2img.training.train import train

    # A place for the run before anything is computed.
    require_run_place(args.out)
    # Settings: preset, then file, then options.
    overrides = [*args.set, *([f'loop.precision="{args.precision}"'] if args.precision else [])]
    overrides += [f"loop.profile_steps={args.profile}"] if args.profile is not None else []
    base = None if args.preset is None else preset(args.role, args.preset)
    settings = STAGES[args.role].load_settings(file=args.config, overrides=overrides, base=base)
    stopped = _stopped_status()
    # Train, and say how it ended.
    result = train(args.role, args.root, args.out, settings, device=args.device)
    status = 0 if result.finished else stopped
    status = 128 + signal.SIGINT if result.received == signal.SIGINT else status
    if this_rank().index > 0:
        return status
    state = "finished" if result.finished else "stopped early; the same command resumes"
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in sorted(result.metrics.items())[:6])
    print(f"{args.out}: step {result.step}, {state}{f' ({numbers})' if numbers else ''}")
    return status


def _stopped_status() -> int:
    """Status of a training that SIGTERM, SIGHUP or SIGUSR1 stopped; ConfigError if the environment's is none."""
    wished = os.environ.get(STOPPED_STATUS, "0")
    if not (wished.isascii() and wished.isdigit() and int(wished[:4]) <= 255):
        raise ConfigError.about(STOPPED_STATUS, f"{wished!r:.40} is no status of a program", "set it to 0..255, or not")
    return int(wished)


class _List(argparse.Action):
    """Prints the table of systems, without what else the verb needs."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print and leave."""
        from speech2img.systems.registry import table

        for name, stages, what, protocol, source in table():
            print(f"{name:<18} {stages:<26} {what} ({source}; evaluate --protocol {protocol})")
        parser.exit()
