"""What ``prepare --download`` fetches: the files that may be had without asking, with their terms and check sums."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from speech2img.storage.atomic import disk_errors
from speech2img.storage.download import Remote, download
from speech2img.storage.foreign.archives import extract_archive

DOWNLOADS = "derived/downloads"


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """One file of a corpus."""

    remote: Remote
    """Where it is."""
    provides: str
    """What is in the corpus folder once it was fetched (and unpacked), relative to it."""
    terms: str
    """Licence or terms of use, shown before anything is fetched."""
    is_archive: bool = True
    """Whether it is unpacked into the corpus folder; else it is put to ``provides``."""


CUB = (
    Fetch(
        remote=Remote(
            url="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
            size=1_150_585_339,
            sha256="0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
            page="https://data.caltech.edu/records/65de6-vp158",
        ),
        provides="CUB_200_2011/images.txt",
        terms="CUB-200-2011: the photographs belong to their photographers; for non-commercial research and education; "
        "cite Wah, Branson, Welinder, Perona, Belongie 2011 (CNS-TR-2011-001)",
    ),
)
_FLOWERS = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
_FLOWER_TERMS = "Oxford-102: the authors ask for citation of Nilsback, Zisserman 2008 (ICVGIP) and state no licence"
OXFORD102 = (
    Fetch(
        remote=Remote(
            url=f"{_FLOWERS}102flowers.tgz",
            sha256="2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
            page=_FLOWERS,
        ),
        provides="jpg",
        terms=_FLOWER_TERMS,
    ),
    Fetch(
        remote=Remote(
            url=f"{_FLOWERS}imagelabels.mat",
            sha256="4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
            page=_FLOWERS,
        ),
        provides="imagelabels.mat",
        terms=_FLOWER_TERMS,
        is_archive=False,
    ),
    Fetch(
        remote=Remote(
            url=f"{_FLOWERS}setid.mat",
            sha256="46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
            page=_FLOWERS,
        ),
        provides="setid.mat",
        terms=_FLOWER_TERMS,
        is_archive=False,
    ),
)
FLICKR8K = (
    Fetch(
        remote=Remote(
            url="https://groups.csail.mit.edu/sls/downloads/flickraudio/downloads/flickr_audio.tar.gz",
            md5="9d078f1f150c26e864aa64d1d733779a",
            page="https://groups.csail.mit.edu/sls/downloads/flickraudio/",
        ),
        provides="flickr_audio",
        terms="Flickr Audio Caption Corpus: CC BY-SA; cite Harwath, Glass 2015 (ASRU) and Hodosh, Young, Hockenmaier "
        "2013 (4.2 GB; pictures and texts have to be asked for, see --help)",
    ),
)


def fetch_missing(
    root: str | Path, fetches: Sequence[Fetch], *, say: Callable[[str], None] = print, progress: bool = True
) -> None:
    """Fetch what a corpus folder does not have yet.

    Parameters
    ----------
    root : str or Path
        The corpus folder; made if absent. Unfinished files lie in ``derived/downloads``.
    fetches : sequence of Fetch
        What the corpus is made of.
    say : callable
        Shows the terms to the user.
    progress : bool
        Whether to show progress bars.

    Raises
    ------
    DataError, DiskFullError, RunInterrupted
        As `download` and `extract_archive`; the same call resumes.
    """
    # What is missing, and under which terms.
    root = Path(root)
    with disk_errors(root):
        missing = [fetch for fetch in fetches if not (root / fetch.provides).exists()]
    for terms in dict.fromkeys(fetch.terms for fetch in missing):
        say(terms)
    # Fetch, and unpack archives; what was unpacked needs its archive no more.
    for fetch in missing:
        folder = root / DOWNLOADS
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        path = download(fetch.remote, folder / fetch.remote.name, progress=progress)
        if fetch.is_archive:
            extract_archive(path, root, progress=progress)
        with disk_errors(root / fetch.provides):
            if fetch.is_archive:
                path.unlink()
            else:
                os.replace(path, root / fetch.provides)
