"""``speech2img serve``: a web page to speak or type into, look, and keep."""

import argparse
import time
from pathlib import Path

from speech2img.cli.parsing import add_device, add_verb
from speech2img.options import natural


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "serve",
        summary="a web page to speak or type into, look, and keep",
        description=(
            "Opens a page on this machine: microphone, recordings or typed words in, pictures out, with what was\n"
            "heard and a line that makes each picture again. Needs gradio (pip install '.[app]') and no network.\n"
            "Others reach it with --host only, and then names and passwords (--auth-file) are demanded, or --open.\n"
            "What visitors make ends with the process unless --share-dir says where it stays. The interface for\n"
            "programs: speech2img/app/README.md."
        ),
        examples=(
            "speech2img serve",
            "speech2img serve --model songbirds --model runs/generator --port 8000",
            "speech2img serve --host 0.0.0.0 --auth-file logins --share-dir kept",
        ),
    )
    # What paints.
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="M",
        help="name of shipped weights, run or release folder (default songbirds); given again: another to choose",
    )
    # Who reaches it, and what stays.
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1, this machine)")
    parser.add_argument("--port", type=natural, default=7860, help="default 7860; 0 takes any that is free")
    parser.add_argument(
        "--auth-file", type=Path, metavar="FILE", help="who may come in: lines name:password, mode 0600"
    )
    parser.add_argument("--open", action="store_true", help="anyone who reaches --host may come in")
    parser.add_argument("--share-dir", type=Path, metavar="DIR", help="keep recordings and pictures here")
    # What speaks typed words.
    parser.add_argument(
        "--voice-model",
        action="append",
        default=[],
        metavar="ENGINE=DIR",
        help="speak typed words by kokoro or tacotron2 too, with the model in this folder, or by any program: "
        "command='flite -t {text} -o {wav}'",
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from speech2img.app.settings import AppSettings

    settings = AppSettings(
        models=tuple(args.model) or ("songbirds",),
        host=args.host,
        port=args.port,
        auth_file=args.auth_file,
        is_open=args.open,
        share_dir=args.share_dir,
        device=args.device,
        voice_models=tuple(args.voice_model),
    )
    from speech2img.app.server import serving

    with serving(settings) as address:
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:  # how a server ends
            return 0
