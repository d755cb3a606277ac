"""Every trainer at toy size: corpora that take a second to make, settings with which a step takes milliseconds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from helpers import latent_flows, painted_corpus, token_diffusions
from speech2img.audio.wav import write_wav
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.vision.efficientnet_lite import EfficientNetLite
from speech2img.models.vision.image_classifier import make_backbone
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release
from speech2img.systems.registry import preset as find_preset
from speech2img.training import train as training
from speech2img.training.attngan.settings import AttnGANModelSettings, AttnGANSettings
from speech2img.training.classifiers.settings import ClassifierSettings, TeacherSettings
from speech2img.training.codec.settings import CodecLossSettings, CodecModelSettings, CodecSettings
from speech2img.training.codec.vq_settings import NearestSettings, VQCodecSettings, VQLossSettings, VQModelSettings
from speech2img.training.damsm.settings import CommonDAMSMSettings, DAMSMSettings, TextDAMSMSettings
from speech2img.training.encoder.settings import (
    CRNNSettings,
    EncoderLossSettings,
    EncoderModelSettings,
    EncoderSettings,
)
from speech2img.training.latent_flow.settings import LatentFlowSettings
from speech2img.training.prior.settings import PriorSettings
from speech2img.training.recogniser.settings import RecogniserModelSettings, RecogniserSettings
from speech2img.training.run import LoopSettings
from speech2img.training.stackgan.settings import RelationSettings
from speech2img.training.stackgan_v1.settings import StackGANv1ModelSettings, StackGANv1Settings
from speech2img.training.tacotron2.settings import Tacotron2ModelSettings, Tacotron2Settings
from speech2img.training.text_encoder.settings import TextEncoderSettings
from speech2img.training.vq_diffusion.settings import VQDiffusionSettings

STEPS = 4
LOOP = LoopSettings(
    evaluate_every=2, grid_every=0, log_every=1, precision="fp32", threads=1, checkpoint_minutes=0.0, keep=9, seed=1
)
"""With this seed no activation lies so near a kink of ReLU or max pooling that the order of a sum decides its side."""


def build(root: Path) -> Path:
    """The painted corpus with a recording of every caption: noise bursts of different lengths."""
    painted_corpus.build(root)
    rng = np.random.default_rng(0)
    manifest = Manifest.load(root)
    items = []
    for number, item in enumerate(manifest.items):
        captions = []
        for k, caption in enumerate(item.captions):
            wav = f"audio/{number}_{k}.wav"
            (root / "audio").mkdir(exist_ok=True)
            write_wav(root / wav, 0.1 * rng.standard_normal(4000 + 700 * number + 900 * k), sample_rate=16000)
            captions.append(replace(caption, audio=wav))
        items.append(replace(item, captions=tuple(captions)))
    Manifest(root, manifest.corpus, items).save()
    encoder = root / "derived" / "embeddings" / "encoder" / "encoder"
    tensors, config = load_release(encoder)
    save_release(encoder, tensors, {**config, "mel_preset": "li2020", "encoder": {}, "pad_value": 0.0}, "", half=False)
    arguments = {
        "embedding_dim": painted_corpus.FEATURES,
        "condition_dim": 6,
        "noise_dim": 4,
        "width": 4,
        "num_stages": 1,
    }
    torch.manual_seed(0)
    painter = {f"generator.{name}": value for name, value in StackGenerator(**arguments).state_dict().items()}
    painter |= {"target.mean": torch.zeros(painted_corpus.FEATURES), "target.std": torch.ones(painted_corpus.FEATURES)}
    save_release(root / "painter", painter, {"kind": "image-generator", "generator": arguments}, "")
    latent_flows.add_to(root)
    trunk_release(root / "trunk")
    token_diffusions.add_to(root)
    _build_shapes(root / "shapes")
    _build_clips(root / "clips")
    return root


def trunk_release(folder: Path) -> Path:
    """EfficientNet-Lite0 with random weights, for a DAMSM."""
    torch.manual_seed(0)
    config = {"kind": "efficientnet-lite", "efficientnet": {"variant": "lite0"}}
    save_release(folder, EfficientNetLite().state_dict(), config, "", half=False)
    return folder


def _build_shapes(root: Path) -> None:
    """Five pictures of each of three unseen classes, and GoogLeNet with random weights, for a classifier."""
    rng, items = np.random.default_rng(1), []
    root.mkdir()
    for number in range(15):
        name = ("red", "green", "blue")[number % 3]
        pixels = rng.integers(0, 120, (24, 32, 3), dtype=np.uint8)
        pixels[..., number % 3] += 120
        Image.fromarray(pixels).save(root / f"{number}.png")
        items.append(Item(f"{name}/{number}", f"{number}.png", number % 3, name, "test", None, None, ()))
    Manifest(root, "cub", items).save()
    torch.manual_seed(0)
    config = {"kind": "googlenet", "variant": "bvlc"}
    save_release(root / "googlenet", make_backbone("bvlc").state_dict(), config, "", half=True)


def _build_clips(root: Path) -> None:
    """Five bursts of noise of different lengths with their texts, in the layout of LJ Speech."""
    (root / "wavs").mkdir(parents=True)
    rng, lines = np.random.default_rng(0), []
    for number in range(5):
        y = 0.1 * rng.standard_normal(3000 + 900 * number).astype(np.float32)
        write_wav(root / "wavs" / f"clip{number}.wav", y, sample_rate=22_050)
        lines.append(f"clip{number}|Clip number {number}, said aloud.")
    (root / "metadata.csv").write_text("\n".join(lines))


ENCODER = EncoderSettings(
    model=EncoderModelSettings(channels=(8, 8, 8, 16, 16, 16, 16, 16), embedding_dim=16),
    standardise=True,
    losses=EncoderLossSettings(contrastive=1.0),
    batch_size=8,
    workers=1,
)
SEN = replace(
    find_preset("encoder", "s2igan"),
    mel_preset="li2020",
    crnn=CRNNSettings(channels=(8, 8), embedding_dim=8),
    batch_size=6,
    workers=1,
)

TEACHER = TeacherSettings(width=8, feature_dim=8, batch_size=8, workers=1)
PRIOR = PriorSettings(
    components=6, width=16, blocks=1, batch_size=8, evaluation_utterances=4, steps=2, condition_dropout=0.2
)
_PLAIN = painted_corpus.SETTINGS
GENERATOR = replace(
    _PLAIN,
    model=replace(_PLAIN.model, num_stages=2, residual_blocks=1),
    embedding_noise=0.5,
    losses=replace(_PLAIN.losses, feature=1.0, color=1.0, reconstruction=1.0),
    relation=RelationSettings(weight=1.0, width=8),
)

PLAIN_GENERATOR = replace(
    GENERATOR, embedding_noise=0.0, losses=_PLAIN.losses, relation=replace(GENERATOR.relation, weight=0.0)
)
JUDGE = replace(TEACHER, renders=24, held_out_renders=8)
CLASSIFIER = ClassifierSettings(views=2, batch_size=6, learning_rate=1e-2, workers=1)
CODEC = CodecSettings(
    image_size=64,
    mirrored=True,
    perceptual="teacher",
    model=CodecModelSettings(latent_channels=4, width=4, blocks=1),
    losses=CodecLossSettings(adversarial=0.1, adversarial_from=0.2, latent=0.1),
    discriminator_width=4,
    batch_size=6,
    grid_images=2,
    workers=1,
)
VQ_CODEC = VQCodecSettings(
    image_size=64,
    mirrored=True,
    perceptual="teacher",
    model=VQModelSettings(
        num_codes=24, code_dim=4, width=4, multipliers=(1, 2, 2, 2), attention_levels=(3,), latent_channels=4, groups=2
    ),
    losses=VQLossSettings(adversarial=0.1, adversarial_from=0.2),
    nearest=NearestSettings(revive_every=2, revive_until=1.0),
    discriminator_width=4,
    batch_size=6,
    grid_images=2,
    workers=1,
)
GUMBEL_CODEC = replace(VQ_CODEC, model=replace(VQ_CODEC.model, quantizer="gumbel"))
EMA_CODEC = replace(
    VQ_CODEC, model=replace(VQ_CODEC.model, quantizer="ema"), discriminator="published", discriminator_layers=2
)
STACKGAN_V1 = StackGANv1Settings(
    model=StackGANv1ModelSettings(width=4, discriminator_width=4, condition_dim=6, noise_dim=4, residual_blocks=1),
    features="teacher",
    batch_size=6,
    learning_rate=1e-5,
    discriminator_learning_rate=1e-5,
    augmentation="crop",
    grid_utterances=2,
    grid_noises=2,
    evaluation_utterances=2,
    workers=1,
)
ATTNGAN = AttnGANSettings(
    embeddings="spoken",
    model=AttnGANModelSettings(
        num_stages=2, width=2, discriminator_width=4, condition_dim=6, noise_dim=4, residual_blocks=1, recompute=True
    ),
    features="teacher",
    batch_size=6,
    learning_rate=1e-5,
    discriminator_learning_rate=1e-5,
    augmentation="crop",
    grid_utterances=2,
    grid_noises=2,
    evaluation_utterances=2,
    workers=1,
)
DAMSM = DAMSMSettings(
    embeddings="spoken", embedding_dim=8, image_size=64, batch_size=4, evaluation_utterances=2, workers=1
)
TEXT_DAMSM = TextDAMSMSettings(
    embedding_dim=8, word_dim=4, image_size=64, batch_size=4, evaluation_utterances=2, workers=1
)
TACOTRON2 = Tacotron2Settings(
    model=Tacotron2ModelSettings(
        encoder_dim=16,
        attention_dim=8,
        location_filters=4,
        location_kernel=7,
        prenet_dim=8,
        attention_rnn_dim=16,
        decoder_rnn_dim=16,
        postnet_dim=8,
        postnet_layers=2,
        frames_per_step=4,
    ),
    batch_size=2,
    guided_attention=1.0,
    held_out=1,
    evaluation_clips=1,
)

RECOGNISER = RecogniserSettings(
    mel_preset="li2020",
    model=RecogniserModelSettings(width=8, head_width=4, feed_forward=12, encoder_layers=1, kernel=3),
    mask_bands=2,
    warp_tract=0.1,
    warp_tempo=0.1,
    batch_size=6,
    evaluation_utterances=4,
    workers=1,
)

CASES: dict[str, tuple[str, Any]] = {
    "encoder": ("encoder", ENCODER),
    "s2igan encoder": ("encoder", SEN),
    "teacher": ("teacher", TEACHER),
    "judge": ("judge", JUDGE),
    "prior": ("prior", PRIOR),
    "generator": ("generator", GENERATOR),
    "plain generator": ("generator", PLAIN_GENERATOR),
    "latent flow": ("generator", latent_flows.SETTINGS),
    "stackgan-v1": ("generator", STACKGAN_V1),
    "attngan": ("generator", ATTNGAN),
    "damsm": ("damsm", DAMSM),
    "text damsm": ("damsm", TEXT_DAMSM),
    "vq diffusion": ("generator", token_diffusions.SETTINGS),
    "codec": ("codec", CODEC),
    "vq codec": ("codec", VQ_CODEC),
    "gumbel codec": ("codec", GUMBEL_CODEC),
    "ema codec": ("codec", EMA_CODEC),
    "classifier": ("classifier", CLASSIFIER),
    "recogniser": ("recogniser", RECOGNISER),
    "text encoder": ("text-encoder", TextEncoderSettings(word_dim=6, batch_size=6)),
    "tacotron2": ("tacotron2", TACOTRON2),
}
PARALLEL = (
    "encoder",
    "s2igan encoder",
    "teacher",
    "prior",
    "generator",
    "latent flow",
    "stackgan-v1",
    "attngan",
    "damsm",
    "vq diffusion",
    "codec",
    "vq codec",
    "gumbel codec",
    "ema codec",
    "classifier",
    "recogniser",
    "text encoder",
    "tacotron2",
)
"""One of each kind of trainer that divides its batch among processes."""


def latent_flow_settings(root: Path, *, steps: int = STEPS) -> LatentFlowSettings:
    """Settings of the case ``latent flow``."""
    return replace(latent_flows.SETTINGS, codec=str(root / "codec"), loop=replace(LOOP, max_steps=steps))


def vq_diffusion_settings(root: Path, *, steps: int = STEPS) -> VQDiffusionSettings:
    """Settings of the case ``vq diffusion``."""
    return replace(token_diffusions.SETTINGS, codec=str(root / "token-codec"), loop=replace(LOOP, max_steps=steps))


def train(
    case: str,
    root: Path,
    folder: Path,
    *,
    steps: int = STEPS,
    device: str = "cpu",
    workers: int | None = None,
    loop: dict[str, Any] | None = None,
) -> Any:
    """Train one of the cases.

    Parameters
    ----------
    case : str
        A key of `CASES`.
    root : Path
        As from `build`.
    folder : Path
        Run folder.
    steps : int
        When the run is finished.
    device : str
        Where.
    workers : int, optional
        Processes or threads that make or read data, where the trainer has any.
    loop : dict, optional
        Other values of `LOOP`.
    """
    stage, settings = CASES[case]
    settings = replace(settings, loop=replace(LOOP, **{**(loop or {}), "max_steps": steps}))
    if isinstance(settings, PriorSettings):
        settings = replace(settings, generator=str(root / "painter"))
    if isinstance(settings, LatentFlowSettings):
        settings = replace(settings, codec=str(root / "codec"))
    if isinstance(settings, CommonDAMSMSettings):
        settings = replace(settings, trunk=str(root / "trunk"))
    if isinstance(settings, VQDiffusionSettings):
        settings = replace(settings, codec=str(root / "token-codec"))
    if isinstance(settings, ClassifierSettings):
        root, settings = root / "shapes", replace(settings, network=str(root / "shapes" / "googlenet"))
    if isinstance(settings, Tacotron2Settings):
        root = root / "clips"
    if workers is not None and hasattr(settings, "workers"):
        settings = replace(settings, workers=workers)
    return training.train(stage, root, folder, settings, device=device, progress=False)
