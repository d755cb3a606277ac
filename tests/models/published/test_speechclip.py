"""SpeechCLIP's mix of layers and parallel branch: our modules give what the published code gave."""

from types import ModuleType

import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state

from speech2img.models.encoders.layer_mix import LayerMix, normalized_states
from speech2img.models.encoders.parallel_branch import ParallelBranch
from speech2img.models.published.speechclip import convert_speechclip_parallel
from speech2img.storage.releases.release import strip_prefix

NAME = "speechclip_parallel"


@torch.inference_mode()
def test_pooled_frames_and_embeddings_are_the_published_ones(recipe: ModuleType) -> None:
    golden = recipe.values(NAME)
    beside = {
        "audio_encoder.encoder.x": torch.zeros(1),
        "clip.model.y": torch.zeros(1),
        "criterion.temperature": torch.zeros(1),
    }
    state = convert_speechclip_parallel({**published_state(recipe, NAME), **beside})
    mix, branch = LayerMix(25), ParallelBranch(1024, 8, 1024).eval()
    mix.load_state_dict(strip_prefix(state, "mix."))
    branch.load_state_dict(strip_prefix(state, "adapter."))
    states_LBTD, lengths = (torch.from_numpy(value) for value in recipe.speechclip_inputs())
    frames = mix(normalized_states(states_LBTD.transpose(0, 1)))
    assert lengths.tolist() == golden["lengths"].tolist()
    assert difference(frames[:, :2, ::4], golden["pooled_first_frames"]) < TOLERANCE
    encoding = branch(frames, lengths)
    assert difference(encoding.sentence, golden["embedding"]) < TOLERANCE
    assert encoding.words.shape == (3, 1024, int(lengths.max()))
    for row, length in enumerate(lengths.tolist()):
        alone = branch(frames[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(alone.sentence[0], encoding.sentence[row], atol=1e-5, rtol=0)
        assert not encoding.words[row, :, length:].any()


def test_an_unknown_array_of_the_branch_is_named() -> None:
    with pytest.raises(ValueError, match=r"parallel_branch\.surprise"):
        convert_speechclip_parallel({"parallel_branch.surprise": torch.zeros(1)})
