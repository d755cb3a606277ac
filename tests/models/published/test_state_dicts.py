"""The plain state inside a published checkpoint, and what every conversion refuses."""

import pytest
import torch

from speech2img.models.published.state_dicts import converted, shape_of, unwrap_state


def test_unwrap_finds_the_state_in_the_published_wrappings() -> None:
    weight = torch.ones(2)
    wrapped = {"meta": {"epoch": 3}, "state_dict": {"module.a.weight": weight}}
    assert list(unwrap_state(wrapped)) == ["a.weight"]
    assert unwrap_state({"a": weight}) == {"a": weight}
    for wrong in ({}, {"state_dict": {}}, {"a": 3}, {3: weight}, {"state_dict": {"optimizer": {}}}):
        with pytest.raises(ValueError, match="tensor"):
            unwrap_state(wrong)


def test_a_conversion_renames_every_key_or_names_the_one_that_it_does_not_know() -> None:
    state = {"a.weight": torch.ones(2), "b.running_mean": torch.zeros(2)}
    ours = converted(state, lambda key: f"net.{key}", "a toy")
    assert list(ours) == ["net.a.weight", "net.b.running_mean", "net.b.num_batches_tracked"]
    assert ours["net.a.weight"] is state["a.weight"]
    with pytest.raises(ValueError, match="'b.running_mean' is no array of a toy"):
        converted(state, lambda key: key if key.startswith("a") else None, "a toy")


@pytest.mark.parametrize("state", [{}, {"w": torch.zeros(3)}, {"w": torch.zeros(0, 3)}])
def test_an_array_that_is_missing_or_of_another_shape_is_named(state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="w with 2 axes is missing"):
        shape_of(state, "w", 2)
    assert shape_of({"w": torch.zeros(2, 3)}, "w", 2) == (2, 3)
