"""Dead codes: found by what was not used, replaced by latents of the batch, the same after a resume."""

import pytest
import torch

from speech2img.training.codec.code_revival import CodeRevival

CPU = torch.device("cpu")


def latents(places: int = 12) -> torch.Tensor:
    """(1, 2, 1, places), all different."""
    return torch.arange(2.0 * places).view(places, 2).T.reshape(1, 2, 1, places)


def test_all_codes_begin_as_latents_of_different_places() -> None:
    revival = CodeRevival(5, every=3, seed=1, device=CPU)
    found = revival.replacements(latents())
    assert found is not None and found.dead_K.all()
    rows = {tuple(row) for row in latents().movedim(1, -1).reshape(-1, 2).tolist()}
    assert {tuple(row) for row in found.vectors_KC.tolist()} <= rows and len(found.vectors_KC.unique(dim=0)) == 5


def test_only_what_was_not_used_since_the_last_look_is_dead() -> None:
    revival = CodeRevival(5, every=2, seed=1, device=CPU)
    revival.replacements(latents())
    for tokens in ([0, 3, 3], [4, 0, 0]):
        counts = revival.count(torch.tensor(tokens).view(1, 1, 3))
        assert counts.sum() == 3
        assert revival.num_steps % 2 == 0 or revival.replacements(latents()) is None
    found = revival.replacements(latents())
    assert found is not None and found.dead_K.nonzero()[:, 0].tolist() == [1, 2]
    assert not torch.equal(found.vectors_KC[1], found.vectors_KC[2])
    # The next look counts anew.
    for _ in range(2):
        revival.count(torch.arange(5).view(1, 1, 5))
    found = revival.replacements(latents())
    assert found is not None and not found.dead_K.any()


def test_more_dead_codes_than_places_share_them() -> None:
    found = CodeRevival(7, every=1, seed=1, device=CPU).replacements(latents(3))
    assert found is not None and found.vectors_KC.shape == (7, 2) and len(found.vectors_KC.unique(dim=0)) == 3


def test_a_resumed_one_does_the_same() -> None:
    one = CodeRevival(6, every=2, seed=1, device=CPU)
    for _ in range(4):
        one.replacements(latents())
        one.count(torch.tensor([[[0, 1]]]))
    other = CodeRevival(6, every=2, seed=1, device=CPU)
    other.load_state_dict(one.state_dict())
    found, again = one.replacements(latents()), other.replacements(latents())
    assert found is not None and again is not None
    assert torch.equal(found[0], again[0]) and torch.equal(found[1], again[1])
    different = CodeRevival(6, every=2, seed=2, device=CPU).replacements(latents())
    first = CodeRevival(6, every=2, seed=1, device=CPU).replacements(latents())
    assert different is not None and first is not None and not torch.equal(different[1], first[1])


def test_every_must_be_a_step() -> None:
    with pytest.raises(ValueError, match="every must be 1 or more"):
        CodeRevival(5, every=0, seed=1, device=CPU)
