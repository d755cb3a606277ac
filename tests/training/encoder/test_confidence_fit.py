"""Confidence of embeddings: what is like the training is told from what lies elsewhere, in every direction."""

import pytest
import torch
from torch import Tensor

from speech2img.models.encoders.confidence import ConfidenceHead
from speech2img.training.encoder.confidence_fit import HELD_OUT, fitted_confidence


def embeddings(kind: str, count: int = 300) -> Tensor:
    """Inside: eight directions of 32 at distance one; outside: other directions, or the same ones too near or far."""
    generator = torch.Generator().manual_seed(sum(kind.encode()) + count)
    basis = torch.linalg.qr(torch.randn(32, 32, generator=torch.Generator().manual_seed(0))).Q
    inside = torch.nn.functional.normalize(torch.randn(count, 8, generator=generator), dim=1) @ basis[:8]
    if kind == "elsewhere":
        inside = torch.nn.functional.normalize(torch.randn(count, 32, generator=generator), dim=1)
    noise = 0.02 * torch.randn(count, 32, generator=generator)
    return {"near": 0.3, "far": 3.0}.get(kind, 1.0) * inside + noise + 5


@pytest.fixture(scope="module")
def head() -> ConfidenceHead:
    outside = torch.cat([embeddings(kind) for kind in ("elsewhere", "near", "far")])
    return fitted_confidence(embeddings("inside"), outside, components=8)


def auc(inside: Tensor, outside: Tensor) -> float:
    return float((inside[:, None] > outside[None]).float().mean())


@pytest.mark.parametrize("kind", ["elsewhere", "near", "far"])
def test_what_lies_elsewhere_is_doubted(head: ConfidenceHead, kind: str) -> None:
    with torch.no_grad():
        known, strange = head(embeddings("inside", 200)), head(embeddings(kind, 200))
    assert known.min() >= 0 and known.max() <= 1 and known.shape == (200,)
    assert auc(known, strange) > 0.95


def test_few_that_are_known_count_as_low(head: ConfidenceHead) -> None:
    with torch.no_grad():
        assert 0.01 < float((head(embeddings("inside", 400)) < head.low).float().mean()) < 0.12


def test_the_same_embeddings_give_the_same_head_and_it_is_stored_as_any_other(head: ConfidenceHead) -> None:
    outside = torch.cat([embeddings(kind) for kind in ("elsewhere", "near", "far")])
    again = fitted_confidence(embeddings("inside"), outside, components=8)
    copy = ConfidenceHead(32, 8)
    copy.load_state_dict(head.state_dict())
    with torch.no_grad():
        for other in (again, copy):
            assert torch.equal(other(embeddings("far")), head(embeddings("far")))


def test_components_are_as_many_as_there_can_be() -> None:
    few = fitted_confidence(embeddings("inside", 10), embeddings("far", 10), components=64)
    assert few.components == 10 - 10 // HELD_OUT - 1
    with pytest.raises(ValueError, match="components must be 1..32"):
        ConfidenceHead(32, 33)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_or_broken_embeddings_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="at least two finite"):
        fitted_confidence(embeddings("inside", count), embeddings("far"))
    with pytest.raises(ValueError, match="at least two finite"):
        fitted_confidence(embeddings("inside"), torch.full((9, 32), torch.nan))
