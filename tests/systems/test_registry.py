"""Every system, stage after stage in the order of training: each builds, learns, and exports what can be loaded."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import painted_corpus, tiny_trainings
from helpers.recognisers import fake_whisper

from speech2img.cli.main import build_parser, main
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError
from speech2img.features.speech_embeddings import extract_embeddings, extract_image_embeddings
from speech2img.features.stores import latent_store, token_store
from speech2img.images.codecs import load_codec
from speech2img.metrics.report.protocols import PROTOCOLS
from speech2img.pipeline import SpeechToImage
from speech2img.recognition.cascade import save_cascade_encoder
from speech2img.recognition.encoder import WHISPER_FOLDER
from speech2img.storage.releases.release import load_release
from speech2img.systems.registry import PUBLISHED, SYSTEMS, markdown_table, preset, presets, table
from speech2img.training.attngan.settings import AttnGANSettings
from speech2img.training.codec.vq_settings import VQCodecSettings
from speech2img.training.damsm.settings import DAMSMSettings
from speech2img.training.encoder.settings import CRNNSettings, EncoderSettings
from speech2img.training.latent_flow.settings import LatentFlowSettings
from speech2img.training.prior.settings import PriorSettings
from speech2img.training.recogniser.settings import RecogniserSettings
from speech2img.training.stackgan.settings import StackGANSettings
from speech2img.training.stackgan_v1.settings import StackGANv1Settings
from speech2img.training.stages import STAGES
from speech2img.training.text_encoder.settings import TextEncoderSettings
from speech2img.training.train import train
from speech2img.training.vq_diffusion.settings import VQDiffusionSettings

NAMES = [name for name, *_ in table()]


def _small(settings: Any, run: Path) -> Any:
    """The system's settings with toy sizes, two steps, and the toy corpus's names of features and embeddings."""
    settings = replace(settings, loop=replace(tiny_trainings.LOOP, max_steps=2), batch_size=6)
    if isinstance(settings, PriorSettings):
        toy = replace(settings, components=6, width=16, blocks=1, steps=2, evaluation_utterances=4)
        return replace(toy, embeddings="spoken", features="teacher", generator=str(run / "generator"))
    if isinstance(settings, VQCodecSettings):
        sizes = replace(settings.model, num_codes=24, code_dim=4, width=4, latent_channels=4, groups=2)
        few = {"grid_images": 2, "evaluation_images": 2, "workers": 1, "discriminator_width": 4}
        return replace(settings, image_size=128, perceptual="teacher", model=sizes, **few)
    if isinstance(settings, VQDiffusionSettings):
        codec = run / "codec" if (run / "codec").exists() else run / "corpus" / "token-codec"
        width = painted_corpus.FEATURES // 2 if settings.model.form == "published" else 16
        network = replace(settings.model, width=width, depth=1, num_heads=2, empty_length=0)
        few = {"grid_utterances": 2, "grid_noises": 2, "workers": 1}
        sampler = replace(settings.sampler, steps=4)
        toy = replace(settings, image_size=128, model=network, sampler=sampler, embeddings="spoken", **few)
        return replace(toy, codec=str(codec))
    if isinstance(settings, EncoderSettings):
        pretrained = replace(
            settings.pretrained,
            width=16,
            num_layers=1,
            embedding_dim=painted_corpus.FEATURES,
            mix_steps=2,
            max_frames=32,
        )
        settings = replace(settings, features="teacher", pretrained=pretrained)
        model = replace(settings.model, channels=(8,) * 7 + (16,), embedding_dim=painted_corpus.FEATURES)
        crnn: CRNNSettings = replace(settings.crnn, channels=(8, 8), embedding_dim=8, attention_dim=8)
        return replace(settings, model=model, crnn=crnn, workers=1)
    if isinstance(settings, LatentFlowSettings):
        flow = replace(settings.model, width=16, depth=1, num_heads=2)
        sampler = replace(settings.sampler, steps=4)
        few = {"grid_utterances": 2, "grid_noises": 2, "evaluation_utterances": 2, "workers": 1}
        return replace(
            settings, model=flow, sampler=sampler, embeddings="spoken", codec=str(run / "corpus" / "codec"), **few
        )
    if isinstance(settings, DAMSMSettings):
        few = {"embedding_dim": 8, "image_size": 64, "evaluation_utterances": 2, "workers": 1}
        return replace(settings, embeddings="spoken", trunk=str(run / "corpus" / "trunk"), **few)
    if isinstance(settings, RecogniserSettings):
        mel = settings.mel_preset if settings.form == "published" else "li2020"
        sizes = {"width": 8, "head_width": 4, "feed_forward": 12, "encoder_layers": 1}
        tiny_network = replace(settings.model, **sizes)
        return replace(settings, mel_preset=mel, model=tiny_network, evaluation_utterances=2, mask_bands=0, workers=1)
    if isinstance(settings, TextEncoderSettings):
        # After two steps an encoder over letters still gives nearly the same of all texts.
        return replace(settings, embeddings="spoken", network="word-lstm", word_dim=6)
    if isinstance(settings, StackGANv1Settings | AttnGANSettings):
        tiny: dict[str, Any] = {"width": 4, "discriminator_width": 4, "residual_blocks": 1}
        tiny |= {"num_stages": 2} if isinstance(settings, AttnGANSettings) else {}
        return replace(
            settings, model=replace(settings.model, **tiny), embeddings="spoken", grid_utterances=2, workers=1
        )
    assert isinstance(settings, StackGANSettings)
    sizes: dict[str, Any] = {"num_stages": 2, "width": 4, "discriminator_width": 4, "feature_discriminator_width": 4}
    small = replace(settings, model=replace(settings.model, residual_blocks=1, **sizes), grid_utterances=2, workers=1)
    small = replace(small, relation=replace(small.relation, width=8))
    seen: dict[str, Any] = {"features": "teacher"} if settings.features else {}
    return replace(small, embeddings="picture" if settings.embeddings == "picture" else "spoken", **seen)


def _write_tokens(root: Path, codec: Path) -> None:
    token_store(Manifest.load(root), load_codec(codec), size=128, device="cpu", workers=1, progress=False)


WORDS = ("red", "blue", "small", "snow", "wing", "beak", "crown")


def _write_captions(root: Path) -> None:
    """Give the toy corpus captions that differ."""
    manifest = Manifest.load(root)
    items = [
        replace(
            item, captions=tuple(replace(one, text=f"{WORDS[row % 7]} {WORDS[one.index]}") for one in item.captions)
        )
        for row, item in enumerate(manifest.items)
    ]
    Manifest(root, manifest.corpus, items).save()


def _read_all(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a cascade makes of the toy corpus takes the place of the encoder's embeddings."""
    whisper = fake_whisper(monkeypatch, lambda samples: [WORDS[samples // 100 % 7]], folder / "whisper")
    monkeypatch.setenv(WHISPER_FOLDER, str(whisper))
    save_cascade_encoder(str(whisper), str(folder / "text-encoder"), folder / "cascade-encoder")
    words = load_release(folder / "text-encoder" / "export")[1]["text_encoder"]["network"] == "word-lstm"
    extract_embeddings(folder / "cascade-encoder", root, name="spoken", frames=words, progress=False)


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_of_a_system_trains_and_the_last_one_generates(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tiny_trainings.build(tmp_path / "corpus")
    extract_image_embeddings(root, "teacher", name="picture")
    codec = load_codec(root / "codec")
    latent_store(Manifest.load(root), codec, size=128, device="cpu", workers=1, progress=False)
    _write_tokens(root, root / "token-codec")
    system = SYSTEMS[name.removesuffix(PUBLISHED)]
    stages = system.published if name.endswith(PUBLISHED) else system.stages

    if "text-encoder" in stages:
        _write_captions(root)

    # Speech embeddings of the system's own encoder, or of Li et al.'s where it has none.
    encoder = preset("encoder", name if "encoder" in stages else "li2020")
    train("encoder", root, tmp_path / "encoder", _small(encoder, tmp_path), device="cpu", progress=False)
    extract_embeddings(tmp_path / "encoder", root, name="spoken", frames=True, progress=False)

    for stage in stages:
        if stage == "generator" and "text-encoder" in stages:
            _read_all(root, tmp_path, monkeypatch)
        if stage != "encoder":
            settings = _small(preset(stage, name), tmp_path)
            assert train(stage, root, tmp_path / stage, settings, device="cpu", progress=False).finished
        if stage == "codec":
            _write_tokens(root, tmp_path / "codec")
        assert load_release(tmp_path / stage / "export")[1]["step"] == 2
    model = SpeechToImage.load(tmp_path / list(stages)[-1], device="cpu")
    recording = next((root / "audio").glob("*.wav"))
    side = 64 if name in ("stackgan-v1", "cascade") else 128
    if "text-encoder" in stages:
        assert "transcript" in model.capabilities
    assert model(recording, seed=0).size == (side, side)


def test_names_of_presets_stay() -> None:
    attngans, ours = ["attngan", "attngan-512"], ["ours", "ours-latent-flow"]
    cascades = ["cascade", "cascade-attngan", "cascade-whisper"]
    assert list(presets("recogniser")) == cascades[:2] and list(presets("text-encoder")) == cascades
    assert list(presets("encoder")) == [*attngans, "li2020", "s2igan", "s2igan-published", "s2ivq-d", *ours]
    stackgans, others = ["stackgan-v1", "stackgan-v2"], ["li2020", "s2igan", "s2igan-published"]
    diffusions = ["vq-diffusion", "s2ivq-d", "s2ivq-d-published"]
    assert list(presets("generator")) == [*stackgans, *attngans, *others, *diffusions, *cascades, *ours]
    assert list(presets("damsm")) == attngans
    assert list(presets("prior")) == ["ours"] and not presets("judge")
    assert all(set(system.published) <= set(system.stages) <= set(STAGES) for system in SYSTEMS.values())
    with pytest.raises(ConfigError, match="no such preset of encoder; choose among attngan, attngan-512, li2020"):
        preset("encoder", "stackgan-v2")


def test_each_system_names_the_protocol_of_its_paper(capsys: pytest.CaptureFixture[str]) -> None:
    taken = {"clean", "s2igan", "stackgan", "sta", "dfgan"}
    assert {system.protocol for system in SYSTEMS.values()} == taken <= PROTOCOLS.keys()
    assert {name: SYSTEMS[name].protocol for name in ("ours", "s2igan", "attngan", "s2ivq-d", "vq-diffusion")} == {
        "ours": "clean",
        "s2igan": "s2igan",
        "attngan": "stackgan",
        "s2ivq-d": "sta",
        "vq-diffusion": "dfgan",
    }
    with pytest.raises(SystemExit):
        main(["train", "--list"])
    for line in capsys.readouterr().out.splitlines():
        protocol = SYSTEMS[line.split()[0].removesuffix(PUBLISHED)].protocol
        assert line.endswith(f"; evaluate --protocol {protocol})")
        # What the list says is what 'evaluate' takes.
        words = ["evaluate", "--model", "runs/a", "--root", "data", "--protocol", protocol, "--inception", "weights"]
        assert build_parser().parse_args(words).protocol == (protocol,)


def test_the_list_needs_no_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["train", "--list"])
    lines = capsys.readouterr().out.splitlines()
    assert not left.value.code and [line.split()[0] for line in lines] == NAMES
    assert (
        markdown_table().count("\n") == len(NAMES) + 2 and "| `ours` | encoder, generator, prior |" in markdown_table()
    )


def test_help_and_list_do_not_load_torch() -> None:
    code = (
        "import sys\nfrom speech2img.cli.main import build_parser\nfrom speech2img.systems.registry import table\n"
        "build_parser().format_help()\ntable()\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
