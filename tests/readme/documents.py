"""Commands of the documents, taken out of them, and run in one process with settings small enough for a test."""

import contextlib
import io
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from speech2img.cli.main import main

REPO = Path(__file__).parents[2]
README, DATA, EXPERIMENTS, PACKAGE = (
    REPO / folder / "README.md" for folder in (".", "data", "experiments", "speech2img")
)
"""The documents whose commands are run; that of the package has Python."""
VERBS = (
    "check|prepare|synthesize|features|train|extract|generate|transcribe|gallery|serve|evaluate|import|compose"
    "|calibrate"
)
FEW = "--set loop.evaluate_every=4 --device cpu --precision fp32 --set batch_size=4".split()
STEPS = {"teacher": 12, "encoder": 12}
SMALL = {
    "teacher": ["width=8"],
    "judge": ["width=8", "renders=16", "held_out_renders=8"],
    "encoder": ["model.channels=[8, 8, 8, 8, 8, 8, 16, 16]"],
    "generator": ["model.width=8", "model.discriminator_width=8"],
    "codec": ["model.latent_channels=4", "model.width=8", "model.blocks=1"],
    "latent-flow": ["model.width=16", "model.depth=1", "sampler.steps=4", "grid_noises=1"],
    "prior": ["components=8", "width=16"],
}
"""Settings by the role of a training; without the network's own where it starts from weights that have one."""


def section(path: Path, title: str) -> str:
    """Text of one section, to the next heading."""
    text = path.read_text(encoding="utf-8")
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", re.sub(r"^# (?=\d\.)", "#", text, flags=re.M), re.M | re.S
    )
    assert found, f"{path.name} has no section {title!r}"
    return found[1]


def blocks(path: Path, language: str) -> list[str]:
    """Fenced blocks of a language in a document."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


def links(path: Path) -> list[tuple[Path, str]]:
    """Files of the checkout that a document links, each with the heading behind ``#`` or an empty text."""
    found = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", path.read_text(encoding="utf-8"))
    inside = [(file, anchor) for file, anchor in found if not file.startswith("http")]
    return [((path.parent / file if file else path).resolve(), anchor) for file, anchor in inside]


def anchors(path: Path) -> set[str]:
    """Anchors of the headings of a document, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(text: str) -> list[str]:
    """Every ``speech2img`` call of a document, in its order: in blocks, and whole ones between back-ticks."""
    text = text.replace("\\\n", " ")
    block = rf"^(?: {{4}})?((?:torchrun [^\n]*-m )?speech2img (?:{VERBS})\b[^\n]*)$"
    inline = rf"`(speech2img (?:{VERBS})\b[^`]*)`"
    found = [(match.start(), match[1] or match[2]) for match in re.finditer(f"{block}|{inline}", text, re.M)]
    return [line for _, line in found if not re.search("VERB|--help|--list", line)]


def words_of(line: str) -> list[str]:
    """Arguments behind ``speech2img``, without a comment."""
    words = shlex.split(line, comments=True)
    return words[words.index("speech2img") + 1 :]


def small(words: Sequence[str]) -> list[str]:
    """The same call with a tiny corpus, two steps and small networks."""
    words = ["tiny" if before == "--size" else word for before, word in zip(["", *words], words, strict=False)]
    verb = words[0]
    if verb == "train":
        role = words[1]
        kind = "latent-flow" if "ours-latent-flow" in words else role
        network = SMALL[kind] if "initial=songbirds" not in words else []
        network = [f"loop.max_steps={STEPS.get(role, 4)}", *network]
        return [*words, *FEW, *(part for setting in network for part in ("--set", setting))]
    if verb == "gallery":
        return [*words, "--images", "1", "--device", "cpu"]
    if verb == "evaluate":
        return [*words, *(["--limit", "2"] if "--model" in words else ["--allow-small"]), "--device", "cpu"]
    if verb == "features" and "googlenet" in " ".join(words):
        return [*words, "--views", "2", "--device", "cpu"]
    return [*words, "--device", "cpu"] if verb in ("generate", "extract", "features") else words


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """The folder as the current one; what is printed is kept from the test's output."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.chdir(before)


def run(line: str, folder: Path) -> int:
    """Run one call in a folder; the result is its exit status."""
    with inside(folder):
        return main(small(words_of(line)))
