"""The frozen network of images that a DAMSM stands on: which one a release holds, and its weights in their place."""

from collections.abc import Mapping

from torch import Tensor

from speech2img.errors import CheckpointError
from speech2img.models.generators.attngan.damsm import DAMSM, init_trunk_
from speech2img.models.vision.damsm_image_encoder import Trunk
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import demand_fit
from speech2img.storage.releases.release import load_release, release_sha256

_KINDS: Mapping[str, Trunk] = {"efficientnet-lite": "efficientnet-lite0", "inception": "inception"}


def open_trunk(name: str) -> tuple[Trunk, dict[str, Tensor], str]:
    """Which trunk a release is, its weights without a classifier that is not used, and the hash of the release.

    Parameters
    ----------
    name : str
        Release of ``import efficientnet-lite0`` or ``import torchvision-inception``.

    Raises
    ------
    CheckpointError
        If there is none, or it holds another network.
    """
    folder = find_release(name)
    tensors, config = load_release(folder)
    trunk = _KINDS.get(str(config.get("kind")))
    fix = "give a release of 'speech2img import efficientnet-lite0' or 'import torchvision-inception'"
    if trunk is None:
        raise CheckpointError.about(f"trunk {folder}", "it holds no network of images that can be used", fix)
    # Only what is looked at: no classifier, and no build with other poolings.
    if trunk == "inception":
        if config.get("inception", {}).get("build") != "torchvision":
            raise CheckpointError.about(f"trunk {folder}", "its Inception is not torchvision's", fix)
        tensors = {key: value for key, value in tensors.items() if not key.startswith("classifier.")}
    elif config.get("efficientnet", {}).get("variant") != "lite0":
        raise CheckpointError.about(f"trunk {folder}", "it is another EfficientNet than Lite0", fix)
    return trunk, dict(tensors), release_sha256(folder)


def load_trunk_(network: DAMSM, state: Mapping[str, Tensor], *, name: str) -> None:
    """Give a DAMSM's trunk its weights; CheckpointError where they are not its own."""
    demand_fit(network.image_encoder.trunk, state, name=f"trunk {name}")
    init_trunk_(network, dict(state))
