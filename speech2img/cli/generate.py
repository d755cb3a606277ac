"""``speech2img generate``: recordings in, pictures out."""

import argparse
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech2img.cli.parsing import add_device, add_seed, add_verb, positive
from speech2img.errors import AudioError, ConfigError
from speech2img.storage.names import same_name

if TYPE_CHECKING:
    import numpy as np

    from speech2img.encoded_speech import EncodedSpeech
    from speech2img.generation import EmbeddingsToImage
    from speech2img.pipeline import SpeechToImage

AT_ONCE = 32
_MOST_IMAGES = 256  # that are held at once: of 256 pixels with their smaller stages 66 MB


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "generate",
        summary="recordings in, pictures out",
        description=(
            "Generates pictures of what a recording says: NAME.png (NAME_0.png ... with --num-images) to --out.\n"
            "Takes wav, aiff, flac, ogg and mp3 of any rate, at most 30 s; with ffmpeg or PyAV also m4a, webm, aac,\n"
            "3gp and amr; - is standard input. What cannot be heard is named, the rest is made, and the status is\n"
            "1. --text is spoken by espeak-ng first, or read by a model of text; a line says which.\n"
            "--embeddings needs no recording: it takes a pickle of S2IGAN (or of 'extract'), NAME being picture0_0 ..."
        ),
        examples=(
            "speech2img generate bird.wav --out pictures",
            "speech2img generate --model runs/generator a.wav b.flac --num-images 4 --out pictures",
            "ffmpeg -i call.amr -f wav - | speech2img generate - --out pictures",
            'speech2img generate --text "a small red bird with white wing bars in the snow" --out pictures',
            "speech2img generate --model weights/rdg --embeddings speech_embeddings_test.pickle --out pictures",
        ),
    )
    # What is heard.
    parser.add_argument("audio", nargs="*", type=Path, metavar="WAV", help="recordings; - for standard input")
    parser.add_argument(
        "--model",
        default="songbirds",
        metavar="M",
        help="name of shipped weights, run or release folder (default songbirds)",
    )
    parser.add_argument("--generator", metavar="M", help="take the generator from this release instead")
    parser.add_argument("--text", action="append", default=[], help="a sentence to speak or read (may be given again)")
    parser.add_argument(
        "--embeddings", type=Path, metavar="FILE", help="generate from S2IGAN's speech_embeddings_*.pickle"
    )
    # How --text is spoken.
    parser.add_argument("--voice", default="en-us", help="espeak-ng voice of --text (default en-us)")
    parser.add_argument(
        "--rate", type=positive, default=175, metavar="WPM", help="speed of --text, words a minute (default 175)"
    )
    parser.add_argument(
        "--pitch", type=int, choices=range(100), default=50, metavar="0-99", help="pitch of --text (default 50)"
    )
    # What is written.
    parser.add_argument(
        "--num-images", type=positive, default=1, metavar="N", help="pictures of each recording (default 1)"
    )
    parser.add_argument(
        "--candidates", type=positive, metavar="N", help="generate N for each picture and keep the one that fits best"
    )
    parser.add_argument("--steps", type=positive, metavar="N", help="of weights that draw in steps: fewer are quicker")
    parser.add_argument(
        "--guidance", type=float, metavar="G", help="of weights that have it: more holds closer to what was said"
    )
    parser.add_argument(
        "--truncation", type=float, metavar="T", help="of weights that draw tokens: 1 leaves out none that are unlikely"
    )
    parser.add_argument("--no-trim", action="store_true", help="hear silence before and after the speech too")
    parser.add_argument("--stages", action="store_true", help="write the generator's smaller stages too")
    parser.add_argument(
        "--attention",
        action="store_true",
        help="of weights that attend: also NAME_attention.png, what each region of the picture listened to",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the pictures")
    add_seed(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Generate and print the written paths; what cannot be heard is named, and the rest is generated."""
    # What can be refused before anything is loaded.
    if not args.audio and not args.text and args.embeddings is None:
        raise ConfigError.about("generate", "nothing to generate", "give recordings, --text or --embeddings")
    from speech2img.generation import MOST_IMAGES, whole_number
    from speech2img.storage.places import require_writable_place

    whole_number("--num-images", args.num_images, 1, MOST_IMAGES)
    require_writable_place(args.out)
    if args.embeddings is not None:
        return _generate_stored(args)
    # Recordings, each under a name of its own.
    from speech2img.cli.io.given_recordings import given_names, given_recordings, remarks_as_notices
    from speech2img.pipeline import SpeechToImage

    names = unique_names(given_names(args))
    pipe = SpeechToImage.load(
        args.model,
        generator=args.generator,
        candidates=args.candidates,
        steps=args.steps,
        guidance=args.guidance,
        truncation=args.truncation,
        device=args.device,
        trim=not args.no_trim,
    )
    pipe.require_generator()
    _say_what_becomes_of_text(pipe, args)
    # What cannot be heard or read is named, and the rest is generated.
    given = list(given_recordings(args)) if not pipe.reads_text else []
    with remarks_as_notices():
        positions, speech = _encoded(pipe, given) if not pipe.reads_text else _read(pipe, args.text)
    if speech is not None:
        _say_what_is_doubtful(pipe, speech, [names[position] for position in positions])

        def wave(position: int) -> "np.ndarray":
            from speech2img.attending import heard_wave

            return heard_wave(given[position], sample_rate=pipe.mel.sample_rate, trim=pipe.trim)

        _generate(pipe, speech, positions, names, args, wave=None if pipe.reads_text else wave)
    return 0 if len(positions) == len(names) else AudioError.exit_code


def _generate_stored(args: argparse.Namespace) -> int:
    """Generate from embeddings that another program wrote."""
    if args.audio or args.text:
        raise ConfigError.about(
            "--embeddings", "not together with recordings or --text", "generate one after the other"
        )
    import numpy as np

    from speech2img.encoded_speech import EncodedSpeech
    from speech2img.generation import EmbeddingsToImage
    from speech2img.storage.foreign.peer_embeddings import load_s2igan_embeddings

    rows = load_s2igan_embeddings(args.embeddings)
    names = [f"picture{row}_{k}" for row, spoken in enumerate(rows) for k in range(len(spoken))]
    pipe = EmbeddingsToImage.load(
        args.generator or args.model,
        candidates=args.candidates,
        steps=args.steps,
        guidance=args.guidance,
        truncation=args.truncation,
        device=args.device,
    )
    _generate(pipe, EncodedSpeech(np.concatenate(rows)), range(len(names)), names, args)
    return 0


def _encoded(pipe: "SpeechToImage", given: Sequence[Any]) -> "tuple[list[int], EncodedSpeech | None]":
    """Places in the list of what can be heard, and its speech; the others are named on standard error."""
    from speech2img.storage.notices import notice

    # What could be opened.
    positions = [position for position, recording in enumerate(given) if not isinstance(recording, AudioError)]
    for recording in given:
        if isinstance(recording, AudioError):
            notice(recording)
    if not positions:
        return [], None
    bad: set[int] = set()

    def name(number: int, error: AudioError) -> None:
        bad.add(number)
        notice(error)

    # What could be heard.
    speech = pipe.encode_speech([given[position] for position in positions], frames=pipe.needs_frames, on_error=name)
    good = [row for row in range(len(positions)) if row not in bad]
    return [positions[row] for row in good], speech[good] if good else None


def _say_what_becomes_of_text(pipe: "SpeechToImage", args: argparse.Namespace) -> None:
    """Say on standard error whether ``--text`` is spoken or read; ConfigError for recordings that nothing hears."""
    from speech2img.storage.notices import notice

    if pipe.reads_text and args.audio:
        fix = "give --text, or a model that hears"
        raise ConfigError.about(pipe.name, "reads text and hears no recordings", fix)
    if args.text and pipe.reads_text:
        notice(f"--text: read by the text encoder of {pipe.name}")
    elif args.text:
        notice(f"--text: spoken by espeak-ng in the voice {args.voice}, and heard by {pipe.name}")


def _read(pipe: "SpeechToImage", texts: Sequence[str]) -> "tuple[list[int], EncodedSpeech | None]":
    """Places in the list of what can be read, and its encoding; the others are named on standard error."""
    from speech2img.storage.notices import notice

    speech = pipe.encode_texts(texts)
    good = [row for row, text in enumerate(speech.texts or ()) if text]
    for row in sorted(set(range(len(texts))) - set(good)):
        shown = f'--text "{texts[row] if len(texts[row]) <= 60 else texts[row][:60] + "..."}"'
        notice(AudioError.about(shown, "has no word that the text encoder knows", "use words of the captions"))
    return good, speech[good] if good else None


def _say_what_is_doubtful(pipe: "SpeechToImage", speech: "EncodedSpeech", names: Sequence[str]) -> None:
    """Name on standard error what hardly is a description that these weights understand."""
    from speech2img.storage.notices import notice

    confidence = pipe.confidence(speech)
    if confidence is None or pipe.confidence_head is None:
        return
    for name, sure in zip(names, confidence, strict=True):
        if sure < float(pipe.confidence_head.low):
            reason = f"confidence {sure:.0%}, hardly a description as {pipe.name} knows them, in a voice it understands"
            notice(f"{name}: {reason}; the image may have nothing to do with it")


def _generate(
    pipe: "EmbeddingsToImage",
    speech: "EncodedSpeech",
    positions: Sequence[int],
    names: Sequence[str],
    args: argparse.Namespace,
    *,
    wave: "Callable[[int], np.ndarray] | None" = None,
) -> None:
    """Generate images of speech, whose places in the list these are, a few at a time, and write each at once."""
    from speech2img.attending import attention_of, attention_page, demand_attention
    from speech2img.cli.io.written_images import require_own, write_image
    from speech2img.storage.places import made_folder

    if args.attention:
        demand_attention(pipe)

    # Names of the files, none of which may be another program's.
    stages = pipe.image_sizes if args.stages else pipe.image_sizes[-1:]

    def path(position: int, number: int, what: str) -> Path:
        which = f"_{number}" if args.num_images > 1 else ""
        return args.out / f"{names[position]}{which}{what}.png"

    def write(position: int, number: int, what: str, image: "np.ndarray", text: str | None = None) -> None:
        write_image(path(position, number, what), image, transcript=text)
        print(str(path(position, number, what)).encode("utf-8", "backslashreplace").decode())

    kinds = [f"_{size}px" if len(stages) > 1 else "" for size in stages]
    every = [*kinds, *(["_attention"] if args.attention else [])]
    require_own(path(position, k, what) for position in positions for k in range(args.num_images) for what in every)
    # A few at a time, so that the first are there early and memory is bounded.
    start = 0
    for run in _runs(positions, at_once=max(1, min(AT_ONCE, _MOST_IMAGES // args.num_images))):
        batch = speech[start : start + len(run)]
        start += len(run)
        for first in range(0, args.num_images, _MOST_IMAGES):
            generated = pipe.generate(
                batch,
                seed=args.seed,
                num_images=min(_MOST_IMAGES, args.num_images - first),
                return_stages=True,
                first_index=run[0],
                first_image=first,
            )
            # Write each at once.
            made_folder(args.out)
            texts: Sequence[str | None] = batch.texts or [None] * len(batch)
            for what, stage in zip(kinds, generated[-len(stages) :], strict=True):
                for position, images, text in zip(run, stage, texts, strict=True):
                    for number, image in enumerate(images, start=first):
                        write(position, number, what, image, text)
            if not args.attention:
                continue
            # What each region listened to.
            for row, (position, images) in enumerate(zip(run, generated[-1], strict=True)):
                for number, image in enumerate(images, start=first):
                    weights = attention_of(pipe, batch[[row]], seed=args.seed, index=position, number=number)
                    heard = None if wave is None else wave(position)
                    write(position, number, "_attention", attention_page(image, weights, heard), texts[row])


def unique_names(names: Sequence[str]) -> list[str]:
    """Two recordings of one name in different folders must not overwrite each other, on any file system."""
    unique: list[str] = []
    taken: set[str] = set()
    for name in names:
        candidates = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
        unique.append(next(candidate for candidate in candidates if _alike(candidate) not in taken))
        taken.add(_alike(unique[-1]))
    return unique


def _alike(name: str) -> str:
    """What is equal for names that some file system takes for one."""
    return same_name(same_name(name).casefold())


def _runs(positions: Sequence[int], *, at_once: int) -> Iterator[list[int]]:
    """Places in a row, no more than may be generated at once."""
    run: list[int] = []
    for position in positions:
        if run and (position != run[-1] + 1 or position % at_once == 0):
            yield run
            run = []
        run.append(position)
    if run:
        yield run
