"""``evaluate --conditions`` and ``--recordings``: what is refused before anything is heard."""

import pytest

from speech2img.cli.main import main


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        status = main(["evaluate", *words])
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("value", "reason"), [("clean,nois20", "no condition 'nois20'; known: clean, noise20"), (",", "no condition;")]
)
def test_an_unknown_condition_is_named_with_those_there_are(
    value: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refused(["--model", "songbirds", "--root", "x", "--conditions", value], capsys)


def test_folders_of_pictures_have_no_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--conditions: only for --model" in refused(["--generated", "x", "--conditions", "room"], capsys)


def test_the_help_names_every_condition_without_loading_what_makes_them() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from speech2img.cli.main import main\n"
        "try: main(['evaluate', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'scipy.signal', 'soxr'} & set(sys.modules), 'heavy imports'"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("noise20", "8khz", "room", "silence"):
        assert name in shown
