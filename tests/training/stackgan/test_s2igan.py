"""SEN and RDG together, from recordings to a whole model that paints and says what is behind it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from speech2img.features.image_features import build_teacher_features, load_features
from speech2img.features.image_head import image_space, load_image_head
from speech2img.features.speech_embeddings import extract_embeddings
from speech2img.models.encoders.s2igan import S2IGANEncoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.systems.registry import preset as find_preset
from speech2img.training.encoder.settings import CRNNSettings
from speech2img.training.stackgan.settings import RelationSettings
from speech2img.training.train import train


def test_the_whole_way(painted: ModuleType, make_corpus: Callable[[Path], Path], tmp_path: Path) -> None:
    root, loop = make_corpus(tmp_path), replace(painted.LOOP, max_steps=2)
    build_teacher_features(root, painted.teacher_release(tmp_path / "teacher"), views=1, progress=False)
    sen = replace(
        find_preset("encoder", "s2igan"),
        crnn=CRNNSettings(channels=(8, 12), embedding_dim=16, attention_dim=8),
        batch_size=6,
        features="teacher",
        workers=1,
        loop=loop,
    )
    train("encoder", root, tmp_path / "encoder", sen, progress=False)
    extract_embeddings(tmp_path / "encoder", root, progress=False)
    rdg = replace(painted.SETTINGS, relation=RelationSettings(weight=1.0, width=8), loop=loop)
    rdg = replace(rdg, model=replace(rdg.model, num_stages=2, dense=True))
    train("generator", root, tmp_path / "generator", rdg, device="cpu", progress=False)
    pipe = SpeechToImage.load(tmp_path / "generator", device="cpu")
    assert isinstance(pipe.encoder, S2IGANEncoder) and pipe.mel.name == "s2igan"
    assert pipe.sampler is not None and all(stage.dense for stage in pipe.sampler.generator.next)
    small, large = pipe(root / "audio" / "3_0.wav", seed=1, return_stages=True)
    assert (small.size, large.size) == ((64, 64), (128, 128))
    tensors, config = load_release(tmp_path / "generator" / "export")
    teacher, encoder = load_features(root, "teacher").sha256, release_sha256(tmp_path / "encoder" / "export")
    assert config["trained_with"] == {
        "feature network": teacher,
        "relation's feature network": teacher,
        "speech encoder": encoder,
        "image head": release_sha256(root / "derived" / "embeddings" / "encoder" / "encoder"),
    }
    space = image_space(tensors, config, name="generator")
    assert space is not None and "image head" in space.what
    assert load_image_head(tmp_path / "generator").features == "teacher", "it can supervise another generator"
