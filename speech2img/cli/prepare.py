"""``speech2img prepare``: make or verify a corpus folder."""

import argparse

from speech2img.cli.parsing import Parser, add_option, add_root, add_seed, add_verb, add_workers
from speech2img.corpora.checks.leaks import leak_line
from speech2img.corpora.readers.downloads import fetch_missing
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.registry import CORPORA


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb: one sub-command a corpus, each with its own options and help."""
    parser = add_verb(
        verbs,
        "prepare",
        summary="make or verify a corpus folder",
        description=(
            "Makes a corpus folder, or verifies one, and writes its manifest.jsonl and its splits.\n\n"
            "An interrupted call resumes where it was.\n"
            "What must lie in the folder, and where it is available: speech2img prepare CORPUS --help"
        ),
        examples=[corpus.example for corpus in CORPORA.values()],
    )
    # A corpus each, with the options that its row names.
    names = parser.add_subparsers(title="corpora", dest="corpus", metavar="CORPUS", required=True, parser_class=Parser)
    for name, corpus in CORPORA.items():
        one = names.add_parser(
            name,
            help=corpus.summary,
            description=corpus.description,
            epilog=f"example:\n  {corpus.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
        )
        add_root(one)
        for option in corpus.options:
            add_option(one, option)
        if corpus.downloads:
            one.add_argument(
                "--download", action="store_true", help="first fetch what may be had without asking (terms are shown)"
            )
        add_seed(one)
        add_workers(one)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the corpus and say what it holds; the first process of a job does it for all."""
    from speech2img.storage.rank import this_rank

    rank = this_rank()
    if rank.count == 1:
        _prepare(args)
        return 0
    from speech2img.distributed.collectives import on_main_process, process_group

    with process_group(rank):
        on_main_process(lambda: _prepare(args))
    return 0


def _prepare(args: argparse.Namespace) -> None:
    corpus = CORPORA[args.corpus]
    options = {option.name: getattr(args, option.name) for option in corpus.options}
    if corpus.downloads and args.download:
        fetch_missing(args.root, corpus.downloads)
    manifest = corpus.prepare(args.root, seed=args.seed, workers=args.workers, progress=True, **options)
    for line in _report(manifest):
        print(line)


def _report(manifest: Manifest) -> list[str]:
    splits = ", ".join(f"{len(manifest.split(name))} {name}" for name in manifest.splits)
    captions = sum(len(item.captions) for item in manifest.items)
    classes = len({item.class_id for item in manifest.items})
    lines = [f"{manifest.root}: {len(manifest)} pictures ({splits}), {classes} classes, {captions} captions"]
    lines += [f"note: {line}" for line in manifest.meta.get("notes", [])]
    leaks = leak_line(manifest.meta.get("leaks"))
    return [*lines, leaks] if leaks else lines
