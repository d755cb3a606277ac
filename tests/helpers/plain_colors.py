"""A world of plain colours: images of a colour under a light, and a judge that reads both off the mean pixel."""

from collections.abc import Sequence

import numpy as np
import torch

from speech2img.features.base import FeatureExtractor, read_images

COLORS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 50, 220), "white": (235, 235, 235)}
LIGHTS = {"day": 1.0, "night": 0.35}
SIZE = 32


def paint(color: str, light: str, rng: np.random.Generator, size: int = SIZE) -> np.ndarray:
    base = np.array(COLORS[color]) * LIGHTS[light]
    return np.clip(base + rng.normal(0, 6, (size, size, 3)), 0, 255).astype(np.uint8)


class ColorJudge(FeatureExtractor):
    """Reads colour and light off the mean pixel."""

    kind, name, classes, weights_sha256 = "colour", "colour judge", "4 colours", "ab" * 32
    heads = {"body_color": tuple(COLORS), "light": tuple(LIGHTS)}
    accuracy = {"body_color": 1.0, "light": 1.0}
    outputs = {"means": 3, "body_color": 4, "light": 2}
    pooled, logits, batch_size = "means", "body_color", 10_000

    def prepare(self, images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(images)

    def read(self, images: torch.Tensor, outputs: Sequence[str]) -> dict[str, np.ndarray]:
        means = images.numpy().reshape(len(images), -1, 3).mean(axis=1)
        pairs = [(color, light) for color in COLORS for light in LIGHTS]
        table = np.array([np.array(COLORS[color]) * LIGHTS[light] for color, light in pairs])
        best = [pairs[index] for index in np.linalg.norm(means[:, None] - table, axis=2).argmin(axis=1)]
        colors = np.array([[5.0 * (color == name) for name in COLORS] for color, _ in best], np.float32)
        lights = np.array([[5.0 * (light == name) for name in LIGHTS] for _, light in best], np.float32)
        return {"means": np.float32(means), "body_color": colors, "light": lights}

    def predict(self, images: np.ndarray) -> dict[str, list[str]]:
        return read_images(self, images).values
