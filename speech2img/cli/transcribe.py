"""``speech2img transcribe``: what a recogniser reads in recordings, with times and how sure it is."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.cli.parsing import add_device, add_verb, positive
from speech2img.errors import AudioError, ConfigError

if TYPE_CHECKING:
    from speech2img.recognition.base import Recogniser, Transcript


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "transcribe",
        summary="recordings in, text out, by a recogniser of your choice",
        description=(
            "Prints a line for each stretch: recording, seconds, confidence, text, with tabs between.\n"
            "The recogniser is a run of 'train recogniser', an imported one, a folder of Whisper for faster-whisper\n"
            "(model.bin, config.json, vocabulary), or any program. What is longer than it hears at once is divided at\n"
            "pauses, and it is said. In what nothing is recognised is named, and the status is 1."
        ),
        examples=(
            "speech2img transcribe --recogniser runs/recogniser bird.wav",
            "speech2img transcribe --recogniser models/whisper-tiny.en a.wav b.flac",
            "speech2img transcribe --command 'my-recogniser --quiet {wav}' bird.wav",
        ),
    )
    parser.add_argument("audio", nargs="+", type=Path, metavar="WAV", help="recordings; - for standard input")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--recogniser", metavar="M", help="run or release of a recogniser, or a folder of Whisper")
    which.add_argument("--command", metavar="LINE", help="a program that writes the text of {wav} to standard output")
    parser.add_argument("--beams", type=positive, default=5, metavar="N", help="beginnings that are kept (default 5)")
    parser.add_argument("--no-trim", action="store_true", help="hear silence before and after the speech too")
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what is recognised; what cannot be heard is named, and the rest is done."""
    from speech2img.audio.inputs import hear
    from speech2img.audio.trimming import trim_silence
    from speech2img.cli.io.given_recordings import opened_recording
    from speech2img.recognition.registry import open_recogniser
    from speech2img.storage.notices import notice

    # The recogniser, before a recording is opened.
    if args.audio.count(Path("-")) > 1:
        raise ConfigError.about("-", "standard input is given twice, and it can be read once", "give - once")
    by_command = args.command is not None
    kind = "command" if by_command else None
    recogniser = open_recogniser(
        args.command if by_command else args.recogniser, kind=kind, device=args.device, beams=args.beams
    )
    # One recording after the other.
    failed = 0
    for path in args.audio:
        try:
            heard = hear(opened_recording(path), sample_rate=recogniser.sample_rate)
        except AudioError as error:
            notice(error)
            failed += 1
            continue
        before = 0.0
        wave = heard.y
        if not args.no_trim:
            spoken = trim_silence(wave, recogniser.sample_rate)
            wave, before = spoken.y, spoken.before
        transcript = recogniser.transcribe([wave])[0]
        failed += not _print(heard.name, transcript, before, recogniser)
    return AudioError.exit_code if failed else 0


def _print(name: str, transcript: "Transcript", before: float, recogniser: "Recogniser") -> bool:
    """Print what was recognised in one recording; whether there was anything."""
    from speech2img.storage.notices import notice

    if transcript.parts > 1:
        notice(f"{name}: longer than {recogniser.name} hears at once: divided at pauses into {transcript.parts} parts")
    if not transcript.text:
        notice(AudioError.about(name, f"{recogniser.name} recognised nothing in it", "speak louder, or nearer"))
        return False
    for segment in transcript.segments:
        sure = "-" if segment.confidence is None else f"{segment.confidence:.0%}"
        span = f"{before + segment.start:.2f}-{before + segment.end:.2f} s"
        if segment.text:
            print(f"{name}\t{span}\t{sure}\t{segment.text}".encode("utf-8", "backslashreplace").decode())
    return True
