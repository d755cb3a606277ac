"""What an encoder learns besides the features of images: another encoder's embeddings, heads of a frozen network."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.pretrained_runs import FEATURE_DIM, LOOP

from speech2img.errors import ConfigError
from speech2img.features.image_features import Standardizer
from speech2img.features.speech_embeddings import extract_embeddings
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.writing import save_release
from speech2img.training.encoder.attribute_heads import AttributeHeads
from speech2img.training.encoder.settings import EncoderLossSettings, EncoderSettings
from speech2img.training.train import train


def test_it_learns_what_another_encoder_makes_of_the_recordings(
    corpus: Path, settings: EncoderSettings, tmp_path: Path
) -> None:
    plain = EncoderSettings(features="made", batch_size=8, workers=1, standardise=True, loop=LOOP)
    shape = replace(plain.model, channels=(8, 8, 8, 16, 16, 16, 16, 16), embedding_dim=FEATURE_DIM)
    train("encoder", corpus, tmp_path / "first", replace(plain, model=shape), progress=False)
    extract_embeddings(tmp_path / "first", corpus, name="first", progress=False)
    losses = EncoderLossSettings(joint=0.0, l1=1.0, distillation=0.0)
    follow = replace(
        settings,
        imitate="first",
        losses=losses,
        learning_rate=5e-3,
        loop=replace(LOOP, max_steps=40, evaluate_every=20),
    )
    train("encoder", corpus, tmp_path / "second", follow, progress=False)

    # The release keeps what its targets were standardised with, and says whom it follows.
    first, config = load_release(tmp_path / "first" / "export")
    second, own = load_release(tmp_path / "second" / "export")
    assert torch.equal(first["target.mean"], second["target.mean"])
    assert own["trained_with"]["imitated encoder"] == release_sha256(tmp_path / "first" / "export")
    steps = [json.loads(line) for line in (tmp_path / "second" / "stats.jsonl").read_text().splitlines()]
    l1 = [line["l1"] for line in steps if "l1" in line]
    assert l1[-1] < 0.8 * l1[0]


def test_imitation_refuses_what_does_not_fit(
    corpus: Path, run: Path, settings: EncoderSettings, tmp_path: Path
) -> None:
    extract_embeddings(run, corpus, name="frozen", progress=False)
    other = replace(settings, imitate="frozen", pretrained=replace(settings.pretrained, embedding_dim=12))
    with pytest.raises(ConfigError, match="imitate frozen: 20 numbers an utterance.*12|embedding_dim"):
        train("encoder", corpus, tmp_path / "run", other, progress=False)
    with pytest.raises(ConfigError, match="standardise: differs from that of frozen; set it to true"):
        train(
            "encoder", corpus, tmp_path / "run", replace(settings, imitate="frozen", standardise=False), progress=False
        )
    with pytest.raises(ConfigError, match="imitate: .*set image_head to false"):
        replace(settings, imitate="frozen", image_head=True)


def test_attribute_heads_of_a_network_say_what_counts(corpus: Path, settings: EncoderSettings, tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = AttributeNetwork({"crown": 3, "wing": 2}, width=8, feature_dim=FEATURE_DIM)
    config = {
        "kind": "attribute-network",
        "heads": {"crown": ["red", "blue", "grey"], "wing": ["barred", "plain"]},
        "width": 8,
        "feature_dim": FEATURE_DIM,
        "image_size": 64,
        "accuracy": {},
    }
    save_release(tmp_path / "heads", network.state_dict(), config, "# Heads\n", half=False)
    losses = EncoderLossSettings(joint=0.0, l1=0.0, distillation=0.0, heads=1.0, heads_of=str(tmp_path / "heads"))
    task = replace(settings, losses=losses, learning_rate=5e-3, loop=replace(LOOP, max_steps=40, evaluate_every=20))
    train("encoder", corpus, tmp_path / "run", task, progress=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    values = [line["heads"] for line in lines if "heads" in line]
    assert values[-1] < 0.9 * values[0]
    tensors, config = load_release(tmp_path / "run" / "export")
    assert "attribute heads" in config["trained_with"] and not any("heads" in name for name in tensors)


def test_heads_read_standardised_features_as_their_network_reads_the_features() -> None:
    generator = torch.Generator().manual_seed(5)
    weight, bias, features = (torch.randn(shape, generator=generator) for shape in ((5, 7), (5,), (4, 7)))
    standard = Standardizer(np.linspace(-2, 3, 7, dtype=np.float32), np.linspace(0.5, 2, 7, dtype=np.float32))
    heads = AttributeHeads(weight, bias, sizes={"a": 3, "b": 2}, standard=standard)
    standardised = (features - torch.from_numpy(standard.mean)) / torch.from_numpy(standard.std)
    torch.testing.assert_close(heads(standardised), features @ weight.T + bias, atol=1e-5, rtol=1e-5)
    assert not heads.state_dict()


def test_heads_that_do_not_fit_are_refused(corpus: Path, settings: EncoderSettings, tmp_path: Path) -> None:
    losses = replace(settings.losses, heads=1.0, heads_of="songbirds-judge")
    with pytest.raises(ConfigError, match="heads on 1024 features, and speech gives 20"):
        train("encoder", corpus, tmp_path / "run", replace(settings, losses=losses), progress=False)
    with pytest.raises(ConfigError, match="losses.heads, heads_of: .*give both or none"):
        replace(settings, losses=replace(settings.losses, heads=1.0))
