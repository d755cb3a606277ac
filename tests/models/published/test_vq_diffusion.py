"""Arrays of VQ-Diffusion's and S2IVQ-D's checkpoints under our names; the whole of them are named in full size."""

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.golden import published_state

from speech2img.models.generators.vq_diffusion.published_transformers import (
    PublishedSpeechTransformer,
    TextTokenTransformer,
)
from speech2img.models.published.vq_diffusion import (
    convert_speech_transformer,
    convert_text_transformer,
    transformer_settings,
)


def _meta_state(realdata: Path, name: str) -> dict[str, torch.Tensor]:
    keys = json.loads((realdata / "golden_peers" / f"{name}.keys.json").read_text())
    return {key: torch.empty(shape, device="meta") for key, (shape, _) in keys.items()}


def test_checkpoints_of_full_size_fill_our_networks(realdata: Path) -> None:
    state = convert_text_transformer(_meta_state(realdata, "vqdiffusion_cub_checkpoint_published"))
    settings = transformer_settings(state)
    assert settings == {
        "num_codes": 2887,
        "width": 1024,
        "table_side": 32,
        "num_steps": 100,
        "depth": 19,
        "embedding_dim": 512,
        "empty_length": 0,
    }
    with torch.device("meta"):
        text = TextTokenTransformer(**settings, side=32, num_heads=16)
    text.load_state_dict(state, assign=True)
    assert sum(value.numel() for value in text.parameters()) == pytest.approx(388.8e6, rel=1e-3)

    state = convert_speech_transformer(_meta_state(realdata, "sta_cub_checkpoint_published"))
    with torch.device("meta"):
        speech = PublishedSpeechTransformer(**transformer_settings(state), side=16, num_heads=16)
    speech.load_state_dict(state, assign=True)
    assert speech.embedding.table_side == 32 and len(speech.blocks) == 24
    assert sum(value.numel() for value in speech.parameters()) == pytest.approx(518.03e6 - 24.9e6, rel=1e-3)


def test_both_containers_and_a_learned_empty_text_are_read(recipe: ModuleType) -> None:
    plain = published_state(recipe, "vqdiffusion_transformer_text")
    expected = convert_text_transformer(plain)
    for prefix in ("transformer.", "transformer.transformer."):
        dressed = {f"{prefix}{key}": value for key, value in plain.items()}
        dressed |= {"transformer.log_at": torch.zeros(100), "transformer.condition_emb.x": torch.zeros(1)}
        dressed |= {"transformer.Lt_history": torch.zeros(100), "content_codec.enc.quant_conv.bias": torch.zeros(1)}
        dressed["transformer.empty_text_embed"] = torch.zeros(7, 32, dtype=torch.float64)
        state = convert_text_transformer(dressed)
        assert state.pop("empty").dtype == torch.float32
        assert state.keys() == expected.keys() and all(torch.equal(state[key], expected[key]) for key in state)


def test_what_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(ValueError, match=r"'blocks\.0\.attn3\.key\.weight' is no array of VQ-Diffusion"):
        convert_text_transformer({"transformer.blocks.0.attn3.key.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="'surprise' is no array of S2IVQ-D"):
        convert_speech_transformer({"transformer.surprise": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"blocks\.0\.attn\.key\.bias is missing"):
        convert_speech_transformer({f"blocks.0.attn.{part}.bias": torch.zeros(1) for part in ("query", "value")})
    with pytest.raises(ValueError, match=r"embedding\.tokens\.weight with 2 axes is missing"):
        transformer_settings({})
