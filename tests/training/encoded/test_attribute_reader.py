"""The flow reads attributes as the teacher does, off standardised features, and only off those."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import tiny_trainings

from speech2img.errors import ConfigError
from speech2img.features.image_features import load_features
from speech2img.features.speech_embeddings import extract_image_embeddings, load_embeddings
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.pipeline import SpeechToImage
from speech2img.training.encoded.attribute_reader import attribute_reader
from speech2img.training.latent_flow.settings import LatentFlowSettings
from speech2img.training.train import train


@pytest.fixture(scope="module")
def pictured(root: Path) -> Path:
    """The corpus, with features of its pictures in the place of speech embeddings."""
    extract_image_embeddings(root, "teacher")
    return root


def test_it_reads_what_the_teacher_reads(pictured: Path) -> None:
    features, embeddings = load_features(pictured, "teacher"), load_embeddings(pictured, "picture")
    teacher = features.open_teacher(device=torch.device("cpu"))
    reader = attribute_reader(teacher, embeddings)
    assert reader.value_counts == list(teacher.network.heads.values())  # type: ignore[attr-defined]
    standardised = torch.from_numpy(embeddings.embeddings)
    raw = torch.from_numpy(features.features[:, 0]).repeat_interleave(2, dim=0)  # two utterances a picture
    expected = teacher.network.classifier(raw)  # type: ignore[attr-defined]
    torch.testing.assert_close(standardised @ reader.weight_VD.T + reader.bias_V, expected, atol=1e-3, rtol=1e-3)


def test_the_class_is_no_attribute(pictured: Path) -> None:
    embeddings = load_embeddings(pictured, "picture")
    teacher = load_features(pictured, "teacher").open_teacher(device=torch.device("cpu"))
    whole = attribute_reader(teacher, embeddings)
    first, *others = teacher.network.heads  # type: ignore[attr-defined]
    teacher.network.heads = {"species": whole.value_counts[0]} | {  # type: ignore[attr-defined]
        name: teacher.network.heads[name]  # type: ignore[attr-defined]
        for name in others
    }
    without = attribute_reader(teacher, embeddings)
    assert without.value_counts == whole.value_counts[1:]
    assert torch.equal(without.weight_VD, whole.weight_VD[whole.value_counts[0] :])


def settings_of(root: Path) -> LatentFlowSettings:
    plain = tiny_trainings.latent_flow_settings(root)
    model = replace(plain.model, needs_frames=False)
    return replace(plain, embeddings="picture", features="teacher", reads_attributes=True, model=model)


def test_a_flow_is_trained_and_released_with_its_reader(pictured: Path, tmp_path: Path) -> None:
    assert train("generator", pictured, tmp_path / "run", settings_of(pictured), device="cpu", progress=False).finished
    encoder = pictured / "speech"
    generator = SpeechToImage.load(encoder, generator=tmp_path / "run", device="cpu").require_generator().generator
    assert isinstance(generator, LatentFlowGenerator)
    embeddings = load_embeddings(pictured, "picture")
    teacher = load_features(pictured, "teacher").open_teacher(device=torch.device("cpu"))
    reader = attribute_reader(teacher, embeddings)
    torch.testing.assert_close(generator.flow.reader_weight, reader.weight_VD, atol=1e-2, rtol=1e-2)
    # A prior that keeps the best of three draws, and draws noise for all of them while it is shown.
    several = replace(tiny_trainings.PRIOR, generator=str(tmp_path / "run"), embeddings="spoken", feature_draws=3)
    assert train("prior", pictured, tmp_path / "prior", several, device="cpu", progress=False).finished
    pipe = SpeechToImage.load(tmp_path / "prior", device="cpu")
    assert pipe.sampling["num_feature_draws"] == 3
    images = pipe.generate(load_embeddings(pictured, "spoken").embeddings[:2], num_images=2)
    assert images.shape[:2] == (2, 2) and not (images[0, 0] == images[0, 1]).all()
    # And another flow that goes on from this one.
    further = replace(settings_of(pictured), initial=str(tmp_path / "run"))
    assert train("generator", pictured, tmp_path / "then", further, device="cpu", progress=False).finished


def test_without_features_of_pictures_it_is_refused(pictured: Path, tmp_path: Path) -> None:
    settings = settings_of(pictured)
    with pytest.raises(ConfigError, match="reads_attributes.*no features that a teacher reads attributes off"):
        train("generator", pictured, tmp_path / "a", replace(settings, embeddings="spoken"), progress=False)
    with pytest.raises(ConfigError, match="reads_attributes.*name the teacher in features"):
        replace(settings, features=None)
    with pytest.raises(ConfigError, match="reads_attributes.*needs_frames to false"):
        replace(settings, model=replace(settings.model, needs_frames=True))


def test_features_cannot_be_chosen_for_a_flow_that_reads_none(pictured: Path, tmp_path: Path) -> None:
    plain = replace(settings_of(pictured), reads_attributes=False)
    assert train("generator", pictured, tmp_path / "run", plain, device="cpu", progress=False).finished
    several = replace(tiny_trainings.PRIOR, generator=str(tmp_path / "run"), embeddings="spoken", feature_draws=3)
    with pytest.raises(ConfigError, match="feature_draws: 3, and .* reads no attributes.*reads_attributes"):
        train("prior", pictured, tmp_path / "prior", several, device="cpu", progress=False)
    with pytest.raises(ConfigError, match="embeddings 'picture': no speech encoder made them"):
        train("prior", pictured, tmp_path / "b", replace(several, embeddings="picture"), device="cpu", progress=False)
    with pytest.raises(ConfigError, match="feature_draws"):
        replace(several, feature_draws=0)
