"""Oxford-102 as its authors packed it, made up and small, through ``train classifier``: the 20 unseen classes."""

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.readers.oxford102 import UNSEEN_CLASSES, prepare_oxford102
from speech2img.corpora.readers.zero_shot import ZeroShotOptions
from speech2img.features.image_classifier import load_image_classifier
from speech2img.models.vision.image_classifier import make_backbone
from speech2img.storage.releases.writing import save_release

RECIPE = Path(__file__).parents[3] / "experiments" / "classifier" / "oxford102.toml"
EACH = 3


def test_twenty_classes(make_oxford: Callable[..., Path], tmp_path: Path) -> None:
    labels = [label for label in sorted(UNSEEN_CLASSES) for _ in range(EACH)] + [90] * 3 + [91] * 3
    root = make_oxford(tmp_path / "oxford", labels)
    for number, label in enumerate(labels, start=1):
        colour = (12 * label % 256, 37 * label % 256, 255 - 11 * label % 256)
        picture = root / "jpg" / f"image_{number:05d}.jpg"
        Image.new("RGB", (24, 20 + number % 3), colour).save(picture, quality=90 + number % 9)
    counts = {"train": (6, 2), "test": (20 * EACH, 20)}
    prepare_oxford102(root, ZeroShotOptions(progress=False), counts=counts)
    torch.manual_seed(0)
    config = {"kind": "googlenet", "variant": "bvlc"}
    save_release(tmp_path / "net", make_backbone("bvlc").state_dict(), config, "# card", half=False)
    argv = ["train", "classifier", "--config", RECIPE, "--root", root, "--out", tmp_path / "run", "--device", "cpu"]
    changes = {
        "network": tmp_path / "net",
        "views": 1,
        "loop.max_steps": 40,
        "loop.evaluate_every": 20,
        "batch_size": 20,
        "learning_rate": 0.01,
        "loop.threads": 1,
        "workers": 1,
    }
    assert main([*map(str, argv), *(f"--set={name}={value}" for name, value in changes.items())]) == 0
    reader = load_image_classifier(tmp_path / "run")
    assert reader.config["classes"] == [f"class_{label:05d}" for label in sorted(UNSEEN_CLASSES)]
    assert reader.config["corpus"] == "oxford102, unseen classes"
    assert reader.config["pictures"] == {"training": 20, "validation": 20, "held-out": 20}
    assert reader.config["accuracy"]["held-out"] > 0.5  # chance is 0.05
