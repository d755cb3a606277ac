"""The generator's training: every loss at every step is what it was before it was taken apart.

The numbers were measured at commit 776291a, when all of it stood in one file.
"""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from speech2img.training.stackgan.settings import StackGANSettings
from speech2img.training.train import train

MEASURED: dict[str, list[dict[str, float]]] = {
    "plain": [
        {"discriminator": 4.57852, "kl": 0.195447, "generator": 1.30069, "class_aware": 0.179331},
        {"discriminator": 4.20937, "kl": 0.243417, "generator": 1.55766, "class_aware": 0.100825},
        {"discriminator": 4.07424, "kl": 0.192601, "generator": 1.45141, "class_aware": 0.0371974},
        {"discriminator": 3.43963, "kl": 0.110364, "generator": 1.51667, "class_aware": 0.100891},
    ],
    "speech": [
        {"discriminator": 1.39511, "kl": 0.261987, "generator": 0.804106, "class_aware": 0.121103, "feature": 2.17568},
        {"discriminator": 1.70058, "kl": 0.232688, "generator": 0.698316, "class_aware": 0.0993349, "feature": 1.51167},
        {"discriminator": 1.43337, "kl": 0.144815, "generator": 1.02505, "class_aware": 0.102744, "feature": 1.59413},
        {"discriminator": 1.56948, "kl": 0.138751, "generator": 0.815717, "class_aware": 0.166876, "feature": 1.7162},
    ],
    "image": [
        {"kl": 0.195447, "feature": 0.0062286, "reconstruction": 1.46485},
        {"kl": 0.243255, "feature": 0.00447872, "reconstruction": 1.19682},
        {
            "discriminator": 4.56813,
            "kl": 0.192641,
            "generator": 1.48501,
            "class_aware": 0.150455,
            "feature": 0.00573593,
            "reconstruction": 1.01351,
        },
        {
            "discriminator": 4.59753,
            "kl": 0.110259,
            "generator": 1.69917,
            "class_aware": 0.12064,
            "feature": 0.00530937,
            "reconstruction": 0.763195,
        },
    ],
    "two stages": [
        {"discriminator": 9.99942, "kl": 0.264224, "generator": 3.46336, "class_aware": 0.238057, "color": 0.11565},
        {"discriminator": 9.02483, "kl": 0.273167, "generator": 3.04406, "class_aware": 0.210315, "color": 0.114246},
        {"discriminator": 8.8319, "kl": 0.24129, "generator": 3.75279, "class_aware": 0.256765, "color": 0.0897946},
        {"discriminator": 8.82757, "kl": 0.14795, "generator": 3.42036, "class_aware": 0.19696, "color": 0.0759861},
    ],
}


@pytest.fixture(scope="module")
def root(painted: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painted.build(tmp_path_factory.mktemp("corpus"))


def variant(painted: ModuleType, name: str) -> StackGANSettings:
    """Settings that between them use every loss and option."""
    plain: StackGANSettings = painted.SETTINGS
    losses, model = plain.losses, plain.model
    return {
        "plain": plain,
        "speech": replace(
            plain, losses=replace(losses, feature=2.0, unconditional=0.0), wrong_same_class=0.5, embedding_noise=0.5
        ),
        "image": replace(
            plain,
            augmentation="crop_flip",
            schedule="cosine",
            discriminator_augmentation=(),
            losses=replace(
                losses,
                feature=2.0,
                feature_target="image",
                feature_noise=0.1,
                feature_shift=1,
                reconstruction=3.0,
                reconstruction_floor=1.0,
                adversarial_from=0.5,
            ),
        ),
        "two stages": replace(
            plain,
            model=replace(model, num_stages=2, residual_blocks=1, standardise_condition=False),
            losses=replace(losses, color=1.0),
            features=None,
        ),
    }[name]


@pytest.mark.parametrize("name", ["plain", "speech", "image", "two stages"])
def test_losses_are_as_they_were_measured(name: str, painted: ModuleType, root: Path, tmp_path: Path) -> None:
    train("generator", root, tmp_path, variant(painted, name), device="cpu", progress=False)
    found = painted.losses(tmp_path)
    assert [step.keys() for step in found] == [step.keys() for step in MEASURED[name]]
    for step, wanted in zip(found, MEASURED[name], strict=True):
        assert step == pytest.approx(wanted, rel=2e-3, abs=1e-5)
