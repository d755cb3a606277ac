"""The manifest as an engine will speak it: its own voices, and recordings in folders named after them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from speech2img.corpora.records.items import Caption
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.voices import voice_folder
from speech2img.errors import SynthesisError
from speech2img.tts.base import Synthesizer


def cast_voices(manifest: Manifest, engine: Synthesizer, *, voice: str | None = None) -> Manifest:
    """Give every caption that is to be spoken a voice of this engine.

    Parameters
    ----------
    manifest : Manifest
        The corpus.
    engine : Synthesizer
        What will speak.
    voice : str, optional
        One voice for all captions; else each keeps its own, or the one that stands for it.

    Returns
    -------
    Manifest
        The same object if no voice changes. Where one does, the folder of the recording follows it if it was named
        after the old one, and a voice counts as held out only if no training caption is spoken by it now.

    Raises
    ------
    SynthesisError
        If the engine has no such ``voice``. A voice of the manifest that the engine lacks stays as it is: the driver
        lists its captions as failed.
    """
    # Each caption in a voice that the engine has.
    voice_of = _voice_table(engine, voice)
    items = []
    for item in manifest.items:
        captions = tuple([_cast(caption, voice_of) for caption in item.captions])
        same = all(new is old for new, old in zip(captions, item.captions, strict=True))
        items.append(item if same else replace(item, captions=captions))
    if all(new is old for new, old in zip(items, manifest.items, strict=True)):
        return manifest
    # A voice that is heard in training is no unseen one.
    heard = {
        caption.voice
        for item in items
        if item.split == "train"
        for caption in item.captions
        if caption.audio is not None and not caption.held_out_voice
    }
    items = [
        replace(
            item,
            captions=tuple(
                replace(caption, held_out_voice=False) if caption.held_out_voice and caption.voice in heard else caption
                for caption in item.captions
            ),
        )
        for item in items
    ]
    return Manifest(manifest.root, manifest.corpus, items, meta=manifest.meta)


def _voice_table(engine: Synthesizer, voice: str | None) -> Callable[[str], str]:
    if voice is not None:
        chosen = engine.voice_for(voice)
        return lambda _: chosen
    table: dict[str, str] = {}

    def look_up(name: str) -> str:
        if name not in table:
            try:
                table[name] = engine.voice_for(name)
            except SynthesisError:
                table[name] = name
        return table[name]

    return look_up


def _cast(caption: Caption, voice_of: Callable[[str], str]) -> Caption:
    if caption.recorded or caption.audio is None:
        return caption
    voice = voice_of(caption.voice)
    if voice == caption.voice:
        return caption
    parts = PurePosixPath(caption.audio).parts
    old, new = voice_folder(caption.voice), voice_folder(voice)
    moved = [new if part == old else part for part in parts[:-1]] if parts[:-1].count(old) == 1 else parts[:-1]
    return replace(caption, voice=voice, audio=str(PurePosixPath(*moved, parts[-1])))
