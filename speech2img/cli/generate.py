"""``speech2img generate``: recordings in, pictures out."""

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.cli.parsing import add_device, add_seed, add_verb, positive
from speech2img.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from speech2img.painting import EmbeddingsToImage

AT_ONCE = 32


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "generate",
        summary="recordings in, pictures out",
        description=(
            "Paints what a recording says and writes NAME.png (NAME_0.png ... with --num-images) to --out.\n"
            "Takes wav, flac, ogg and mp3 of any rate, at most 30 s. --text is spoken by espeak-ng first.\n"
            "--embeddings hears nothing: it paints a pickle of S2IGAN's (or of 'extract'), NAME being picture0_0 ..."
        ),
        examples=(
            "speech2img generate bird.wav --out pictures",
            "speech2img generate --model runs/generator a.wav b.flac --num-images 4 --out pictures",
            'speech2img generate --text "a small red bird with white wing bars in the snow" --out pictures',
            "speech2img generate --model weights/rdg --embeddings speech_embeddings_test.pickle --out pictures",
        ),
    )
    parser.add_argument("audio", nargs="*", type=Path, metavar="WAV", help="recordings")
    parser.add_argument(
        "--model",
        default="songbirds",
        metavar="M",
        help="name of shipped weights, run or release folder (default songbirds)",
    )
    parser.add_argument("--generator", metavar="M", help="take the generator from this release instead")
    parser.add_argument("--text", action="append", default=[], help="a sentence to speak first (may be given again)")
    parser.add_argument("--embeddings", type=Path, metavar="FILE", help="paint S2IGAN's speech_embeddings_*.pickle")
    parser.add_argument("--voice", default="en-us", help="espeak-ng voice of --text (default en-us)")
    parser.add_argument(
        "--rate", type=positive, default=175, metavar="WPM", help="speed of --text, words a minute (default 175)"
    )
    parser.add_argument(
        "--pitch", type=int, choices=range(100), default=50, metavar="0-99", help="pitch of --text (default 50)"
    )
    parser.add_argument(
        "--num-images", type=positive, default=1, metavar="N", help="pictures of each recording (default 1)"
    )
    parser.add_argument(
        "--candidates", type=positive, metavar="N", help="paint N for each picture and keep the one that fits best"
    )
    parser.add_argument("--stages", action="store_true", help="write the generator's smaller stages too")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the pictures")
    add_seed(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Paint and print the written paths."""
    if not args.audio and not args.text and args.embeddings is None:
        raise ConfigError.about("generate", "nothing to paint", "give recordings, --text or --embeddings")
    if args.embeddings is not None:
        return _paint_stored(args)
    from speech2img.pipeline import SpeechToImage

    pipe = SpeechToImage.load(args.model, generator=args.generator, candidates=args.candidates, device=args.device)
    names = unique_names([path.stem for path in args.audio] + [f"text{i}" for i in range(len(args.text))])
    audio = [*args.audio, *_speak(args)]
    _paint(pipe, pipe.encode_paths(audio), names, args)
    return 0


def _paint_stored(args: argparse.Namespace) -> int:
    """Paint embeddings that another program wrote."""
    if args.audio or args.text:
        raise ConfigError.about("--embeddings", "not together with recordings or --text", "paint one after the other")
    import numpy as np

    from speech2img.painting import EmbeddingsToImage
    from speech2img.storage.embeddings import load_s2igan_embeddings

    rows = load_s2igan_embeddings(args.embeddings)
    names = [f"picture{row}_{k}" for row, spoken in enumerate(rows) for k in range(len(spoken))]
    pipe = EmbeddingsToImage.load(args.generator or args.model, candidates=args.candidates, device=args.device)
    _paint(pipe, np.concatenate(rows), names, args)
    return 0


def _paint(pipe: "EmbeddingsToImage", embeddings: "np.ndarray", names: Sequence[str], args: argparse.Namespace) -> None:
    """Paint and write, a few at a time: what an interrupted call wrote is there."""
    from PIL import Image

    from speech2img.storage.atomic import atomic_path

    for start in range(0, len(names), AT_ONCE):
        stages = pipe.generate(
            embeddings[start : start + AT_ONCE],
            seed=args.seed,
            num_images=args.num_images,
            return_stages=True,
            first_index=start,
        )
        args.out.mkdir(parents=True, exist_ok=True)
        for stage in stages if args.stages else stages[-1:]:
            for n, name in enumerate(names[start : start + AT_ONCE]):
                for k in range(args.num_images):
                    number = f"_{k}" if args.num_images > 1 else ""
                    size = f"_{stage.shape[2]}px" if args.stages else ""
                    path = args.out / f"{name}{number}{size}.png"
                    with atomic_path(path) as temporary:
                        Image.fromarray(stage[n, k]).save(temporary, format="PNG")
                    print(path)


def _speak(args: argparse.Namespace) -> list[bytes]:
    """The ``--text`` sentences as 16-bit wav bytes, as a recording would come."""
    if not args.text:
        return []
    from speech2img.audio.io import encode_wav
    from speech2img.tts.espeak import EspeakSynthesizer

    engine = EspeakSynthesizer()
    spoken = [engine.synthesize(text, voice=args.voice, rate=args.rate, pitch=args.pitch) for text in args.text]
    return [encode_wav(y, sample_rate=engine.sample_rate) for y in spoken]


def unique_names(names: list[str]) -> list[str]:
    """Two recordings of one name in different folders must not overwrite each other."""
    unique: list[str] = []
    for name in names:
        candidates = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
        unique.append(next(candidate for candidate in candidates if candidate not in unique))
    return unique
