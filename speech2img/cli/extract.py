"""``speech2img extract``: speech embeddings of a whole corpus."""

import argparse
import os
from pathlib import Path

from speech2img.cli.parsing import add_device, add_root, add_verb
from speech2img.errors import ConfigError


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "extract",
        summary="write the speech embeddings of a corpus",
        description=(
            "Runs a trained speech encoder over every utterance of the corpus and writes the embeddings to\n"
            "<root>/derived/embeddings/<name>/: our own HDF5, and the pickles of Li et al. and of S2IGAN, so that\n"
            "their generators can be trained on them; with --format s2ivq-d those of S2IVQ-D too.\n\n"
            "  --run      the embeddings of a speech encoder; of a text encoder, those of the captions that it reads\n"
            "  --features teacher features of the pictures, for a generator that learns to generate them\n"
            "  --pickles  speech_embeddings_{train,test}.pickle that S2IGAN's or S2IVQ-D's code wrote;\n"
            "             or {train,test}/char-CNN-RNN-embeddings.pickle, the embeddings of text of StackGAN\n\n"
            "An interrupted call resumes. Under torchrun the processes divide the utterances of --run among them; the\n"
            "files are those of one process."
        ),
        examples=(
            "speech2img extract --run runs/encoder --root data/songbirds",
            "speech2img extract --run runs/encoder --root data/songbirds --frames",
            "speech2img extract --run weights/clip-text --root data/cub --name text --frames",
            "speech2img extract --features teacher --root data/songbirds",
            "speech2img extract --run runs/encoder --root data/songbirds --format s2ivq-d",
        ),
    )
    # Where the embeddings come from.
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", dest="encoder_run", type=Path, metavar="RUN", help="run or release of an encoder")
    source.add_argument(
        "--features",
        metavar="NAME",
        help="no encoder: teacher features of the pictures stand in for speech, to warm a generator up",
    )
    source.add_argument("--pickles", type=Path, metavar="DIR", help="no encoder: folder with pickles of embeddings")
    add_root(parser)
    # What becomes of them.
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="what the embeddings are called (default: the run folder's name, picture, or s2igan)",
    )
    parser.add_argument(
        "--frames",
        action="store_true",
        help="with --run: keep one vector a time step too, for generators that look at them (float16, large)",
    )
    parser.add_argument(
        "--format",
        choices=("s2ivq-d",),
        help="write them in these files as well: <name>/s2ivq-d is then S2IVQ-D's data folder without its pictures",
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Extract and say where the files are."""
    from speech2img.distributed.collectives import is_main_process, on_main_process, process_group
    from speech2img.features.caption_embeddings import extract_caption_embeddings, reads_captions
    from speech2img.features.speech_embeddings import embedding_folder, extract_embeddings, extract_image_embeddings
    from speech2img.storage.names import plain_name
    from speech2img.storage.rank import this_rank

    # Options that contradict each other.
    for option, value in (("--name", args.name), ("--features", args.features)):
        if value is not None:
            plain_name(value, option=option)
    if args.frames and args.encoder_run is None:
        raise ConfigError.about("--frames", "only a speech encoder has them", "give --run, or omit --frames")
    # The processes of a job share the work of an encoder; the rest is done by the first.
    with process_group(this_rank()):
        if args.features is not None:
            name = args.name or "picture"
            on_main_process(lambda: extract_image_embeddings(args.root, args.features, name=name))
        elif args.pickles is not None:
            from speech2img.features.imported_embeddings import import_embeddings

            name = args.name or "s2igan"
            on_main_process(lambda: import_embeddings(args.pickles, args.root, name=name))
        else:
            name = args.name or Path(os.path.realpath(args.encoder_run)).name
            extract = extract_caption_embeddings if reads_captions(args.encoder_run) else extract_embeddings
            extract(args.encoder_run, args.root, name=name, frames=args.frames, device=args.device)
        if args.format is not None:
            from speech2img.features.imported_embeddings import write_s2ivq_d_embeddings

            on_main_process(lambda: write_s2ivq_d_embeddings(args.root, name))
        if is_main_process():
            print(f"embeddings: {embedding_folder(args.root, name)}")
    return 0
