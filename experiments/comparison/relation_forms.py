"""Can S2IGAN's relation classifier tell its pairs apart? All kinds normalised together, or each by itself (published).

Real pictures only, as the trained image head of an encoder sees them; learned on training pictures, asked about others.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from speech2img.corpora.records.manifest import Manifest
from speech2img.features.image_features import load_features
from speech2img.features.image_head import load_image_head
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.losses.relation import RELATIONS, PairKind, relation_loss
from speech2img.models.generators.relation_classifier import RelationClassifier
from speech2img.models.generators.stackgan import init_stackgan_
from speech2img.storage.atomic import write_json
from speech2img.training.stackgan.pixel_discriminators import ADAM_BETAS

KINDS: tuple[PairKind, ...] = ("identical", "same_class", "other_class")
BATCH, QUESTIONS = 24, 40


def main() -> None:
    """Train classifiers of both forms and write the share of right answers of each kind of pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="the corpus")
    parser.add_argument("--embeddings", required=True, help="name of the embeddings of an encoder with an image head")
    parser.add_argument("--split", default="test_seen", help="whose pictures are asked about (default test_seen)")
    parser.add_argument("--steps", type=int, default=1500, help="of training, batches of 24 (default 1500)")
    parser.add_argument("--seeds", type=int, default=3, help="classifiers of each form (default 3)")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    head = load_image_head(load_embeddings(args.root, args.embeddings).folder / "encoder")
    seen = torch.from_numpy(head.embed(load_features(args.root, head.features).features[:, 0]))
    items = Manifest.load(args.root).items
    classes = np.array([item.class_id for item in items])
    parts = [
        np.array([row for row, item in enumerate(items) if item.split == split]) for split in ("train", args.split)
    ]
    result: dict[str, object] = {
        "protocol": f"{args.steps} steps of {BATCH}, {args.seeds} seeds; {QUESTIONS * BATCH} pairs a kind of split "
        f"{args.split}; share of right answers, mean (lowest to highest seed)",
        "image_head_sha256": head.weights_sha256,
    }
    for form in ("corrected", "published"):
        shares = [
            _shares(seen, classes, parts, form=form, steps=args.steps, seed=seed)
            for seed in tqdm(range(args.seeds), desc=form)
        ]
        result[form] = {
            kind: f"{fmean(each):.3f} ({min(each):.3f} to {max(each):.3f})"
            for kind, each in zip(KINDS, zip(*shares, strict=True), strict=True)
        }
    write_json(args.out, result)
    print(args.out.read_text(encoding="utf-8"))


def _shares(
    seen_ND: Tensor, classes: np.ndarray, parts: Sequence[np.ndarray], *, form: str, steps: int, seed: int
) -> list[float]:
    """Share of right answers of each kind after a training."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    corrected = form == "corrected"
    network = RelationClassifier(seen_ND.shape[1], joint_norm=corrected, relations=3 if corrected else 4)
    init_stackgan_(network)
    optimizer = torch.optim.Adam(network.parameters(), 2e-4, ADAM_BETAS)
    for _ in range(steps):
        loss = relation_loss(dict(zip(KINDS, network(*_pairs(seen_ND, classes, parts[0], rng)), strict=True)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right: list[list[float]] = []
    with torch.no_grad():
        for _ in range(QUESTIONS):
            answers = network(*_pairs(seen_ND, classes, parts[1], rng)).argmax(dim=2)
            right.append(
                [float((answer == RELATIONS[kind]).float().mean()) for kind, answer in zip(KINDS, answers, strict=True)]
            )
    return [fmean(each) for each in zip(*right, strict=True)]


def _pairs(seen_ND: Tensor, classes: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Embeddings (B, D) of pictures, and (3, B, D) of themselves, of others of their class, of others."""
    truth = rng.choice(rows, BATCH)
    same = [rng.choice(rows[(classes[rows] == classes[row]) & (rows != row)]) for row in truth]
    other = [rng.choice(rows[classes[rows] != classes[row]]) for row in truth]
    return seen_ND[truth], torch.stack([seen_ND[truth], seen_ND[same], seen_ND[other]])


if __name__ == "__main__":
    main()
