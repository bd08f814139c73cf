"""The heaviest entries: by definition, interpreted on the CPU, and on a real GPU."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import run_interpreted

from sa_chat.engine.kernels.top_p_mask import (
    mask_from,
    mask_from_triton,
    top_p_mask,
    top_p_mask_triton,
    top_p_members,
    top_p_members_triton,
)
from sa_chat.engine.kernels.top_p_mask_torch import top_p_mask_torch, top_p_members_torch

CASES = [(1, 0), (1, 1), (30, 4), (5000, 16), (9001, 0)]


def _inputs(keys: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights with zeros and equal ones among them, counts, and limits none to all.

    All sums are exact, in any order.
    """
    torch.manual_seed(keys)
    weights = (torch.rand(5, keys) ** 6 * 1024).floor() / 1024
    weights[:, ::3] = weights[:, :1].clone()
    total = weights.sum(dim=-1)
    return (
        weights,
        torch.randint(1, 9, (keys,)).float(),
        (total * torch.tensor([0, 0.25, 0.875, 1, 2])),
    )


def check_interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for keys, num_sink_tokens in CASES:
        weights, counted, limits = _inputs(keys)
        for what, limit, at_least in ((weights, limits, True), (counted, 3 * limits, False)):
            expected = top_p_mask_torch(
                weights, what, limit, num_sink_tokens=num_sink_tokens, at_least=at_least
            )
            found = top_p_mask_triton(
                weights, what, limit, num_sink_tokens=num_sink_tokens, at_least=at_least
            )
            _same(found, expected)
            for sinks in {0, num_sink_tokens}:
                kept = top_p_members_torch(weights, what, limit, num_sink_tokens=sinks)
                by_kernel = top_p_members_triton(weights, what, limit, num_sink_tokens=sinks)
                assert torch.equal(by_kernel, kept)
        if keys:
            least = weights[:, keys // 2].clamp(min=2.0**-20)
            sinks = {"num_sink_tokens": num_sink_tokens}
            _same(mask_from_triton(weights, least, **sinks), mask_from(weights, least, **sinks))


def _same(found: tuple[torch.Tensor, ...], expected: tuple[torch.Tensor, ...]) -> None:
    """The same counts and, as far as they go, the same columns."""
    assert torch.equal(found[1].cpu(), expected[1])
    for mine, right, count in zip(found[0].cpu(), expected[0], expected[1], strict=True):
        kept = int(count[-1])
        assert mine[:kept].tolist() == right[:kept].tolist()


@settings(deadline=None)
@given(
    weights=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    least=st.integers(1, 41),
    num_sink_tokens=st.integers(0, 5),
)
def test_keeps_what_weighs_enough(weights, least, num_sink_tokens):
    row = torch.tensor([weights], dtype=torch.float32)
    columns, counts = mask_from(row, torch.tensor([float(least)]), num_sink_tokens=num_sink_tokens)
    kept = [i for i, w in enumerate(weights) if i < num_sink_tokens or w >= least]
    assert columns[0, : counts[0, -1]].tolist() == kept
    assert counts[0].tolist() == [sum(k <= i for k in kept) for i in range(len(weights))]


def test_interpreted_kernel_equals_its_twin():
    run_interpreted(__file__)


@settings(deadline=None)
@given(
    weights=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    limit=st.integers(-5, 400),
    num_sink_tokens=st.integers(0, 5),
    at_least=st.booleans(),
)
def test_keeps_as_few_as_reach_the_limit_or_as_many_as_stay_within_it(
    weights, limit, num_sink_tokens, at_least
):
    num_sink_tokens = min(num_sink_tokens, len(weights))
    row = torch.tensor([weights], dtype=torch.float32)
    columns, counts = top_p_mask(
        row, row, torch.tensor([float(limit)]), num_sink_tokens=num_sink_tokens, at_least=at_least
    )
    kept = columns[0, : counts[0, -1]].tolist()
    assert kept == sorted(set(kept))
    assert kept[:num_sink_tokens] == [*range(num_sink_tokens)]
    assert counts[0].tolist() == [sum(k <= i for k in kept) for i in range(len(weights))]
    chosen = [weights[i] for i in kept[num_sink_tokens:]]
    others = [w for i, w in enumerate(weights) if i not in kept]
    assert not chosen or not others or min(chosen) > max(others)  # equal ones go together
    if not at_least:
        assert sum(chosen) <= max(limit, 0)
        heaviest_left = max(others, default=0)
        assert not others or sum(chosen) + heaviest_left * others.count(heaviest_left) > limit
    elif limit <= 0:
        assert not chosen
    else:
        assert sum(chosen) >= limit or not others
        assert not chosen or sum(chosen) - min(chosen) * chosen.count(min(chosen)) < limit


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", [f"cuda:{i}" for i in range(torch.cuda.device_count())])
@pytest.mark.parametrize(("keys", "num_sink_tokens"), [*CASES, (131_072, 16)])
def test_gpu_agrees_with_the_cpu(keys, num_sink_tokens, device):
    weights, counted, limits = _inputs(keys)
    for what, limit, at_least in ((weights, limits, True), (counted, 3 * limits, False)):
        expected = top_p_mask(
            weights, what, limit, num_sink_tokens=num_sink_tokens, at_least=at_least
        )
        there = [tensor.to(device) for tensor in (weights, what, limit)]
        _same(top_p_mask(*there, num_sink_tokens=num_sink_tokens, at_least=at_least), expected)
    if keys:
        least = weights[:, keys // 2].clamp(min=2.0**-20)
        sinks = {"num_sink_tokens": num_sink_tokens}
        found = mask_from(weights.to(device), least.to(device), **sinks)
        _same(found, mask_from(weights, least, **sinks))
        # Limits that are one number, seen as many, are read as many.
        alike = limit[2:3]
        expected = top_p_mask(
            weights, what, alike.repeat(5), num_sink_tokens=num_sink_tokens, at_least=at_least
        )
        _same(
            top_p_mask(
                *there[:2],
                alike.to(device).expand(5),
                num_sink_tokens=num_sink_tokens,
                at_least=at_least,
            ),
            expected,
        )
        kept = top_p_members(*there).cpu()
        assert torch.equal(kept, top_p_members(weights, what, limit))


if __name__ == "__main__":
    check_interpreted()
