"""People's recordings, and what an encoder that was trained on other speech makes of them: a list, not a score.

SpokenCOCO's 50 recordings about ten pictures: the rank of the own picture among the ten. Of these and of 18 recordings
about places: whose caption in the corpus sounds most like it to the encoder, and how sure the model is. Neither
people nor buses are in a corpus of birds, so that nobody should expect much: the list shows what happens.
"""

import argparse
import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from image_space import PhotographSpace, cosines
from PIL import Image

import speech2img
from speech2img.corpora.records.manifest import Manifest
from speech2img.storage.atomic import write_text

COCO, PLACES = "spokencoco_10x5.zip", "li2020_demo.zip"


def coco(realdata: Path, out: Path) -> tuple[list[Path], list[str], dict[str, Image.Image]]:
    """Recordings, the names of their pictures, and the pictures."""
    places, about = [], []
    with zipfile.ZipFile(realdata / COCO) as files:
        rows = list(csv.DictReader(io.TextIOWrapper(files.open("manifest.csv"), encoding="utf-8")))
        for row in rows:
            place = out / Path(row["audio"]).name
            place.write_bytes(files.read(row["audio"]))
            places.append(place)
            about.append(row["image"])
        pictures = {name: Image.open(io.BytesIO(files.read(name))) for name in sorted(set(about))}
    return places, about, pictures


def of_places(realdata: Path, out: Path) -> Iterator[Path]:
    """Recordings about places that came with Li et al.'s demonstration, each once."""
    with zipfile.ZipFile(realdata / PLACES) as files:
        for name in sorted(files.namelist()):
            if name.endswith(".ogg") and "place" in name:
                place = out / f"{Path(name).stem}.wav"
                y, rate = soundfile.read(io.BytesIO(files.read(name)), dtype="float32")
                soundfile.write(place, y, rate)
                yield place


def main() -> None:
    """Write ``people.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a model whose encoder was trained on the corpus")
    parser.add_argument("--root", type=Path, required=True, help="its corpus, with features and embeddings")
    parser.add_argument("--embeddings", default="shared", help="name of the embeddings (default shared)")
    parser.add_argument("--side", type=int, default=160, help="of the pictures as GoogLeNet got them (default 160)")
    parser.add_argument("--realdata", type=Path, required=True, help="the data folder")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    options = parser.parse_args()
    (options.out / "recordings").mkdir(parents=True, exist_ok=True)

    # All that was said, and what is heard.
    pipe = speech2img.load(options.model)
    spoken, about, pictures = coco(options.realdata, options.out / "recordings")
    others = list(of_places(options.realdata, options.out / "recordings"))
    heard = pipe.encode_paths([*spoken, *others])
    confidence = pipe.confidence([*spoken, *others])
    teacher = options.realdata / "weights" / "googlenet_bvlc.npz"
    space = PhotographSpace(options.root, options.embeddings, teacher=teacher, side=options.side)
    captions = [
        f"{item.class_name}, caption {caption.index} of {item.id.rpartition('/')[2]}"
        for item in Manifest.load(options.root).items
        for caption in item.captions
    ]
    like = cosines(heard, space.utterances).argmax(axis=1)

    # Ranks of the own picture.
    names = list(pictures)
    closeness = cosines(heard[: len(spoken)], space.embed(list(pictures.values())))
    ranks = [1 + int((row > row[names.index(own)]).sum()) for row, own in zip(closeness, about, strict=True)]

    # The list.
    lines = [
        f"Model {pipe.weights_sha256[:12]}. Own picture first of ten: {ranks.count(1)} of {len(ranks)} "
        f"(chance {len(ranks) / len(names):.0f}); mean rank {np.mean(ranks):.1f} (chance {(len(names) + 1) / 2:.1f}).",
        "",
        "| recording | rank of ten | sounds most like | sure |",
        "|---|---|---|---|",
    ]
    for row, place in enumerate([*spoken, *others]):
        rank = str(ranks[row]) if row < len(spoken) else "-"
        sure = "-" if confidence is None else f"{confidence[row]:.2f}"
        lines.append(f"| {place.stem} | {rank} | {captions[like[row]]} | {sure} |")
    write_text(options.out / "people.md", "\n".join(lines) + "\n")
    print(lines[0])


if __name__ == "__main__":
    main()
