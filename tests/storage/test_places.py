"""Places to write: what is wrong with one is one line of status 2, before anything is made."""

import os
from pathlib import Path

import pytest

from speech2img.errors import ConfigError
from speech2img.storage import places
from speech2img.storage.places import made_folder, require_writable_place


def test_a_folder_that_can_be_made_is_only_made_when_asked(tmp_path: Path) -> None:
    wanted = tmp_path / "a" / "b"
    assert require_writable_place(wanted) == wanted and not wanted.exists()
    assert made_folder(wanted) == wanted and wanted.is_dir()
    assert require_writable_place(os.path.relpath(wanted)) == wanted == made_folder(wanted)
    (tmp_path / "link").symlink_to("a")
    assert require_writable_place(tmp_path / "link" / "c") == tmp_path / "a" / "c"


def test_what_cannot_be_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "round").symlink_to("round")
    os.mkfifo(tmp_path / "pipe")
    wrong: list[str | Path] = ["\0", "a\ud800b", "/dev/null/x", tmp_path / ("n" * 300)]
    wrong += [tmp_path / name for name in ("file", "file/a/b", "round", "round/a", "pipe", "pipe/a")]
    for place in wrong:
        for check in (require_writable_place, made_folder):
            with pytest.raises(ConfigError, match="choose a folder that can be made and written") as caught:
                check(place)
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    with pytest.raises(ConfigError, match="/proc/nothing: No such file"):
        made_folder("/proc/nothing")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("flags", "message"), [(os.ST_RDONLY, "Read-only file system"), (0, "Permission denied")])
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: int, message: str
) -> None:
    class Disk:
        f_flag = flags

    monkeypatch.setattr(places.os, "access", lambda *_: False)
    monkeypatch.setattr(places.os, "statvfs", lambda _: Disk)
    with pytest.raises(ConfigError, match=message):
        require_writable_place(tmp_path / "new" / "run")
    assert os.listdir(tmp_path) == []
