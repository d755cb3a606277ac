"""Says which picture a recording or text belongs to: by its name, and by its folder, which never crosses classes."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import PurePosixPath

from speech2img.corpora.folder.entries import SPLIT_NAMES, without_suffix
from speech2img.storage.names import same_name

Owner = tuple[str, int | None]
"""A picture, and the number in the name of what belongs to it."""
Folder = tuple[str, ...]

IMAGE_FOLDERS = frozenset(
    "image images img imgs picture pictures pic pics photo photos photograph photographs jpg jpeg jpgs png pngs bild"
    " bilder foto fotos imagen imagenes imágenes immagini imagem imagens obrazy kuvat 图片 图像 照片 画像 写真".split()
)
SIDE_FOLDERS = frozenset(
    "audio audios sound sounds wav wavs flac mp3 mp3s ogg opus recording recordings record records speech spoken voice"
    " voices utterance utterances clip clips text texts txt caption captions transcript transcripts transcription"
    " transcriptions aufnahme aufnahmen ton tonaufnahmen sprache enregistrement enregistrements son sons voix grabacion"
    " grabaciones grabación sonido sonidos voz voces registrazioni texte textos legendes légendes"
    " 音频 录音 语音 音声 録音 文本".split()
)
"""Words in the names of folders that say what kind of files lie there, and nothing of what they show."""
PLAIN_WORDS = frozenset("file files data all raw my the of k khz hz mono original originals new folder".split())
"""Words that may stand beside them and say nothing either."""
_NUMBERED = re.compile(r"(.+)_([0-9]{1,6})")
_WORD = re.compile(r"[^\W\d_]+")


class Owners:
    """Finds the picture that a file belongs to.

    Parameters
    ----------
    images : sequence of str
        All pictures, those that are not read included, relative to the corpus folder.
    others : sequence of str
        All recordings and texts.

    Notes
    -----
    A file belongs to a picture of its name in its own folder. Only a folder without pictures can be part of a parallel
    tree, and then its files belong to the pictures whose folder is the same when the words for kinds of files
    (`IMAGE_FOLDERS`, `SIDE_FOLDERS`) and what all pictures share are left out: ``audio/robin`` and ``robin/audio``
    go with ``images/robin`` or ``robin``. Below such a word there may be a folder of the speaker or voice, if no folder
    of pictures is called so. Where the trees have other names, they are parallel if all pictures lie in the one, all
    else in the other, and at least two folders prove it. Composed and decomposed letters are the same, and so are
    capital and small ones unless two pictures differ in them only.
    """

    def __init__(self, images: Sequence[str], others: Sequence[str]) -> None:
        # Capitals count only where they tell two images apart.
        names = {same_name(without_suffix(image)) for image in images}
        differ = len({name.casefold() for name in names}) < len(names)
        self._fold: Callable[[str], str] = str if differ else str.casefold
        # Folders of images, and the parts by which they differ.
        folders = {self._folder(image) for image in images}
        self._holding = {folder[:depth] for folder in folders for depth in range(len(folder) + 1)}
        self._shared = _common(folders)
        self._key_of = _image_keys(folders)
        self._words = {part for key in self._key_of.values() for part in key}
        self._has_no_classes = len(folders) == 1 and all(_says(part, IMAGE_FOLDERS) for part in self._shared)
        self._side = self._proven_side({self._folder(other) for other in others})
        # Images by folder and stem, and by the folders shortened.
        self._near: dict[tuple[Folder, str], list[str]] = defaultdict(list)
        self._far: dict[tuple[Folder, str], list[str]] = defaultdict(list)
        for image in images:
            key, stem = self._key_of[self._folder(image)], self._stem(image)
            self._near[key, stem].append(image)
            for short in self._shortened(key):
                self._far[short, stem].append(image)

    def of(self, file: str, *, numbered: bool) -> list[Owner]:
        """The pictures that a file may belong to; more than one if that is not clear, none if there is none.

        Parameters
        ----------
        file : str
            A recording or text, relative to the corpus folder.
        numbered : bool
            Whether ``robin_2`` may belong to ``robin``; a picture called ``robin_2`` comes first.
        """
        stem = self._stem(file)
        match = _NUMBERED.fullmatch(stem) if numbered else None
        for known, key in self._keys(self._folder(file)):
            if whole := known.get((key, stem)):
                return [(image, None) for image in whole]
            if match and (base := known.get((key, match[1]))):
                return [(image, int(match[2])) for image in base]
        return []

    def _folder(self, path: str) -> Folder:
        return tuple(self._fold(same_name(part)) for part in PurePosixPath(path).parts[:-1])

    def _stem(self, path: str) -> str:
        return self._fold(same_name(PurePosixPath(without_suffix(path)).name))

    def _shortened(self, key: Folder) -> set[Folder]:
        """A picture's folder without what all pictures share, and without the part of the split."""
        shared = [part for part in self._shared if part in key]
        short = {key[drop:] for drop in range(1, len(shared) + 1)}
        short |= {one[1:] for one in (key, *short) if one and one[0] in SPLIT_NAMES}
        return short - {key}

    def _keys(self, folder: Folder) -> Iterator[tuple[Mapping[tuple[Folder, str], list[str]], Folder]]:
        """What a folder may be called among the folders of pictures, and among which, the likeliest first."""
        # Beside the images: the same folder.
        if folder in self._key_of:
            yield self._near, self._key_of[folder]
            return
        # In a tree beside that of the images: the same path without the part that names the side.
        sides = [depth for depth in range(len(folder)) if self._is_side(folder[: depth + 1])]
        parts = tuple(part for depth, part in enumerate(folder) if depth not in sides)
        if not sides:
            yield self._near, parts
            return
        keys = [parts] if parts or all(_says(folder[depth], SIDE_FOLDERS) for depth in sides) else []
        # Below the folder of recordings there may be one of the speaker, or several (voice/session).
        start = sides[-1] - len(sides) + 1
        for end in range(start + 1, len(parts) + 1):
            if parts[end - 1] in self._words:
                break
            if start or end < len(parts) or self._has_no_classes:
                keys.append((*parts[:start], *parts[end:]))
        for known in (self._near, self._far):
            yield from ((known, key) for key in keys)

    def _is_side(self, folder: Folder) -> bool:
        """Whether a folder only says that recordings or texts lie in it: no picture does."""
        return folder not in self._holding and (folder == self._side or _mentions(folder[-1], SIDE_FOLDERS))

    def _proven_side(self, others: Iterable[Folder]) -> Folder | None:
        """The top folder of recordings in a tree that goes like that of the pictures, whatever the two are called."""
        tops = {folder[:1] for folder in others}
        rests = {folder[1:] for folder in others}
        proven = len(rests) > 1 and () not in rests and rests <= {folder[1:] for folder in self._key_of}
        return next(iter(tops)) if self._shared and proven and len(tops) == 1 and self._shared[:1] not in tops else None


def _image_keys(folders: Iterable[Folder]) -> dict[Folder, Folder]:
    """Folders of pictures without what says nothing; in full where two of them would then be the same, or one empty."""
    short = {folder: tuple(part for part in folder if not _says(part, IMAGE_FOLDERS)) for folder in folders}
    emptied = len(short) > 1 and any(folder and not key for folder, key in short.items())
    return {folder: folder for folder in short} if emptied or len(set(short.values())) < len(short) else short


def _common(folders: Iterable[Folder]) -> Folder:
    """The parts that all folders begin with."""
    common: Folder | None = None
    for folder in folders:
        shorter = zip(folder if common is None else common, folder, strict=False)
        common = tuple(part for part, _ in takewhile(lambda pair: pair[0] == pair[1], shorter))
    return common or ()


def _says(part: str, words: frozenset[str]) -> bool:
    """Whether a folder's name says a kind of files and nothing else (``wav files 16k``)."""
    return _mentions(part, words) and words | PLAIN_WORDS >= set(_WORD.findall(part.casefold()))


def _mentions(part: str, words: frozenset[str]) -> bool:
    """Whether a folder's name has a word for a kind of files (``bird sounds``, but also ``paper clip``)."""
    return not words.isdisjoint(_WORD.findall(part.casefold()))
