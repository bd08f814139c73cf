"""The heaviest entries: by definition, interpreted on the CPU, and on a real GPU."""

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.kernels import top_p_mask as module
from sa_chat.engine.kernels.top_p_mask import (
    among_heaviest,
    heaviest,
    heaviest_plain,
    heaviest_triton,
)

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


def _interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for keys, always in CASES:
        weights, counted, limits = _inputs(keys)
        for what, limit, reach in ((weights, limits, True), (counted, 3 * limits, False)):
            expected = heaviest_plain(weights, what, limit, always=always, reach=reach)
            found = heaviest_triton(weights, what, limit, always=always, reach=reach)
            _same(found, expected)
            kept = among_heaviest(weights, what, limit)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module, "_least_plain", _least_by_the_kernel)
                assert torch.equal(among_heaviest(weights, what, limit), kept)


def _least_by_the_kernel(*args, **options) -> torch.Tensor:
    return module._least_triton(*args, **options)[0]


def _same(found: tuple[torch.Tensor, ...], expected: tuple[torch.Tensor, ...]) -> None:
    """The same counts and, as far as they go, the same columns."""
    assert torch.equal(found[1].cpu(), expected[1])
    for mine, right, count in zip(found[0].cpu(), expected[0], expected[1], strict=True):
        kept = int(count[-1])
        assert mine[:kept].tolist() == right[:kept].tolist()


def test_interpreted_kernel_equals_its_twin():
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@settings(deadline=None)
@given(
    weights=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    limit=st.integers(-5, 400),
    always=st.integers(0, 5),
    reach=st.booleans(),
)
def test_keeps_as_few_as_reach_the_limit_or_as_many_as_stay_within_it(
    weights, limit, always, reach
):
    always = min(always, len(weights))
    row = torch.tensor([weights], dtype=torch.float32)
    columns, counts = heaviest(row, row, torch.tensor([float(limit)]), always=always, reach=reach)
    kept = columns[0, : counts[0, -1]].tolist()
    assert kept == sorted(set(kept))
    assert kept[:always] == [*range(always)]
    assert counts[0].tolist() == [sum(k <= i for k in kept) for i in range(len(weights))]
    chosen = [weights[i] for i in kept[always:]]
    others = [w for i, w in enumerate(weights) if i not in kept]
    assert not chosen or not others or min(chosen) > max(others)  # equal ones go together
    if not reach:
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
@pytest.mark.parametrize(("keys", "always"), [*CASES, (131_072, 16)])
def test_gpu_agrees_with_the_cpu(keys, always, device):
    weights, counted, limits = _inputs(keys)
    for what, limit, reach in ((weights, limits, True), (counted, 3 * limits, False)):
        expected = heaviest(weights, what, limit, always=always, reach=reach)
        there = [tensor.to(device) for tensor in (weights, what, limit)]
        _same(heaviest(*there, always=always, reach=reach), expected)
        # Limits that are one number, seen as many, are read as many.
        alike = limit[2:3]
        expected = heaviest(weights, what, alike.repeat(5), always=always, reach=reach)
        _same(
            heaviest(*there[:2], alike.to(device).expand(5), always=always, reach=reach), expected
        )
        kept = among_heaviest(*there).cpu()
        assert torch.equal(kept, among_heaviest(weights, what, limit))


if __name__ == "__main__":
    _interpreted()
