"""``EmbeddingsToImage``: a generator alone paints from embeddings of any origin, as it does inside a whole model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech2img.errors import CheckpointError, ConfigError
from speech2img.generation import EmbeddingsToImage
from speech2img.pipeline import SpeechToImage

ReleaseMaker = Callable[..., Path]
EMBEDDINGS = np.random.default_rng(0).standard_normal((3, 16)).astype(np.float32)


def test_a_generator_alone_paints_what_the_whole_model_paints(tmp_path: Path, make_release: ReleaseMaker) -> None:
    whole = SpeechToImage.load(make_release(tmp_path / "whole"), device="cpu")
    alone = EmbeddingsToImage.load(make_release(tmp_path / "gan", kind="image-generator"), device="cpu")
    of_whole = EmbeddingsToImage.load(tmp_path / "whole", device="cpu")
    assert (alone.image_size, alone.sampling) == (128, {"conditioning": "mean"})
    pictures = of_whole.generate(EMBEDDINGS, seed=5, num_images=2)
    assert pictures.shape == (3, 2, 128, 128, 3) and alone.generate(EMBEDDINGS).shape == (3, 1, 128, 128, 3)
    np.testing.assert_array_equal(pictures, whole.generate(EMBEDDINGS, seed=5, num_images=2))


def test_what_cannot_paint_or_be_painted(tmp_path: Path, make_release: ReleaseMaker) -> None:
    with pytest.raises(CheckpointError, match="'speech-encoder', not a generator"):
        EmbeddingsToImage.load(make_release(tmp_path / "encoder", kind="speech-encoder"), device="cpu")
    alone = EmbeddingsToImage.load(make_release(tmp_path / "gan", kind="image-generator"), device="cpu")
    for wrong in (EMBEDDINGS[:, :8], np.full((1, 16), np.nan), EMBEDDINGS[:0]):
        with pytest.raises(ConfigError, match=r"shape \(N, 16\)"):
            alone.generate(wrong)
