"""A corpus of a few pictures with made-up embeddings, an encoder's release and a teacher: a generator needs no more."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from PIL import Image

from speech2img.corpora.records.manifest import Caption, Item, Manifest, utterance_id
from speech2img.corpora.songbirds.attributes import ATTRIBUTES
from speech2img.corpora.songbirds.rendering.render import random_attributes
from speech2img.features.image_features import build_teacher_features, load_features
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.writing import save_release
from speech2img.training.run import LoopSettings
from speech2img.training.stackgan.settings import StackGANLossSettings, StackGANModelSettings, StackGANSettings

STEPS = 4
FEATURES, EMBEDDING = 16, 6
LOOP = LoopSettings(
    max_steps=STEPS, evaluate_every=2, grid_every=0, log_every=1, precision="fp32", threads=1, checkpoint_minutes=0.0
)
SETTINGS = StackGANSettings(
    model=StackGANModelSettings(width=4, discriminator_width=4, condition_dim=8, noise_dim=8),
    batch_size=4,
    losses=StackGANLossSettings(class_aware=1.0),
    augmentation="shift",
    discriminator_augmentation=("translation", "cutout", "color"),
    evaluation_utterances=4,
    grid_utterances=2,
    grid_noises=2,
    workers=1,
    loop=LOOP,
)


def teacher_release(folder: Path, *, seed: int = 0) -> Path:
    """A teacher of random weights."""
    heads = {name: ATTRIBUTES[name] for name in ("crown_color", "size")}
    torch.manual_seed(seed)
    network = AttributeNetwork({name: len(values) for name, values in heads.items()}, width=8, feature_dim=FEATURES)
    config = {
        "kind": "attribute-network",
        "heads": {name: list(values) for name, values in heads.items()},
        "width": 8,
        "feature_dim": FEATURES,
        "image_size": 64,
        "accuracy": {},
    }
    save_release(folder, network.state_dict(), config, "# teacher")
    return folder


def encoder_release(folder: Path, *, features_sha256: str, feature_dim: int = FEATURES) -> Path:
    """What a generator reads of an encoder: statistics of its targets, and its image head."""
    rng = np.random.default_rng(1)
    tensors = {
        "target.mean": torch.zeros(FEATURES),
        "target.std": torch.ones(FEATURES),
        "image_head.linear.weight": torch.from_numpy(rng.standard_normal((EMBEDDING, feature_dim)).astype(np.float32)),
        "image_head.linear.bias": torch.zeros(EMBEDDING),
    }
    config = {
        "kind": "speech-encoder",
        "features": "teacher",
        "trained_with": {"feature network": features_sha256},
        "image_head": {"feature_dim": feature_dim, "embedding_dim": EMBEDDING},
    }
    save_release(folder, tensors, config, "# encoder", half=False)
    return folder


def build(root: Path, *, seed: int = 3, classes: int = 3) -> Path:
    """Fourteen pictures with two utterances each, teacher features, embeddings as large as the features."""
    rng = np.random.default_rng(seed)
    items = []
    for number in range(14):
        class_id = number % classes
        attributes = random_attributes(rng)
        (root / "images").mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        small.resize((64, 64), Image.Resampling.BICUBIC).save(root / "images" / f"{number}.png")
        captions = tuple(
            Caption(k, "a bird", "en", None, 175, 50, 50, {"crown_color": attributes["crown_color"]}, None)
            for k in range(2)
        )
        name = f"{class_id + 1:03d}.Bird"
        split = "val" if number >= 12 else "train"
        path = f"images/{number}.png"
        items.append(Item(f"{name}/{number}", path, class_id, name, split, None, attributes, captions))
    manifest = Manifest(root, "songbirds", items)
    manifest.save()
    build_teacher_features(root, teacher_release(root / "teacher", seed=seed), views=1, progress=False)
    folder = root / "derived" / "embeddings" / "encoder"
    encoder_release(folder / "encoder", features_sha256=load_features(root, "teacher").sha256)
    with h5py.File(folder / "embeddings.h5", "w") as file:
        file["embeddings"] = rng.standard_normal((28, FEATURES)).astype(np.float32)
        file["ids"] = [utterance_id(item, caption) for item in items for caption in item.captions]
        file.attrs.update(sha256="ab" * 32, mel_preset="none")
    return root


def losses(run: Path) -> list[dict[str, float]]:
    """Terms of every step of a run that logs every step."""
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    known = {"kind", "step", "images_seen", "seconds", "processor_seconds", "steps_per_second"}
    return [{k: v for k, v in line.items() if k not in known} for line in lines if line["kind"] == "train"]


def final_state(run: Path, *, steps: int = STEPS) -> dict[str, Any]:
    """State of the task after the last step."""
    store = CheckpointStore(run / "checkpoints")
    state, _ = store.load(store.folder / f"step-{steps:08d}")
    return state["task"]
