"""The speech engines that ``synthesize`` knows: a dict of name -> how it is opened, what it is, its options.

An engine is added by one entry here. The functions of an entry import what they need when they run: the help of the
command line is made from this table and must not load an engine.
"""

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech2img.errors import ConfigError
from speech2img.options import Option, natural, positive
from speech2img.storage.rank import Rank

if TYPE_CHECKING:
    from speech2img.tts.base import Synthesizer

BAIDU = """\
Needs keys of ai.baidu.com, in the environment (BAIDU_API_KEY, BAIDU_SECRET_KEY) or in a file of mode 0600; never give
them on the command line. Speaks Chinese and English. Voices: baidu-0 (woman), baidu-1 (man), baidu-3 (man), baidu-4
(girl), and baidu-N for any other per=N that the account has bought; voices of espeak-ng become one of the first four.
Long texts are cut at sentences and joined. Whisper and range of pitch do not exist there. --workers is twice --qps
where it is not given, 2 to 32."""
ESPEAK = """\
Speaks where it runs, in many languages; voices are an accent with or without a variant (en-us, en-us+f3). Needs the
package espeakng-loader."""
TACOTRON2 = """\
English, one voice a model. Needs weights: speech2img import tacotron2 FILE --out DIR, or speech2img train tacotron2."""
KOKORO = """\
English, in voices close to people's. Needs the package kokoro-onnx (pip install "speech2img[kokoro]") and a folder
with the model and its voices, which experiments/README.md says how to get. Voices are those of --voices, each of them
also as a whisper (af_sky+whisper); voices of espeak-ng become one of them: women women, whispers whispers. Eight
voices are held out for measuring and speak with --allow-held-out only; captions in a voice that training never hears
then have theirs. Speed and pitch are followed, range of pitch does not exist there. A text takes 3 to 8 s of a core."""
COMMAND = """\
Any program that speaks, started for each text, without a shell: flite, festival's text2wave, piper, your own script.
In the command's words {text}, {text_file}, {wav} (the file that it writes), {voice}, {rate} (words a minute), {pitch}
and {pitch_range} (0 to 99) are replaced; {{ and }} are braces. {text} is a word of its own or --NAME={text}, so that
a text is never taken for an option. Without {text} and {text_file} the text is standard input; without {wav} the
recording is standard output. It may be wav, flac, ogg or mp3. A program that fails, hangs, crashes or writes nothing,
too much or something else costs that text only."""
GET_TACOTRON2 = "speech2img import tacotron2 FILE --out DIR, or speech2img train tacotron2"


@dataclass(frozen=True, slots=True)
class Engine:
    """One text-to-speech engine."""

    open: "Callable[..., Synthesizer]"
    """``open(rank, **options)``; refuses values that it cannot use."""
    summary: str
    """One line for the list of engines."""
    description: str
    """What it needs, which languages and voices it has: the text above its options in the help."""
    example: str
    """A whole command line."""
    workers: Callable[..., int]
    """``workers(rank, **options)``: how many texts it is best given at a time, once it was opened."""
    status: Callable[[], str]
    """What ``speech2img check`` says of it, in one line: whether it is ready here, and what is missing."""
    options: tuple[Option, ...] = ()
    """What it understands beside the options of the verb; one that is not given and has no default is not passed on.
    An option that an engine further up the table has under the same name is declared by that one."""

    def takes(self, name: str) -> bool:
        """Whether it has an option of this name."""
        return any(option.name == name for option in self.options)


def _open_espeak(rank: Rank) -> "Synthesizer":
    from speech2img.tts.espeak.engine import EspeakSynthesizer

    return EspeakSynthesizer()


def _espeak_workers(rank: Rank) -> int:
    return 2


def _espeak_status() -> str:
    from speech2img.tts.espeak.engine import INSTALL_HINT

    if importlib.util.find_spec("espeakng_loader") is None:
        return f"missing (generate --text wants it too); {INSTALL_HINT}"
    return f"ready, from espeakng-loader {importlib.metadata.version('espeakng-loader')}"


def _open_baidu(rank: Rank, *, keys: Path | None = None, qps: float | None = None, **settings: Any) -> "Synthesizer":
    from speech2img.tts.baidu.client import ServiceSettings
    from speech2img.tts.baidu.credentials import default_token_file, read_keys
    from speech2img.tts.baidu.engine import BaiduSettings, BaiduSynthesizer

    service = ServiceSettings() if qps is None else ServiceSettings(qps=qps)
    wanted = BaiduSettings(**settings)
    return BaiduSynthesizer(read_keys(keys), wanted, service=service, rank=rank, token_file=default_token_file())


def _baidu_workers(rank: Rank, *, qps: float | None = None, **_: Any) -> int:
    from speech2img.tts.baidu.client import ServiceSettings

    requests = ServiceSettings().qps if qps is None else qps
    return min(32, max(2, round(2 * requests / rank.count)))


def _baidu_status() -> str:
    from speech2img.tts.baidu.credentials import read_keys

    try:
        read_keys()
    except ConfigError as error:
        return f"not ready, {str(error).removeprefix('Baidu: ')}"
    return "keys found (whether they are good only the service knows)"


def _open_tacotron2(
    rank: Rank, *, model: str | None = None, vocoder: str | None = None, device: str = "auto", **options: Any
) -> "Synthesizer":
    if model is None:
        fix = "give the folder of speech2img import tacotron2 FILE --out DIR, or a run of speech2img train tacotron2"
        raise ConfigError.about("--engine tacotron2", "no --model", fix)
    from speech2img.device import resolve_device
    from speech2img.tts.tacotron2.engine import Tacotron2Options, Tacotron2Synthesizer

    wanted = Tacotron2Options(**options)
    return Tacotron2Synthesizer(model, vocoder=vocoder, options=wanted, device=resolve_device(device))


def _tacotron2_workers(rank: Rank, **_: Any) -> int:
    return 1


def _tacotron2_status() -> str:
    from speech2img.storage.reading import read_json
    from speech2img.storage.releases.find_release import find_release, shipped_releases

    configs = {name: read_json(find_release(name) / "config.json") for name in shipped_releases()}
    voices = [name for name, config in configs.items() if config.get("kind") == "tacotron2"]
    return f"ready, with --model {' or '.join(voices)}" if voices else f"needs --model DIR: {GET_TACOTRON2}"


def _open_kokoro(rank: Rank, *, model: str | None = None, **options: Any) -> "Synthesizer":
    from speech2img.tts.kokoro.engine import KokoroSynthesizer
    from speech2img.tts.kokoro.model_folder import GET_MODEL

    if model is None:
        raise ConfigError.about("--engine kokoro", "no --model", GET_MODEL)
    return KokoroSynthesizer(model, **options)


def _workers_of_cores(rank: Rank, **_: Any) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(32, max(1, cores // rank.count))


def _kokoro_status() -> str:
    from speech2img.tts.kokoro.engine import INSTALL_HINT

    if importlib.util.find_spec("kokoro_onnx") is None:
        return f"missing; {INSTALL_HINT}"
    return f"ready with --model DIR, by kokoro-onnx {importlib.metadata.version('kokoro-onnx')}"


def _open_command(rank: Rank, *, command: str | None = None, **options: Any) -> "Synthesizer":
    from speech2img.tts.command.engine import CommandSynthesizer
    from speech2img.tts.command.template import EXAMPLE

    if command is None:
        raise ConfigError.about("--engine command", "no --command", f"give for example --command {EXAMPLE}")
    return CommandSynthesizer(command, **options)


def _command_status() -> str:
    return "ready, for any program that --command names"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


_MODEL = Option("model", "the voice: a release or a run folder; of kokoro, the folder of its files", "DIR")
_VOICES = Option("voices", "names with commas between; kokoro: also training (default), held-out", "V,V", _names)

ENGINES: Mapping[str, Engine] = {
    "espeak": Engine(
        _open_espeak,
        "espeak-ng, on this machine: many languages and voices, repeatable",
        ESPEAK,
        "speech2img synthesize --root data/songbirds --engine espeak",
        _espeak_workers,
        _espeak_status,
    ),
    "baidu": Engine(
        _open_baidu,
        "Baidu's service: Chinese and English, with your keys",
        BAIDU,
        "speech2img synthesize --root data/cub --engine baidu --voice baidu-4 --keys baidu.toml",
        _baidu_workers,
        _baidu_status,
        (
            Option("keys", 'file with api_key = "..." and secret_key = "..." (mode 0600)', "FILE", Path),
            Option("qps", "requests a second, of all workers and processes together (default 2)", "N", float),
            Option("aue", "3 mp3, 4 pcm, 5 pcm 8 kHz, 6 wav (default 6)", kind=int, choices=(3, 4, 5, 6)),
            Option("vol", "volume; basic voices up to 9 (default 5)", "0-15", int),
            Option("spd", "speed, 5 is plain (default: from each caption's)", "0-15", int),
            Option("pit", "pitch, 5 is plain (default: from each caption's)", "0-15", int),
        ),
    ),
    "tacotron2": Engine(
        _open_tacotron2,
        "Tacotron 2 and a vocoder: one English voice a model, imported or trained",
        TACOTRON2,
        "speech2img synthesize --root data/cub --engine tacotron2 --model voices/lj --vocoder voices/hifigan",
        _tacotron2_workers,
        _tacotron2_status,
        (
            _MODEL,
            Option("vocoder", "release of a HiFi-GAN (default: Griffin-Lim, no weights)", "DIR"),
            Option("device", "auto (CUDA, else CPU), cpu, cuda, cuda:1 ... (default auto)", "D"),
            Option("rows", "texts in the decoder at a time (default 16)", "N", positive),
            Option("max_steps", "decoder steps after which a text has failed (default 2000)", "N", positive),
            Option("gate_threshold", "probability of the end that ends a text (default 0.5)", "P", float),
            Option("seed", "same seed, same speech (default 0)", "N", natural),
        ),
    ),
    "kokoro": Engine(
        _open_kokoro,
        "Kokoro-82M: English, in 28 voices close to people's",
        KOKORO,
        "speech2img synthesize --root data/cub --engine kokoro --model weights/kokoro",
        _workers_of_cores,
        _kokoro_status,
        (
            _MODEL,
            _VOICES,
            Option("allow_held_out", "the voices that are held out for measuring may speak", is_flag=True),
        ),
    ),
    "command": Engine(
        _open_command,
        "any program that speaks",
        COMMAND,
        "speech2img synthesize --root data/cub --engine command --command 'flite -voice slt -t {text} -o {wav}'",
        _workers_of_cores,
        _command_status,
        (
            Option("command", "the program and its arguments, quoted as for a shell", "LINE"),
            _VOICES,
            Option("time_limit", "seconds that a text may take (default 60)", "S", float),
        ),
    ),
}
"""Name -> engine, in the order of the help; the first is the default."""
