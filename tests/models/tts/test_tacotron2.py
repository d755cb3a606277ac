"""Tacotron 2: NVIDIA's own outputs, one row of a batch as if alone, and speech that no neighbour changes."""

import importlib.util
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from speech2img.models.published.tacotron2 import convert_tacotron2, tacotron2_settings
from speech2img.models.tts.alignment import alignment_scores
from speech2img.models.tts.decoder import DecoderStep
from speech2img.models.tts.inference import TEXT_BLOCK, Utterance, speak_texts
from speech2img.models.tts.tacotron2 import Tacotron2

SMALL: dict[str, Any] = {
    "n_mels": 8,
    "encoder_dim": 32,
    "attention_dim": 16,
    "location_filters": 4,
    "location_kernel": 7,
    "prenet_dim": 16,
    "attention_rnn_dim": 48,
    "decoder_rnn_dim": 40,
    "postnet_dim": 16,
}


def small(**changes: Any) -> Tacotron2:
    torch.manual_seed(0)
    model = Tacotron2(**{**SMALL, **changes}).eval()
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0.0, 0.5)  # padding that is not masked would show
    return model


def restless(**changes: Any) -> Tacotron2:
    """Recurrent weights so large that the prenet's noise decides when an utterance stops."""
    model = small(**changes)
    with torch.no_grad():
        for name, parameter in model.decoder.named_parameters():
            if "rnn.weight" in name or "to_mel.weight" in name:
                parameter.mul_(6)
        model.decoder.to_gate.weight.mul_(4)
        model.decoder.to_gate.bias.fill_(-2)
    return model


def texts(count: int = 7, longest: int = 20) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    lengths = [1 + (5 * number) % longest for number in range(count)]
    return [torch.randint(1, 148, (length,), generator=generator) for length in lengths]


def batch_of(ids: list[Tensor], frames: list[int], n_mels: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    mel = torch.randn(len(ids), n_mels, max(frames), generator=generator)
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    return padded, torch.tensor([len(one) for one in ids]), mel, torch.tensor(frames)


@pytest.fixture(scope="module")
def recipe(realdata: Path) -> ModuleType:
    """The rule behind the golden weights."""
    spec = importlib.util.spec_from_file_location("golden_recipe", realdata / "golden_peers" / "recipe.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nvidias_outputs(recipe: ModuleType) -> None:
    name = "tacotron2_teacher_forced"
    golden = recipe.values(name)
    published = {key: torch.from_numpy(np.asarray(value)) for key, value in recipe.weights(name).items()}
    state = convert_tacotron2(published)
    settings = tacotron2_settings(state)
    assert settings["attention_rnn_dim"] == 1024 and settings["masked"] and settings["frames_per_step"] == 1
    model = Tacotron2(**{**settings, "masked": False, "prenet_dropout": 0.0}).eval()
    model.load_state_dict(state)
    lengths, frames = torch.from_numpy(golden["text_lengths"]), torch.from_numpy(golden["mel_lengths"])
    mel = torch.from_numpy(recipe.tacotron2_mel(golden["text_lengths"], golden["mel_lengths"]))
    with torch.no_grad():
        memory = model.encode(torch.from_numpy(golden["text"]), lengths)
        output = model(torch.from_numpy(golden["text"]), lengths, mel, frames)
    np.testing.assert_allclose(memory[:, ::4], golden["encoder_every4"], atol=1e-4)
    np.testing.assert_allclose(output.alignment_BTS, golden["alignment"], atol=1e-4)
    for row, count in enumerate(frames.tolist()):
        np.testing.assert_allclose(output.gate_BT[row, :count], golden["gate"][row, :count], atol=1e-4)
        np.testing.assert_allclose(output.mel_BMT[row, :, :count], golden["mel_out"][row, :, :count], atol=1e-4)
        np.testing.assert_allclose(output.refined_BMT[row, :, :count], golden["mel_postnet"][row, :, :count], atol=1e-4)


@pytest.mark.parametrize("frames_per_step", [1, 3])
def test_a_masked_row_is_what_it_would_be_alone(frames_per_step: int) -> None:
    model = small(prenet_dropout=0.0, frames_per_step=frames_per_step)
    frames = [12, 3, 30]
    ids, lengths, mel, counts = batch_of(texts(3), frames, 8)
    with torch.no_grad():
        together = model(ids, lengths, mel, counts)
        for row, count in enumerate(frames):
            symbols = int(lengths[row])
            alone = model(
                ids[row : row + 1, :symbols],
                lengths[row : row + 1],
                mel[row : row + 1, :, :count],
                counts[row : row + 1],
            )
            steps = math.ceil(count / frames_per_step)
            assert alone.gate_BT.shape == (1, steps) and alone.mel_BMT.shape == (1, 8, count)
            torch.testing.assert_close(together.refined_BMT[row, :, :count], alone.refined_BMT[0])
            torch.testing.assert_close(together.alignment_BTS[row, :steps, :symbols], alone.alignment_BTS[0])
            assert not together.alignment_BTS[row, :, symbols:].any()
            assert not together.mel_BMT[row, :, count:].any()
        unmasked = small(prenet_dropout=0.0, frames_per_step=frames_per_step, masked=False)(ids, lengths, mel, counts)
    assert not torch.allclose(unmasked.refined_BMT[1, :, :3], together.refined_BMT[1, :, :3], atol=1e-3)


def test_every_parameter_learns() -> None:
    model = small().train()
    output = model(*batch_of(texts(3), [12, 3, 30], 8))
    (output.mel_BMT.sum() + output.refined_BMT.square().sum() + output.gate_BT.sum()).backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not idle


def test_the_step_repeats_what_teacher_forcing_gives() -> None:
    model = small(prenet_dropout=0.0, frames_per_step=2)
    ids, lengths, mel, counts = batch_of(texts(2), [20, 20], 8)
    with torch.no_grad():
        forced = model(ids, lengths, mel, counts)
        memory = model.decoder.attention.prepare(model.encode(ids, lengths), lengths)
        step, state = DecoderStep(model.decoder), model.decoder.start(memory)
        for number in range(10):
            state, gate = step(state, memory, None)
            frames = state.frame_BM.view(2, 2, 8).transpose(1, 2)
            torch.testing.assert_close(frames, forced.mel_BMT[:, :, 2 * number : 2 * number + 2])
            torch.testing.assert_close(gate, forced.gate_BT[:, number])
            torch.testing.assert_close(state.weights_BS, forced.alignment_BTS[:, number])
            true = mel[:, :, 2 * number : 2 * number + 2].transpose(1, 2).flatten(1)
            state = state._replace(frame_BM=true)


def assert_same(ours: Utterance, theirs: Utterance) -> None:
    assert torch.equal(ours.mel_MT, theirs.mel_MT) and torch.equal(ours.alignment_TS, theirs.alignment_TS)
    assert ours.stopped == theirs.stopped


@pytest.mark.parametrize(("rows", "frames_per_step"), [(1, 1), (4, 1), (4, 2), (16, 1)])
def test_speech_is_bit_equal_in_every_batch(rows: int, frames_per_step: int) -> None:
    model = restless(frames_per_step=frames_per_step)
    ids = texts()
    seeds = list(range(10, 17))
    options: dict[str, Any] = {"rows": rows, "max_steps": 100}
    together = speak_texts(model, ids, seeds, **options)
    lengths = {utterance.mel_MT.shape[1] for utterance in together}
    assert len(lengths) > 3 and max(lengths) > 64, "the test needs utterances of several lengths"
    assert all(len(one.alignment_TS) * frames_per_step == one.mel_MT.shape[1] for one in together)
    for place in range(7):
        assert_same(together[place], speak_texts(model, [ids[place]], [seeds[place]], **options)[0])
    for ours, theirs in zip(together[::-1], speak_texts(model, ids[::-1], seeds[::-1], **options), strict=True):
        assert_same(ours, theirs)


def test_published_widths_are_bit_equal_too() -> None:
    torch.manual_seed(0)
    model = Tacotron2().eval()
    ids = [*texts(3), torch.randint(1, 148, (TEXT_BLOCK + 1,))]
    together = speak_texts(model, ids, [1, 2, 3, 4], rows=8, max_steps=5)
    for place in (0, 3):
        assert_same(together[place], speak_texts(model, [ids[place]], [place + 1], rows=8, max_steps=5)[0])


def test_the_seed_decides_the_noise() -> None:
    model = small()
    first, same, other = speak_texts(model, texts(1) * 3, [5, 5, 6], max_steps=90, gate_threshold=0.999)
    assert_same(first, same)
    assert not torch.equal(first.mel_MT[:, :5], other.mel_MT[:, :5])
    quiet = small(prenet_dropout=0.0)
    one, two = speak_texts(quiet, texts(1) * 2, [5, 6], max_steps=20)
    assert_same(one, two)


def test_free_running_speech_is_its_own_teacher() -> None:
    model = restless(prenet_dropout=0.0)
    torch.nn.init.zeros_(model.postnet.layers[-1].norm.weight)  # type: ignore[union-attr, arg-type]
    torch.nn.init.zeros_(model.postnet.layers[-1].norm.bias)  # type: ignore[union-attr, arg-type]
    ids = texts(3)[2]
    (spoken,) = speak_texts(model, [ids], [0], max_steps=30)
    frames = torch.tensor([spoken.mel_MT.shape[1]])
    with torch.no_grad():
        forced = model(ids[None], torch.tensor([len(ids)]), spoken.mel_MT[None], frames)
    torch.testing.assert_close(forced.mel_BMT[0], spoken.mel_MT)
    torch.testing.assert_close(forced.alignment_BTS[0], spoken.alignment_TS)
    stops = forced.gate_BT[0].sigmoid() > 0.5
    assert not stops[:-1].any() and bool(stops[-1]) == spoken.stopped


def test_an_utterance_that_does_not_stop_is_cut_and_says_so() -> None:
    model = small()
    spoken = speak_texts(model, texts(3), [0, 0, 0], rows=2, max_steps=4, gate_threshold=0.99)
    assert [utterance.stopped for utterance in spoken] == [False] * 3
    assert all(utterance.mel_MT.shape == (8, 4) for utterance in spoken)


def test_what_cannot_be_spoken_is_refused() -> None:
    model = small()
    with pytest.raises(ValueError, match="at least one symbol"):
        speak_texts(model, [torch.zeros(0, dtype=torch.int64)], [0])
    with pytest.raises(ValueError, match="seed"):
        speak_texts(model, texts(2), [0])
    with pytest.raises(ValueError, match="evaluation"):
        speak_texts(model.train(), texts(1), [0])
    with pytest.raises(ValueError, match="masked"):
        speak_texts(small(masked=False), texts(1), [0])
    for wrong in ({"rows": 0}, {"max_steps": 0}, {"gate_threshold": 1.0}):
        with pytest.raises(ValueError, match="at least 1"):
            speak_texts(small(), texts(1), [0], **wrong)
    assert speak_texts(small(), [], []) == []


def test_wrong_sizes_and_lengths() -> None:
    for wrong in ({"encoder_dim": 31}, {"location_kernel": 4}, {"frames_per_step": 0}):
        with pytest.raises(ValueError, match="must be"):
            small(**wrong)
    model = small()
    ids, lengths, mel, counts = batch_of(texts(2), [5, 6], 8)
    with pytest.raises(ValueError, match="symbols"):
        model.encode(ids, lengths + 100)
    with pytest.raises(ValueError, match="frames"):
        model(ids, lengths, mel, counts - 6)
    with pytest.raises(ValueError, match="mel of shape"):
        model(ids, lengths, mel[:, :5], counts)


def test_a_foreign_key_is_refused() -> None:
    with pytest.raises(ValueError, match="no array of NVIDIA"):
        convert_tacotron2({"decoder.memory.weight": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="missing"):
        tacotron2_settings({})


def test_alignment_scores() -> None:
    clean = alignment_scores(torch.eye(20))
    assert clean == (1.0, 1.0, 1.0, 1.0)
    flat = alignment_scores(torch.full((30, 20), 1 / 20))
    assert flat.focus == pytest.approx(0.05) and flat.diagonal == 0.0 and flat.coverage == pytest.approx(0.2)
    assert alignment_scores(torch.eye(20).flip(0)).diagonal == 0.0
    skipped = torch.eye(20)[[0, 1, 2, 3, 16, 17, 18, 19]]
    assert alignment_scores(skipped).coverage == pytest.approx(12 / 20)
    back = torch.eye(20)[[0, 5, 10, 4, 15, 19]]
    assert alignment_scores(back).monotonic == pytest.approx(4 / 5)
    with pytest.raises(ValueError, match="at least two steps"):
        alignment_scores(torch.ones(1, 3))
