"""``prepare --download``: what is missing is fetched and unpacked into the corpus folder, terms first."""

import hashlib
import http.server
import io
import tarfile
import threading
from functools import partial
from pathlib import Path

import pytest

from speech2img.corpora.readers.downloads import CUB, FLICKR8K, OXFORD102, Fetch, fetch_missing
from speech2img.corpora.registry import CORPORA
from speech2img.errors import DataError
from speech2img.storage.download import Remote


@pytest.fixture
def served(tmp_path: Path):
    """A folder that a server on this machine serves, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetches(folder: Path, url: str) -> tuple[Fetch, ...]:
    with tarfile.open(folder / "birds.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("birds/images.txt")
        member.size = 6
        archive.addfile(member, io.BytesIO(b"1 a.jp"))
    (folder / "list.mat").write_bytes(b"matlab")
    return tuple(
        Fetch(
            remote=Remote(url=f"{url}/{name}", sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest()),
            provides=provides,
            terms="for research",
            is_archive=name.endswith("tgz"),
        )
        for name, provides in (("birds.tgz", "birds/images.txt"), ("list.mat", "list.mat"))
    )


def test_what_is_missing_is_fetched(served, tmp_path):
    said: list[str] = []
    wanted = fetches(*served)
    root = tmp_path / "corpus"
    fetch_missing(root, wanted, say=said.append, progress=False)
    assert (root / "birds/images.txt").read_bytes() == b"1 a.jp" and (root / "list.mat").read_bytes() == b"matlab"
    assert said == ["for research"]
    assert not list((root / "derived/downloads").glob("*.tgz"))
    (served[0] / "birds.tgz").unlink()
    fetch_missing(root, wanted, say=said.append, progress=False)
    assert said == ["for research"]


def test_what_is_not_the_published_file_leaves_nothing(served, tmp_path):
    wanted = fetches(*served)
    (served[0] / "birds.tgz").write_bytes(b"an error page")
    with pytest.raises(DataError, match="is not the published file"):
        fetch_missing(tmp_path / "corpus", wanted, say=lambda line: None, progress=False)
    assert not (tmp_path / "corpus/birds").exists() and not list((tmp_path / "corpus").rglob("*.tgz*"))


def test_published_files_have_sums_pages_and_terms():
    for fetch in (*CUB, *OXFORD102, *FLICKR8K):
        digest = fetch.remote.sha256 or fetch.remote.md5
        assert digest and set(digest) <= set("0123456789abcdef") and len(digest) in (32, 64)
        assert fetch.remote.page.startswith("https://") and "cit" in fetch.terms
    assert {name for name, corpus in CORPORA.items() if corpus.downloads} == {"cub", "oxford102", "flickr8k"}
