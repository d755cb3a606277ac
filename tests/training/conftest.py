"""A corpus of sixteen pictures, and runs of every kind of training on it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.small_trainings import ENCODER, GENERATOR, TEACHER, prior_settings

from speech2img.features.image_features import build_teacher_features
from speech2img.features.speech_embeddings import extract_embeddings, extract_image_embeddings
from speech2img.training.train import train


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[[Path], Path]) -> Path:
    """Sixteen pictures of four species, three utterances each: noise bursts of different lengths."""
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of teacher, encoder and generator on the corpus."""
    runs = tmp_path_factory.mktemp("runs")
    train("teacher", corpus, runs / "teacher", TEACHER, progress=False)
    build_teacher_features(corpus, runs / "teacher", progress=False)
    train("encoder", corpus, runs / "encoder", ENCODER, progress=False)
    extract_embeddings(runs / "encoder", corpus, progress=False)
    train("generator", corpus, runs / "generator", GENERATOR, progress=False)
    train("encoder", corpus, runs / "standard", replace(ENCODER, standardise=True), progress=False)
    extract_embeddings(runs / "standard", corpus, progress=False)
    extract_image_embeddings(corpus, "teacher")
    painter = replace(GENERATOR, embeddings="picture", losses=replace(GENERATOR.losses, feature_target="image"))
    train("generator", corpus, runs / "painter", painter, progress=False)
    train("prior", corpus, runs / "prior", prior_settings(runs), progress=False)
    return runs
