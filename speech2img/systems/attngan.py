"""AttnGAN (Xu et al. 2018), for speech: stages look at its frames where the paper's look at the words of a caption.

Beside the corpus it needs a speech encoder with frames, and for the DAMSM a frozen network of images::

    speech2img extract --run RUN --root ROOT --name encoder --frames
    speech2img train damsm --preset attngan --root ROOT --out runs/damsm
    speech2img train generator --preset attngan --set damsm=runs/damsm --root ROOT --out runs/attngan

``attngan-512`` has a fourth stage, which looks from 256 x 256 places, and a narrow discriminator with spectral
normalisation for its 512 px, so that it learns from batches of four. Nobody published weights of it.
"""

from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems import ours
from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.attngan.settings import AttnGANSettings
    from speech2img.training.damsm.settings import DAMSMSettings


@cache
def damsm() -> "DAMSMSettings":
    """As for birds, on EfficientNet-Lite0."""
    from speech2img.training.damsm.settings import DAMSMSettings

    return DAMSMSettings()


@cache
def generator() -> "AttnGANSettings":
    """Three stages, 64 to 256 px, as for birds."""
    from speech2img.training.attngan.settings import AttnGANSettings

    return AttnGANSettings(batch_size=20)


@cache
def generator_512() -> "AttnGANSettings":
    """Four stages, 64 to 512 px."""
    from speech2img.training.attngan.settings import AttnGANModelSettings, AttnGANSettings

    model = AttnGANModelSettings(num_stages=4, discriminator_norm="spectral", discriminator_width=32, recompute=True)
    return AttnGANSettings(batch_size=4, model=model)


ATTNGAN = System(
    title="AttnGAN: stages that look at the frames of speech, under a DAMSM, 64 to 256 px",
    source="Xu et al. 2018, arXiv:1711.10485",
    stages={"encoder": ours.encoder, "damsm": damsm, "generator": generator},
    protocol="stackgan",
)

ATTNGAN_512 = System(
    title="AttnGAN with a fourth stage that looks from 256 x 256 places, 64 to 512 px",
    source="after Xu et al. 2018, arXiv:1711.10485",
    stages={"encoder": ours.encoder, "damsm": damsm, "generator": generator_512},
    protocol="stackgan",
)
