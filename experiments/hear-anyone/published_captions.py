"""Captions that Baidu's voice spoke for Li et al. (2020): does an encoder trained on CUB's captions know them again?

Each of the 15 recordings looks for the same caption, spoken by espeak-ng, among all captions of their pictures; and
those whose photograph is at hand rank it among 100 photographs that nothing was trained on. What comes out says in
which part of the corpus the photograph is itself; one of the whole photographs is in none.
"""

import argparse
import io
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import soundfile
from image_space import PhotographSpace, cosines
from PIL import Image

import speech2img
from speech2img.corpora.readers.cub100.prepare import CAPTIONS
from speech2img.corpora.readers.reed_captions import captions_in_tar, read_captions
from speech2img.corpora.records.manifest import Manifest
from speech2img.metrics.functional.bootstrap import mean_interval
from speech2img.storage.atomic import write_json
from speech2img.tts.espeak.engine import EspeakSynthesizer

ARCHIVE = "li2020_demo.zip"
WHOLE = "cub20_photos_crop304.zip", "cub_originals.zip"
"""Photographs beside the crops of the corpus."""
NAME = re.compile(r".*/([A-Z][A-Za-z_]*_[0-9]+_[0-9]+)_([0-9])[._]bird_row[0-9_]+\.ogg")
PHOTOGRAPHS = 100
VOICE = "en-us"


def recordings(archive: Path, out: Path) -> list[tuple[Path, str, int]]:
    """Unpack the bird captions: recording, name of its picture, number of the caption."""
    found = []
    with zipfile.ZipFile(archive) as files:
        for name in sorted(files.namelist()):
            if match := NAME.fullmatch(name):
                y, rate = soundfile.read(io.BytesIO(files.read(name)), dtype="float32")
                place = out / f"{match[1]}_{match[2]}.wav"
                soundfile.write(place, y, rate)
                found.append((place, match[1], int(match[2])))
    return found


def spoken_captions(
    realdata: Path, pictures: set[str], out: Path
) -> tuple[list[Path], list[tuple[str, int]], list[str]]:
    """All captions of the pictures as espeak-ng speaks them: recordings, picture and number of each, words."""
    files = captions_in_tar(realdata / CAPTIONS, fix="copy it again")
    with tarfile.open(realdata / CAPTIONS) as archive:
        names = [
            tuple(name.removesuffix(".txt").split("/")[-2:]) for name in archive.getnames() if name.endswith(".txt")
        ]
    ids = ["/".join(name) for name in sorted(names) if name[-1] in pictures]
    places, about, words = [], [], []
    with EspeakSynthesizer() as engine:
        for item_id, texts in read_captions(files, ids, fix="copy it again").items():
            for number, text in enumerate(texts):
                name = item_id.rpartition("/")[2]
                place = out / f"{name}_{number}.wav"
                if not place.exists():
                    soundfile.write(place, engine.synthesize(text, voice=VOICE), engine.sample_rate)
                places.append(place)
                about.append((name, number))
                words.append(" ".join(text.lower().split()))
    return places, about, words


def other_photographs(realdata: Path, pictures: set[str]) -> dict[str, Image.Image]:
    """Those of the pictures that are among the whole photographs."""
    found = {}
    for archive in WHOLE:
        with zipfile.ZipFile(realdata / archive) as files:
            for name in files.namelist():
                if Path(name).stem in pictures - found.keys():
                    found[Path(name).stem] = Image.open(io.BytesIO(files.read(name)))
    return found


def main() -> None:
    """Print who found what, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a model whose encoder was trained on CUB's captions")
    parser.add_argument("--root", type=Path, required=True, help="cub100, with features and the encoder's embeddings")
    parser.add_argument("--embeddings", default="shared", help="name of the embeddings (default shared)")
    parser.add_argument("--side", type=int, default=160, help="of the pictures as GoogLeNet got them (default 160)")
    parser.add_argument("--realdata", type=Path, required=True, help="the data folder")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    options = parser.parse_args()
    for name in ("published", "espeak"):
        (options.out / name).mkdir(parents=True, exist_ok=True)

    # The same caption among all captions.
    pipe = speech2img.load(options.model)
    published = recordings(options.realdata / ARCHIVE, options.out / "published")
    heard = pipe.encode_paths([place for place, *_ in published])
    places, about, words = spoken_captions(
        options.realdata, {picture for _, picture, _ in published}, options.out / "espeak"
    )
    said = pipe.encode_paths(places)
    own = [about.index((picture, number)) for _, picture, number in published]
    close = cosines(heard, said)
    ranks = [1 + int((close[row] > close[row, column]).sum()) for row, column in enumerate(own)]
    right = [words[int(close[row].argmax())] == words[column] for row, column in enumerate(own)]

    # The own photograph among others of the test parts.
    manifest = Manifest.load(options.root)
    teacher = options.realdata / "weights" / "googlenet_bvlc.npz"
    space = PhotographSpace(options.root, options.embeddings, teacher=teacher, side=options.side)
    rows = {item.id.rpartition("/")[2]: row for row, item in enumerate(manifest.items)}
    unseen = [row for row, item in enumerate(manifest.items) if item.split in ("test", "test_seen")]
    others = np.random.default_rng(0).permutation(unseen)
    more = other_photographs(options.realdata, {picture for _, picture, _ in published} - rows.keys())
    photographs = []
    for vector, (_, picture, number) in zip(heard, published, strict=True):
        if picture not in rows and picture not in more:
            continue
        own_vector = space.corpus[rows[picture]][None] if picture in rows else space.embed([more[picture]])
        gallery = others[others != rows.get(picture, -1)][: PHOTOGRAPHS - 1]
        closeness = cosines(vector[None], np.concatenate([own_vector, space.corpus[gallery]]))[0]
        photographs.append(
            {
                "caption": f"{picture}_{number}",
                "part": manifest.items[rows[picture]].split if picture in rows else "none",
                "rank_of_own_photograph": 1 + int((closeness[1:] > closeness[0]).sum()),
            }
        )

    # What came out.
    write_json(
        options.out / "found.json",
        {
            "model": str(options.model),
            "weights_sha256": pipe.weights_sha256,
            "captions": len(places),
            "voice": VOICE,
            "recall_at_1": float(np.mean(right)),
            "interval": mean_interval(np.array(right, dtype=np.float64), seed=0),
            "ranks": {f"{picture}_{number}": rank for (_, picture, number), rank in zip(published, ranks, strict=True)},
            "gallery": PHOTOGRAPHS,
            "photographs": photographs,
        },
    )
    print((options.out / "found.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
