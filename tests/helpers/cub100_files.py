"""A small data folder as ``prepare cub100`` reads it: crops with names, whole photographs, captions of all of them."""

import csv
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

ANI, BREWER, RED, YELLOW = (
    "004.Groove_billed_Ani",
    "009.Brewer_Blackbird",
    "010.Red_winged_Blackbird",
    "012.Yellow_headed_Blackbird",
)
UNSEEN = (ANI, BREWER)
"""On the test side of the published split; the crops have the first only."""
CROPPED, WHOLE = range(36), range(10, 34)
"""Numbers of the pictures of a class in either archive: 24 are in both."""
BOX = (130.0, 70.0, 60.0, 40.0)
CUT = (115, 45, 205, 135)
"""StackGAN's crop of an original with that box: 0.75 x 60 px to each side of its middle."""
SIZE = (45, 45)
"""What the crop was reduced to."""
CROPS_ZIP, NAMES_CSV, WHOLE_ZIP = "cub100_crops227.zip", "cub100_crop_names.csv", "cub20_photos_crop304.zip"
CAPTIONS_TAR = "text/cub_text_c10.tar.xz"


def cub_name(folder: str, number: int) -> str:
    """CUB's file name of a picture of a class."""
    return f"{folder}/{folder[4:]}_{number:04d}_{number + 700}.jpg"


def jpeg(size: tuple[int, int], shade: int) -> bytes:
    """A grey JPEG picture, another one for each shade."""
    content = io.BytesIO()
    Image.new("L", size, shade).save(content, "JPEG")
    return content.getvalue()


def table(header: str, rows: Sequence[Sequence[object]]) -> bytes:
    """A table with commas."""
    content = io.StringIO()
    csv.writer(content).writerows([header.split(","), *rows])
    return content.getvalue().encode()


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a zip archive of these files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def captions_tar(texts: Mapping[str, bytes]) -> bytes:
    """A tar archive, packed with xz, of the texts of pictures."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:xz") as archive:
        for item_id, text in texts.items():
            member = tarfile.TarInfo(f"text_c10/{item_id}.txt")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


def crop_rows() -> list[list[object]]:
    """Rows of the crops' table: file, CUB's name, side of the split, class number, class."""
    return [
        [f"{folder[4:]}/{k:04d}.jpg", cub_name(folder, k), _side(folder), int(folder[:3]), folder[4:]]
        for folder in (ANI, RED, YELLOW)
        for k in CROPPED
    ]


def whole_rows() -> list[list[object]]:
    """Rows of the whole photographs' table."""
    left, top, right, bottom = CUT
    return [
        [cub_name(folder, k), folder, _side(folder), *BOX, left, top, right, bottom, *SIZE]
        for folder in (ANI, BREWER, RED)
        for k in WHOLE
    ]


WHOLE_HEADER = (
    "cub_image_name,class,zero_shot_split,box_x,box_y,box_w,box_h,crop_x1,crop_y1,crop_x2,crop_y2,out_w,out_h"
)
NAMES_HEADER = "file,cub_image_name,zero_shot_split,checked"


def caption_texts() -> dict[str, bytes]:
    """The captions of all pictures; the first has U+FFFD between its words, as some of the real ones have."""
    texts = {}
    for name in sorted({str(row[1]) for row in crop_rows()} | {str(row[0]) for row in whole_rows()}):
        item_id = name.removesuffix(".jpg")
        lines = ["a\ufffd\ufffdbird\ufffd\ufffdof " + item_id.rpartition("/")[2]]
        lines += [f"a bird with {k} feathers & a grey/white crown" for k in range(9)]
        texts[item_id] = ("\n".join(lines) + "\n").encode()
    return texts


def make_data_folder(folder: Path) -> Path:
    """Write the four files into a folder."""
    (folder / "text").mkdir(parents=True)
    crops, whole = crop_rows(), whole_rows()
    rows = [[file, number, name, side, "train", ""] for file, _, side, number, name in crops]
    header = "file,cub_class_id,class_name,zero_shot_split,repo_split,cub_image_name_if_known"
    members = {f"images/{row[0]}": jpeg((227, 227), shade) for shade, row in enumerate(crops)}
    write_zip(folder / CROPS_ZIP, {"manifest.csv": table(header, rows), **members})
    write_zip(
        folder / WHOLE_ZIP,
        {f"images/{row[0]}": jpeg(SIZE, shade) for shade, row in enumerate(whole)}
        | {"manifest.csv": table(WHOLE_HEADER, whole)},
    )
    (folder / NAMES_CSV).write_bytes(table(NAMES_HEADER, [[row[0], row[1], row[2], "rule"] for row in crops]))
    (folder / CAPTIONS_TAR).write_bytes(captions_tar(caption_texts()))
    return folder


def _side(folder: str) -> str:
    return "test" if folder in UNSEEN else "train"
