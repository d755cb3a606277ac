"""Prepares ``flickr8k``: the pictures and captions of Flickr8k with the recordings of the Flickr Audio Caption Corpus.

Hodosh, Young, Hockenmaier 2013 (pictures, five captions each, lists of 6,000 / 1,000 / 1,000 pictures) and Harwath,
Glass 2015 (every caption of those 8,000 read aloud, by 183 people). Each picture is a class of its own, as in S2IGAN.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from speech2img.corpora.checks.recorded import SpokenOptions, SpokenSource, finish_spoken
from speech2img.corpora.readers.guides import FLICKR8K_PAGE, FLICKR_AUDIO_PAGE
from speech2img.corpora.records.claims import refuse_other_corpus
from speech2img.corpora.records.items import Caption, Item, recorded_caption
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.text import counted
from speech2img.corpora.records.voice_assignment import speak_plainly
from speech2img.errors import DataError
from speech2img.storage.lines import read_text_file, text_lines
from speech2img.storage.names import some_of

IMAGE_FOLDERS = ("Flicker8k_Dataset", "Flickr8k_Dataset", "images")
TEXT_FOLDERS = ("Flickr8k_text", "")
AUDIO_FOLDERS = ("flickr_audio", "")
LISTS = {"train": "Flickr_8k.trainImages.txt", "val": "Flickr_8k.devImages.txt", "test": "Flickr_8k.testImages.txt"}
TOKENS = "Flickr8k.token.txt"
MAX_TEXT_BYTES = 64 << 20
_TEXTS = f"Flickr8k_text.zip, asked for at the authors' page ({FLICKR8K_PAGE}), unpacked to Flickr8k_text/"
_IMAGES = f"Flickr8k_Dataset.zip, asked for at the authors' page ({FLICKR8K_PAGE}), unpacked to Flicker8k_Dataset/"
_AUDIO = f"flickr_audio.tar.gz of {FLICKR_AUDIO_PAGE} (CC BY-SA), unpacked to flickr_audio/"
SOURCE = SpokenSource(
    name="flickr8k",
    images=_IMAGES,
    recordings=_AUDIO,
    cite="Hodosh, Young, Hockenmaier 2013 (JAIR 47); recordings: Harwath, Glass 2015 (ASRU), CC BY-SA",
    unknown={"photographer": "the corpus does not name them"},
)


@dataclass(frozen=True, kw_only=True)
class Flickr8kCounts:
    """How many of everything there are."""

    train: int = 6_000
    """Pictures of the list."""
    val: int = 1_000
    """Pictures of the list."""
    test: int = 1_000
    """Pictures of the list."""
    captions: int = 5
    """Captions of each picture."""


def prepare_flickr8k(
    root: str | Path, options: SpokenOptions | None = None, *, counts: Flickr8kCounts | None = None
) -> Manifest:
    """Verify a folder with Flickr8k and its recordings, and write its manifest.

    Parameters
    ----------
    root : str or Path
        The folder; ``FLICKR8K_GUIDE`` says what has to lie in it.
    options : SpokenOptions, optional
        What the user chose.
    counts : Flickr8kCounts, optional
        Other numbers than those of the published corpus.

    Returns
    -------
    Manifest
        Splits ``train``, ``val``, ``test`` as published; captions are the recordings with their words.

    Raises
    ------
    DataError
        If files are missing, damaged, or contradict each other or the published numbers.
    ConfigError
        If the folder holds another corpus.
    """
    # Texts and lists, which must agree.
    root, options, counts = Path(root), options or SpokenOptions(), counts or Flickr8kCounts()
    refuse_other_corpus(root, SOURCE.name)
    texts = _folder_with(root, TEXT_FOLDERS, TOKENS, _TEXTS)
    words = _read_captions(texts / TOKENS)
    keys = {split: _read_list(texts / name) for split, name in LISTS.items()}
    _check_lists(texts, keys, words, counts)
    images = next((name for name in IMAGE_FOLDERS if (root / name).is_dir()), IMAGE_FOLDERS[0])
    readings = None if options.text_only else _read_recordings(root, words)
    # Items, numbered by their sorted keys.
    items = []
    for number, key in enumerate(sorted(key for part in keys.values() for key in part)):
        split = next(name for name, part in keys.items() if key in part)
        captions = (
            _to_be_spoken(key, words[key], options.seed, may_hold_out=split == "test")
            if readings is None
            else _spoken(key, words[key], readings)
        )
        items.append(Item(key, f"{images}/{key}.jpg", number, key, split, None, None, captions))
    # What the user should know.
    unused = sorted(words.keys() - {item.id for item in items})
    notes = [f"in no list, left out: {counted(len(unused), 'picture')} ({some_of(unused)})"] if unused else []
    nameless = sum(1 for item in items for caption in item.captions if caption.recorded and caption.speaker is None)
    notes += [f"without a speaker in wav2spk.txt: {counted(nameless, 'recording')}"] if nameless else []
    return finish_spoken(root, SOURCE, items, options, meta={"split": "as published"}, notes=notes)


def _folder_with(root: Path, folders: Sequence[str], name: str, source: str) -> Path:
    for folder in folders:
        if (root / folder / name).is_file():
            return root / folder
    raise DataError.about(root / folders[0] / name, "no such file", f"it is in {source}")


def _read_captions(path: Path) -> dict[str, dict[int, str]]:
    """Picture -> number -> words, of lines such as ``1000268201_693b08cb0e.jpg#0<tab>A child .``."""
    words: dict[str, dict[int, str]] = {}
    for number, line in enumerate(text_lines(read_text_file(path, max_bytes=MAX_TEXT_BYTES)), start=1):
        match = re.fullmatch(r"([\w.]+)#(\d)\t(.+)", line.strip())
        if match is None:
            raise DataError.about(path, f"line {number} is not 'picture#number<tab>caption'", f"take it from {_TEXTS}")
        key, index = match[1].removesuffix(".jpg"), int(match[2])
        if index in words.setdefault(key, {}):
            reason = f"line {number}: caption {index} of {key} occurs twice"
            raise DataError.about(path, reason, f"take it from {_TEXTS}")
        words[key][index] = re.sub(r"\s+([.,;:!?])", r"\1", " ".join(match[3].split()))
    return words


def _read_list(path: Path) -> set[str]:
    lines = [line.strip() for line in text_lines(read_text_file(path, max_bytes=MAX_TEXT_BYTES)) if line.strip()]
    keys = {line.removesuffix(".jpg") for line in lines}
    if len(keys) != len(lines):
        raise DataError.about(path, "lists a picture twice", f"take it from {_TEXTS}")
    return keys


def _check_lists(
    folder: Path, keys: Mapping[str, set[str]], words: Mapping[str, Mapping[int, str]], counts: Flickr8kCounts
) -> None:
    for split, part in keys.items():
        path, wanted = folder / LISTS[split], getattr(counts, split)
        if len(part) != wanted:
            raise DataError.about(path, f"{len(part)} pictures instead of {wanted}", f"take it from {_TEXTS}")
        for other, rest in keys.items():
            if other != split and part & rest:
                reason = f"shares pictures with {LISTS[other]} ({some_of(sorted(part & rest))})"
                raise DataError.about(path, reason, f"take both from {_TEXTS}")
        poor = sorted(key for key in part if sorted(words.get(key, {})) != list(range(counts.captions)))
        if poor:
            reason = f"not {counts.captions} captions: {counted(len(poor), 'picture')} of {split} ({some_of(poor)})"
            raise DataError.about(folder / TOKENS, reason, f"take it from {_TEXTS}")


@dataclass(frozen=True, slots=True)
class _Readings:
    folder: str
    wavs: dict[tuple[str, int], str]
    speakers: dict[str, str]


def _read_recordings(root: Path, words: Mapping[str, Mapping[int, str]]) -> _Readings:
    """Recording of every caption and speaker of every recording."""
    folder = _folder_with(root, AUDIO_FOLDERS, "wav2capt.txt", f"{_AUDIO}; or give --text-only")
    wavs: dict[tuple[str, int], str] = {}
    for number, (wav, image, index) in _rows(folder / "wav2capt.txt", r"([\w.]+\.wav) ([\w.]+) #(\d)"):
        key = (image.removesuffix(".jpg"), int(index))
        if key[1] not in words.get(key[0], {}) or key in wavs:
            reason = f"line {number}: no caption {index} of {key[0]}, or it has two recordings"
            raise DataError.about(folder / "wav2capt.txt", reason, f"take it from {_AUDIO}")
        wavs[key] = wav
    speakers = {wav: speaker for _, (wav, speaker) in _rows(folder / "wav2spk.txt", r"([\w.]+\.wav) (\w+)")}
    inside = folder.relative_to(root).as_posix()
    return _Readings("wavs" if inside == "." else f"{inside}/wavs", wavs, speakers)


def _rows(path: Path, pattern: str) -> list[tuple[int, tuple[str, ...]]]:
    rows = []
    if not path.is_file():
        raise DataError.about(path, "no such file", f"take it from {_AUDIO}")
    for number, line in enumerate(text_lines(read_text_file(path, max_bytes=MAX_TEXT_BYTES)), start=1):
        match = re.fullmatch(pattern, " ".join(line.split()))
        if match:
            rows.append((number, match.groups()))
        elif line.strip():
            raise DataError.about(path, f"line {number} is broken: {line[:60]!r}", f"take it from {_AUDIO}")
    return rows


def _spoken(key: str, words: Mapping[int, str], readings: _Readings) -> tuple[Caption, ...]:
    captions = []
    for index, text in sorted(words.items()):
        wav = readings.wavs.get((key, index), f"{key}_{index}.wav")
        captions.append(
            recorded_caption(index, f"{readings.folder}/{wav}", text=text, speaker=readings.speakers.get(wav))
        )
    return tuple(captions)


def _to_be_spoken(key: str, words: Mapping[int, str], seed: int, *, may_hold_out: bool) -> tuple[Caption, ...]:
    rng = random.Random(f"flickr8k captions {seed} {key}")
    return speak_plainly(
        key, [(text, {}) for _, text in sorted(words.items())], rng, may_hold_out=may_hold_out, audio="spoken"
    )
