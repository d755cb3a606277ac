"""The image head of a release: what it gives, and what is said where there is none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.errors import CheckpointError
from speech2img.features.image_head import load_image_head
from speech2img.models.encoders.image_head import ImageHead
from speech2img.storage.releases.writing import save_release

CONFIG = {
    "kind": "speech-encoder",
    "features": "teacher",
    "image_head": {"feature_dim": 3, "embedding_dim": 2},
    "trained_with": {"feature network": "ab" * 32},
}


def release(folder: Path, **changes: object) -> Path:
    weight = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    tensors = {"image_head.linear.weight": weight, "image_head.linear.bias": torch.tensor([1.0, 0.0])}
    save_release(folder, tensors | {"encoder.x": torch.zeros(1)}, {**CONFIG, **changes}, "# card")
    return folder


def test_the_head_of_a_run_gives_unit_rows(tmp_path: Path) -> None:
    release(tmp_path / "run" / "export")
    found = load_image_head(tmp_path / "run")
    assert (found.features, found.features_sha256) == ("teacher", "ab" * 32) and len(found.weights_sha256) == 64
    np.testing.assert_allclose(found.embed(np.array([[2.0, 2.0, 9.0], [-1.0, 1.0, 0.0]])), [[0.6, 0.8], [0, 1]])
    assert not found.head.training and not any(p.requires_grad for p in found.head.parameters())


def test_pictures_get_gradients_through_the_frozen_head(tmp_path: Path) -> None:
    features = torch.rand(4, 3, requires_grad=True)
    load_image_head(release(tmp_path / "release")).head(features)[:, 0].sum().backward()
    assert features.grad is not None and features.grad[:, :2].abs().min() > 0


def test_speech_that_learned_standardised_features_needs_no_head(tmp_path: Path) -> None:
    tensors = {
        "encoder.x": torch.zeros(1),
        "target.mean": torch.tensor([1.0, 2.0]),
        "target.std": torch.tensor([2.0, 0.5]),
    }
    plain = {key: value for key, value in CONFIG.items() if key != "image_head"}
    save_release(tmp_path / "ours", tensors, plain, "# card", half=False)
    found = load_image_head(tmp_path / "ours")
    assert found.head.embedding_dim == 2 and not any(p.requires_grad for p in found.head.parameters())
    standardised = np.array([[1.5, 2.0], [-1.0, 0.0]])
    wanted = standardised / np.linalg.norm(standardised, axis=1, keepdims=True)
    np.testing.assert_allclose(found.embed(standardised * [2.0, 0.5] + [1.0, 2.0]), wanted, atol=1e-6)


def test_a_release_without_a_head_is_named(tmp_path: Path) -> None:
    save_release(tmp_path / "li", {"encoder.x": torch.zeros(1)}, {"kind": "speech-encoder"}, "# card")
    with pytest.raises(CheckpointError, match="li: holds a 'speech-encoder' without an image head"):
        load_image_head(tmp_path / "li")
    with pytest.raises(CheckpointError, match="settings do not fit"):
        load_image_head(release(tmp_path / "odd", image_head={"width": 3}))
    with pytest.raises(CheckpointError, match="image head"):
        load_image_head(release(tmp_path / "other", image_head={"feature_dim": 4, "embedding_dim": 2}))


def test_published_size() -> None:
    assert sum(parameter.numel() for parameter in ImageHead().parameters()) == 2_098_176
