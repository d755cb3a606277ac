"""What ``import speech2img`` asks of the system, and says where it is not met."""

import subprocess
import sys
from pathlib import Path

import pytest

SAYS = "speech2img: runs on Linux (macOS: untested); Windows is not supported, WSL is"


def _python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("missing", ["fcntl", "resource"])
def test_systems_without_what_unix_has_are_named(tmp_path: Path, missing: str) -> None:
    """A module that is blocked stands in for Windows, which has none of that name."""
    blocked = f"import sys; sys.modules['{missing}'] = None\n"
    imported = _python("-c", f"{blocked}import speech2img", cwd=tmp_path)
    assert imported.returncode == 1
    assert imported.stderr.splitlines()[-1] == f"ImportError: {SAYS} ({missing} is missing here)"
    for name in ("speech2img", "speech2img.exe"):
        (tmp_path / name).write_text(f"{blocked}from speech2img.cli.main import entry_point\nentry_point()\n")
        command = _python(str(tmp_path / name), "check", cwd=tmp_path)
        assert (command.returncode, command.stderr) == (1, f"{SAYS} ({missing} is missing here)\n")


def test_the_import_is_quick_and_light(tmp_path: Path) -> None:
    code = "import sys, speech2img; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    done = _python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
