"""Checks every picture and recording of a corpus before its manifest is written, and says which cannot be used."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from speech2img.audio.io import AudioFacts
from speech2img.errors import DataError, DiskFullError, Speech2ImgError
from speech2img.storage.atomic import write_text
from speech2img.storage.stores import map_in_order

Facts = TypeVar("Facts")
UNUSABLE_NAME = "derived/prepare/unusable.txt"


def probe_files(
    root: Path, paths: Sequence[str], probe: Callable[[Path], Facts], *, what: str, workers: int = 2,
    progress: bool = True,
) -> tuple[dict[str, Facts], dict[str, str]]:  # fmt: skip
    """Probe files on threads.

    Parameters
    ----------
    root : Path
        The corpus folder.
    paths : sequence of str
        Files relative to it; each is probed once.
    probe : callable
        Gives a file's facts, or raises a `Speech2ImgError`: `probe_image`, `probe_audio`.
    what : str
        What the files are, for the progress bar ("recordings").
    workers : int
        Files at once.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    facts : dict of str to Facts
        Of the files that can be used.
    unusable : dict of str to str
        The other files, and why.
    """

    def look(path: str) -> tuple[str, Facts | None, str]:
        try:
            return path, probe(root / path), ""
        except DiskFullError:
            raise
        except Speech2ImgError as error:
            return path, None, str(error)

    facts: dict[str, Facts] = {}
    unusable: dict[str, str] = {}
    unique = list(dict.fromkeys(paths))
    shown = tqdm(total=len(unique), desc=f"checking {what}", unit="file", disable=not progress)
    with shown:
        for path, found, reason in map_in_order(look, unique, workers):
            if found is None:
                unusable[path] = reason
            else:
                facts[path] = found
            shown.update()
    return facts, unusable


def refuse_unusable(root: Path, unusable: Mapping[str, str], *, total: int, fix: str) -> None:
    """Refuse a corpus with files that cannot be used.

    Parameters
    ----------
    root : Path
        The corpus folder; ``derived/prepare/unusable.txt`` in it lists them all.
    unusable : Mapping of str to str
        The files, and why.
    total : int
        How many files were looked at.
    fix : str
        What the user can do beside repairing them.

    Raises
    ------
    DataError
        If there are any; the first three are named.
    """
    if not unusable:
        return
    write_text(root / UNUSABLE_NAME, "".join(f"{path}\t{reason}\n" for path, reason in unusable.items()))
    first = " | ".join([reason.replace(f"{root}/", "") for reason in unusable.values()][:3])
    more = f" (all of them: {UNUSABLE_NAME})" if len(unusable) > 3 else ""
    raise DataError.about(root, f"{len(unusable)} of {total} files cannot be used: {first}{more}", fix)


def recording_summary(facts: Mapping[str, AudioFacts], speakers: int) -> dict[str, Any]:
    """What the manifest's header says about recordings: number, hours, rates and speakers."""
    rates = sorted({fact.sample_rate for fact in facts.values()})
    hours = sum(fact.seconds for fact in facts.values()) / 3600
    return {"recordings": len(facts), "hours": round(hours, 3), "sample_rates": rates, "speakers": speakers}


def describe_recordings(summary: Mapping[str, Any]) -> str:
    """One line for the user from `recording_summary`."""
    rates = "/".join(f"{rate / 1000:g}" for rate in summary["sample_rates"])
    speakers = f"{summary['speakers']} speakers" if summary["speakers"] else "speakers unknown"
    return f"{summary['recordings']} recordings of people, {summary['hours']:.2f} h, {rates} kHz, {speakers}"
