"""Inception as a teacher: which part of the picture each view shows, and gradients for those who paint by it."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speech2img.features.inception import InceptionExtractor
from speech2img.features.registry import load_teacher
from speech2img.models.vision.inception import InceptionV3
from speech2img.storage.releases.writing import save_release


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> InceptionExtractor:
    folder = tmp_path_factory.mktemp("inception")
    torch.manual_seed(0)
    settings = {"build": "torchvision", "depth": "6e", "num_classes": None}
    save_release(folder, InceptionV3(**settings).state_dict(), {"kind": "inception", "inception": settings}, "# card")
    found = load_teacher(folder, device=torch.device("cpu"))
    assert isinstance(found, InceptionExtractor)
    return found


def test_views_are_crops_resized_to_299(teacher: InceptionExtractor) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 304, 304, 3), dtype=np.uint8)
    found = teacher.views(image, 2)
    assert found.shape == (1, 2, 768) and teacher.image_size == 304
    centre = torch.from_numpy(image[:, 24:280, 24:280]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        for view, crop in enumerate((centre, centre.flip(3))):
            resized = F.interpolate(crop, size=(299, 299), mode="bilinear", align_corners=False)
            torch.testing.assert_close(found[:, view], teacher.network(resized, ("pool768",))["pool768"])


def test_pictures_get_gradients(teacher: InceptionExtractor) -> None:
    image = torch.rand(1, 3, 96, 96, requires_grad=True)
    teacher.features(image).sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
