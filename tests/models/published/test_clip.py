"""CLIP's two sides: the published values, the containers it comes in, and what is none."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from helpers import clip_images
from helpers.clip_states import MERGES, clip_text_state
from helpers.golden import TOLERANCE, difference, published_state

from speech2img.models.published.clip import (
    clip_image_settings,
    clip_text_settings,
    convert_clip_image,
    convert_clip_text,
)
from speech2img.models.text_encoders.clip_text import CLIPText
from speech2img.models.vision.clip_resnet import CLIPResNet

NAME = "clip_text"


@torch.inference_mode()
def test_states_of_tokens_and_sentences_are_the_published_ones(recipe: ModuleType) -> None:
    golden = recipe.values(NAME)
    state = convert_clip_text(published_state(recipe, NAME))
    settings = {**clip_text_settings(state), "num_heads": 4}
    assert settings == {"num_tokens": 99, "word_dim": 64, "embedding_dim": 32, "num_heads": 4, "num_layers": 3}
    # Its 99 words are no vocabulary of byte pairs.
    encoder = CLIPText(merges="", **{**settings, "num_tokens": 514}, form="published").eval()
    encoder.lookup = torch.nn.Embedding(99, 64)
    encoder.load_state_dict(state)
    tokens = torch.from_numpy(recipe.clip_tokens())
    encoding = encoder(tokens, tokens.argmax(dim=1) + 1)
    assert difference(encoding.words.transpose(1, 2), golden["tokens"]) < TOLERANCE
    assert difference(encoding.sentence, golden["sentence"]) < TOLERANCE
    assert encoding.word_lengths.tolist() == [77, 77, 77]


def test_every_container_gives_the_same_and_the_image_side_is_passed_over(realdata: Path) -> None:
    plain = clip_text_state()
    whole = convert_clip_text(plain)
    beside = {"visual.conv1.weight": torch.ones(1), "logit_scale": torch.ones(()), "context_length": torch.ones(())}
    within = {f"transformer.condition_emb.{name}": value for name, value in plain.items()}
    within |= {"transformer.log_at": torch.zeros(3), "transformer.empty_text_embed": torch.zeros(77, 64)}
    for state in (plain | beside, within):
        found = convert_clip_text(state)
        assert found.keys() == whole.keys() and all(torch.equal(found[name], value) for name, value in whole.items())
    keys = json.loads((realdata / "golden_peers" / "vqdiffusion_cub_checkpoint_published.keys.json").read_text())
    meta = {key: torch.empty(shape, device="meta") for key, (shape, _) in keys.items()}
    assert clip_text_settings(convert_clip_text(meta)) == {
        "num_tokens": 49_408,
        "word_dim": 512,
        "embedding_dim": 512,
        "num_heads": 8,
        "num_layers": 12,
    }


def test_what_is_no_text_side_is_named() -> None:
    with pytest.raises(ValueError, match="no text side of CLIP"):
        convert_clip_text({"visual.conv1.weight": torch.ones(1)})
    with pytest.raises(ValueError, match=r"'transformer\.resblocks\.0\.gain' is no array of CLIP's text side"):
        convert_clip_text({**clip_text_state(), "transformer.resblocks.0.gain": torch.ones(1)})
    with pytest.raises(ValueError, match=r"projection\.weight with 2 axes is missing"):
        state = convert_clip_text(clip_text_state())
        clip_text_settings({name: value for name, value in state.items() if "projection" not in name})
    with pytest.raises(ValueError, match="522 tokens, and the network 100"):
        CLIPText(merges="\n".join(MERGES), num_tokens=100, word_dim=8, num_heads=1, num_layers=1)


@torch.inference_mode()
def test_vectors_of_images_are_those_of_another_programs_clip() -> None:
    """open_clip's, whose names are the published ones."""
    golden = np.load(clip_images.GOLDEN_FILE)
    state = clip_images.image_side_state()
    beside = {"logit_scale": torch.ones(()), "text_projection": torch.ones(2, 2)}
    ours = convert_clip_image({f"visual.{name}": value for name, value in state.items()} | beside)
    settings = clip_image_settings(ours)
    assert settings == {
        "blocks": list(clip_images.BLOCKS),
        "width": clip_images.WIDTH,
        "num_heads": clip_images.HEADS,
        "embedding_dim": clip_images.EMBEDDING,
        "image_size": clip_images.SIDE,
    }
    network = CLIPResNet(**settings)
    network.load_state_dict(ours)
    found = network.eval()(clip_images.images())
    assert golden["vectors"].std() > 0.3
    np.testing.assert_allclose(found, golden["vectors"], atol=1e-4, rtol=1e-4)
    alone = convert_clip_image(state)
    assert all(torch.equal(alone[name], value) for name, value in ours.items())
    with pytest.raises(ValueError, match="expected images of 64 px"):
        network(torch.zeros(1, 3, 32, 32))


def test_what_is_no_image_side_is_named() -> None:
    with pytest.raises(ValueError, match=r"'transformer\.resblocks\.0\.ln_1\.weight' is no array of the image side"):
        convert_clip_image({"visual.transformer.resblocks.0.ln_1.weight": torch.ones(1)})
    with pytest.raises(ValueError, match="has no image side of one of CLIP's ResNets"):
        convert_clip_image({"visual.conv1.weight": torch.ones(1)})
    for wrong in ({"image_size": 65}, {"blocks": (1, 1, 1)}, {"num_heads": 3}):
        with pytest.raises(ValueError, match="multiple of 32|four stages|must divide"):
            CLIPResNet(**{"blocks": (1, 1, 1, 1), "width": 2, "num_heads": 1, "image_size": 32} | wrong)  # type: ignore[arg-type]
