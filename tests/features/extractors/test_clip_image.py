"""CLIP's image side as a teacher: standardised images, vectors with gradient, and what is none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.clip_images import EMBEDDING, SIDE, image_side_state

from speech2img.errors import CheckpointError
from speech2img.features.base import read_images
from speech2img.features.extractors.clip_image import CLIPImageExtractor, load_clip_image
from speech2img.features.registry import load_extractor, load_teacher
from speech2img.models.published.clip import clip_image_settings, convert_clip_image
from speech2img.storage.releases.writing import save_release


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = convert_clip_image(image_side_state())
    folder = tmp_path_factory.mktemp("clip")
    config = {"kind": "clip-image", "clip_image": clip_image_settings(state), "source_sha256": "ab" * 32}
    save_release(folder, state, config, "# card", half=False)
    return folder


def test_it_reads_and_teaches(release: Path) -> None:
    extractor = load_teacher(release, device=torch.device("cpu"))
    assert isinstance(extractor, CLIPImageExtractor) and extractor.sha256 == "ab" * 32
    photographs = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    vectors = read_images(extractor, photographs).features
    # By hand: colours in 0..1, less their means, by their deviations.
    mean, deviation = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    standardised = torch.from_numpy(((photographs / 255 - mean) / deviation).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        wanted = extractor.network(standardised).numpy()
    np.testing.assert_allclose(vectors, wanted, atol=1e-4)
    assert vectors.shape == (2, EMBEDDING) and dict(extractor.outputs) == {"pooled": EMBEDDING}
    # Images of another size, with gradient.
    images = torch.zeros(1, 3, 40, 40, requires_grad=True)
    extractor.features(images).sum().backward()
    assert images.grad is not None and images.grad.any()
    assert extractor.views(photographs, 2).shape == (2, 2, EMBEDDING)


def test_other_releases_are_refused(release: Path, tmp_path: Path) -> None:
    assert load_extractor(release, option="--network").kind == "clip-image"
    save_release(tmp_path / "other", {"x": torch.zeros(1)}, {"kind": "googlenet"}, "# card")
    with pytest.raises(CheckpointError, match="kind 'googlenet', no image side of CLIP"):
        load_clip_image(tmp_path / "other")
