"""Write a trained model as the shipped weights are: without what other shipped weights hold.

    python experiments/release.py --model runs/songbirds/prior --encoder hear-anyone --card card.md --out DIR

Speech encoder, its confidence and its front-end, and the image codec are not stored again: they are found by hash. A
model with an encoder of its own (without --encoder) holds that, but neither its front-end nor the codec. How images
are drawn (steps, guidance, temperature) is set here too. With --flow the model paints with another latent flow for the
same features, as a run that went on from its own gives it; its prior stays.
"""

import argparse
import math
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speech2img.errors import ConfigError, DataError, Speech2ImgError
from speech2img.images.codecs import load_codec
from speech2img.models.generators.image_sampler import SamplingOptions
from speech2img.storage.reading import read_bytes
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.provenance import inherited, trained_with
from speech2img.storage.releases.release import load_release, release_sha256, strip_prefix
from speech2img.storage.releases.shared_weights import SHARED
from speech2img.storage.releases.writing import save_release
from speech2img.training.latent_flow.settings import FlowSamplerSettings

OF_THE_ENCODER = ("encoder.", "confidence.")
"""Beginnings of the names of the tensors that the encoder's release holds."""
READ_WITH = ("sentence.mean", "sentence.deviation", "reader_weight")
"""What says of a flow which features it is for."""
DRAWN = ("temperature", "mean_scale", "guidance_scale", "num_candidates", "num_feature_draws", "prior_steps")
"""What can be set of the way from speech to a picture's features."""


def repainted(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any], flow: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The model with another latent flow, and what that was trained with; ConfigError if it is not for its features."""
    folder = find_release(flow)
    others, other = load_release(folder)
    of_flow = "generator.flow."
    mine, theirs = (strip_prefix(part, of_flow) for part in (tensors, others))
    if not mine or not theirs:
        raise ConfigError.about(flow, "it, or the model, has no latent flow", "name models that paint with one")
    if {name: value.shape for name, value in mine.items()} != {name: value.shape for name, value in theirs.items()}:
        raise ConfigError.about(flow, "its latent flow is of other sizes", "train it on from the model's own: initial")
    if any(not torch.equal(mine[name], theirs[name]) for name in READ_WITH if name in mine):
        raise ConfigError.about(flow, "it reads other features", "train it on from the model's own: initial")
    kept = {role: sha256 for role, sha256 in (trained_with(config) or {}).items() if not role.startswith("generator")}
    roles = {**kept, "generator": release_sha256(folder), **inherited(other, "generator")}
    painted = {**tensors, **{f"{of_flow}{name}": value for name, value in theirs.items()}}
    return painted, {**config, "trained_with": roles, "images_seen": other["images_seen"]}


def encoder_of(name: str, config: Mapping[str, Any], *, model: str) -> dict[str, Any]:
    """Where the encoder's tensors are; ConfigError if the model has another encoder."""
    folder = find_release(name)
    _, heard = load_release(folder)
    if config.get("encoder") != heard.get("encoder"):
        raise ConfigError.about(model, f"its encoder is not that of {name}", "compose them")
    part = {"sha256": release_sha256(folder), "name": name}
    return {**{prefix: {**part, "prefix": prefix} for prefix in OF_THE_ENCODER}, **heard.get(SHARED, {})}


def demand_drawing(wishes: Mapping[str, Any], drawing: Mapping[str, Any], generator: Mapping[str, Any]) -> None:
    """ConfigError unless images can be drawn so: options of the prior, and of a latent flow."""
    try:
        if not all(math.isfinite(value) for value in wishes.values()):
            raise ValueError("not finite")
        SamplingOptions(**wishes)
    except ValueError as error:
        options = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in wishes.items())
        raise ConfigError.about(
            options, str(error).partition(":")[0], "choose numbers that can be drawn with"
        ) from error
    if drawing and generator.get("network") != "latent-flow":
        raise ConfigError.about("--steps, --solver, --guidance", "the model has no latent flow", "leave them out")
    if drawing:
        names = [field.name for field in fields(FlowSamplerSettings)]
        FlowSamplerSettings(**{name: value for name, value in {**generator, **drawing}.items() if name in names})


def read_card(path: Path) -> str:
    """What the weights are; DataError if it is no text."""
    try:
        return read_bytes(path, max_bytes=1 << 20).decode()
    except UnicodeDecodeError as error:
        raise DataError.about(path, "is not text in UTF-8", "write the card in UTF-8") from error


def write(arguments: argparse.Namespace) -> Path:
    """Write the release and return its folder; errors as of reading and writing releases."""
    # What is stored elsewhere.
    tensors, config = load_release(find_release(arguments.model))
    if "generator" not in config:
        raise ConfigError.about(arguments.model, "has no generator", "give the run or release of a whole model")
    card = read_card(arguments.card)
    if arguments.flow is not None:
        tensors, config = repainted(tensors, config, arguments.flow)
    shared = config.get(SHARED, {})
    if arguments.encoder is not None:
        shared = encoder_of(arguments.encoder, config, model=arguments.model)
    shared = {**shared, **load_codec(arguments.codec).shared("generator.codec.")}

    # How images are drawn.
    wishes = {name: value for name in DRAWN if (value := getattr(arguments, name)) is not None}
    config = {**config, **wishes, SHARED: shared}
    drawing = {name: value for name in ("steps", "solver") if (value := getattr(arguments, name)) is not None}
    guidance = {"guidance_scale": arguments.guidance, "guidance_until": arguments.guidance_until}
    drawing |= {name: value for name, value in guidance.items() if value is not None}
    demand_drawing(wishes, drawing, config["generator"])
    config["generator"] = {**config["generator"], **drawing}
    save_release(arguments.out, tensors, config, card)
    return Path(arguments.out)


def main(argv: list[str] | None = None) -> int:
    """Read the command line, write, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="run or release folder of the whole model")
    parser.add_argument("--flow", metavar="RUN", help="latent flow that it paints with in the place of its own")
    parser.add_argument("--encoder", help="shipped weights whose encoder it has (default: its own, which it holds)")
    parser.add_argument("--codec", default="taef2", help="shipped weights of its codec")
    parser.add_argument("--card", type=Path, required=True, help="what the weights are, in Markdown")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("--steps", type=int, help="of the flow's solver")
    parser.add_argument("--solver", choices=("euler", "heun"), help="of the flow")
    parser.add_argument("--guidance", type=float, help="how closely images hold to the features")
    parser.add_argument("--guidance-until", type=float, metavar="TIME", help="from which on it is drawn as learned")
    for name in DRAWN:
        kind = int if name.startswith("num_") or name == "prior_steps" else float
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help="of the prior")
    arguments = parser.parse_args(argv)
    try:
        folder = write(arguments)
    except (Speech2ImgError, OSError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB, sha256 {release_sha256(folder)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
