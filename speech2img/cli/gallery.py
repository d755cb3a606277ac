"""``speech2img gallery``: a page to listen to and look at, with a column for each model."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.cli.parsing import add_device, add_seed, add_verb
from speech2img.errors import AudioError, ConfigError
from speech2img.options import positive

if TYPE_CHECKING:
    from speech2img.gallery.column import GalleryColumn
    from speech2img.gallery.recordings_table import GalleryRecording

PAGE = "index.html"
MOST_RECORDINGS = 200
"""So many can be looked through; the page holds them all."""
MOST_IMAGES = 8
_LEAD = "Press play, then look. A model gets the recording alone."
_TITLE_OF_THE_TWELVE = "Twelve voices that no training heard"
_LEAD_OF_THE_TWELVE = (
    f"{_LEAD} The sentence is printed for you. The light of a scene is never put into words, only into the manner of "
    "speaking: plainly is day, slowly and low is dusk, fast and high is noon."
)


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "gallery",
        summary="a page to listen to and look at: recordings, and what models make of them",
        description=(
            "Writes DIR/index.html, one file with recordings to play and the images that models generate of them, a\n"
            "column for each model, and the images beside it. Without recordings it takes the twelve of the package,\n"
            "in voices that no training heard. What cannot be heard is named, the rest is made, and the status is 1."
        ),
        examples=(
            "speech2img gallery --out gallery",
            "speech2img gallery --model hear-anyone --model runs/prior --out gallery",
            "speech2img gallery --model runs/prior my-recordings --out gallery --seed 3 --images 4",
        ),
    )
    parser.add_argument("recordings", nargs="*", type=Path, metavar="PATH", help="recordings, or folders of them")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="M",
        help="name of shipped weights, run or release folder (default hear-anyone); given again: another column",
    )
    parser.add_argument("--images", type=positive, default=2, metavar="N", help="images of each recording (default 2)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the page and the images")
    add_seed(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Let every model hear and generate, write images and page, and say where the page is."""
    from speech2img import __version__
    from speech2img.cli.generate import unique_names
    from speech2img.cli.io.written_images import require_own, write_image
    from speech2img.gallery.page import Gallery, gallery_html
    from speech2img.gallery.recordings_table import own_recordings, packaged_recordings
    from speech2img.storage.atomic import write_text
    from speech2img.storage.places import made_folder, require_writable_place
    from speech2img.storage.releases.find_release import find_release

    # What can be refused before anything is loaded.
    if args.images > MOST_IMAGES:
        raise ConfigError.about("--images", f"{args.images} of each recording", f"at most {MOST_IMAGES} fit the page")
    require_writable_place(args.out)
    require_own_page(args.out / PAGE)
    recordings = own_recordings(_found(args.recordings)) if args.recordings else packaged_recordings()
    models = args.model or ["hear-anyone"]
    for model in models:
        find_release(model)

    # Columns, and which of their recordings could be heard.
    bad: set[str] = set()
    columns = [_column(model, recordings, args, bad) for model in models]
    if not any(column.images for column in columns):
        return AudioError.exit_code

    # Images beside the page, and the page when all of them are there.
    names = unique_names([recording.name for recording in recordings])
    labels = unique_names([Path(model).resolve().name if Path(model).exists() else model for model in models])
    images = {
        args.out / f"{names[place]}_{label}_{number}.png": image
        for label, column in zip(labels, columns, strict=True)
        for place, made in column.images.items()
        for number, image in enumerate(made)
    }
    require_own(images)
    made_folder(args.out)
    for path, image in images.items():
        write_image(path, image)
    lead, title = (_LEAD, "Said and shown") if args.recordings else (_LEAD_OF_THE_TWELVE, _TITLE_OF_THE_TWELVE)
    page = Gallery(title, lead, recordings, columns, args.seed, __version__)
    write_text(args.out / PAGE, gallery_html(page))
    print(args.out / PAGE)
    return AudioError.exit_code if bad else 0


def require_own_page(path: Path) -> None:
    """Check that nothing would be lost under the page's name; ConfigError if that file is another program's."""
    from speech2img.gallery.page import MARK
    from speech2img.storage.atomic import disk_errors
    from speech2img.storage.reading import open_regular

    if not (path.exists() or path.is_symlink()):
        return
    own = False
    if path.is_file() and not path.is_symlink():
        with disk_errors(path), open_regular(path) as file:
            own = MARK.encode() in file.read(512)
    if not own:
        fix = "choose another --out, or move that file away"
        raise ConfigError.about(path, "is there already and is no page of speech2img gallery", fix)


def _found(places: list[Path]) -> list[Path]:
    """Recordings among files and folders; ConfigError where they are too many to look at."""
    from speech2img.cli.calibrate import recordings

    found = recordings(places)
    if len(found) > MOST_RECORDINGS:
        fix = f"give at most {MOST_RECORDINGS}; 'speech2img generate' takes any number"
        raise ConfigError.about("gallery", f"{len(found)} recordings", fix)
    return found


def _column(
    model: str, recordings: "list[GalleryRecording]", args: argparse.Namespace, bad: set[str]
) -> "GalleryColumn":
    """What one model makes of the recordings; what it cannot hear is named once."""
    from speech2img.cli.io.given_recordings import remarks_as_notices
    from speech2img.gallery.column import make_column
    from speech2img.pipeline import SpeechToImage
    from speech2img.storage.notices import notice

    def name(error: AudioError) -> None:
        if str(error) not in bad:
            notice(error)
        bad.add(str(error))

    pipe = SpeechToImage.load(model, device=args.device)
    pipe.require_generator()
    with remarks_as_notices():
        paths = [recording.path for recording in recordings]
        return make_column(pipe, paths, seed=args.seed, num_images=args.images, on_error=name)
