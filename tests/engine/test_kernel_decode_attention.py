"""Attention of one new token: the definition, interpreted on the CPU, and on a real GPU."""

import os
import subprocess
import sys

import pytest
import torch

from sa_chat.engine.kernels import decode_attention as step
from sa_chat.engine.kernels.decode_attention import decode_attention
from sa_chat.engine.kernels.reference import attend_reference

CASES = [  # query heads, kv heads, head size, capacity, keys, window
    (8, 2, 64, 200, 1, None),
    (8, 2, 64, 200, 200, None),
    (4, 4, 16, 70, 64, None),
    (6, 1, 80, 300, 65, None),
    (20, 1, 128, 130, 129, None),
    (2, 1, 256, 90, 77, None),
    (8, 2, 64, 200, 1, 70),
    (8, 2, 64, 200, 200, 70),
    (8, 2, 64, 200, 150, 1),
    (6, 1, 80, 300, 299, 128),
    (4, 4, 16, 70, 64, 64),
    (4, 4, 16, 70, 60, 64),
    (2, 1, 256, 90, 77, 1000),
]
DEVICES = [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cuda:0"]


def _check(case: tuple[int | None, ...], device: str, dtype: torch.dtype) -> None:
    """Against attention by its definition; what lies around the keys is not a number."""
    heads, groups, size, capacity, keys, window = case
    torch.manual_seed(keys)
    q = torch.randn(heads, 1, size, device=device, dtype=dtype)
    k, v = torch.randn(2, groups, capacity, size, device=device, dtype=dtype)
    seen = slice(max(0, keys - (window or keys)), keys)
    expected, lse = attend_reference(q, k[:, seen], v[:, seen], causal=False, scale=0.2)
    k[:, keys:] = v[:, keys:] = torch.nan
    k[:, : seen.start] = v[:, : seen.start] = torch.nan
    length = torch.tensor([keys], device=device)
    out = decode_attention(q, k, v, length, scale=0.2, window=window)
    torch.testing.assert_close(out.float(), expected, atol=2e-2, rtol=2e-2)
    sink_logits = torch.linspace(-30.0, 30.0, heads, device=device, dtype=dtype)
    out = decode_attention(q, k, v, length, scale=0.2, window=window, sink_logits=sink_logits)
    weights = torch.cat([lse, sink_logits.float()[:, None]], dim=1).softmax(dim=1)
    expected *= weights[:, :1, None]
    torch.testing.assert_close(out.float(), expected, atol=2e-2, rtol=2e-2)


def _check_int8(case: tuple[int | None, ...], device: str, dtype: torch.dtype) -> None:
    """Over rows that are rounded and scaled, against the definition over what they stand for."""
    heads, groups, size, capacity, keys, window = case
    torch.manual_seed(keys)
    q = torch.randn(heads, 1, size, device=device, dtype=dtype)
    k, v = torch.randint(-127, 128, (2, groups, capacity, size), device=device).to(torch.int8)
    scales = torch.rand(2, groups, capacity, 1, device=device) / 64
    seen = slice(max(0, keys - (window or keys)), keys)
    whole = [
        rows[:, seen].float() * each[:, seen] for rows, each in zip((k, v), scales, strict=True)
    ]
    expected, _ = attend_reference(q.float(), *whole, causal=False, scale=0.2)
    scales[:, :, keys:] = scales[:, :, : seen.start] = torch.nan
    length = torch.tensor([keys], device=device)
    out = decode_attention(q, k, v, length, scale=0.2, window=window, kv_scales=tuple(scales))
    torch.testing.assert_close(out.float(), expected, atol=2e-2, rtol=2e-2)


def _interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for case in CASES:
        _check(case, "cpu", torch.float32)
        _check_int8(case, "cpu", torch.float32)
    _check_splits()


def _check_splits() -> None:
    """A window launches as many programs however large the cache is."""
    grids = []
    kernel = step._split

    class Watched:
        def __getitem__(self, grid: tuple[int, int]) -> object:
            grids.append(grid)
            return kernel[grid]

    step._split = Watched()
    try:
        for capacity in (200, 2000):
            _check((4, 2, 16, capacity, 180, 100), "cpu", torch.float32)
    finally:
        step._split = kernel
    assert set(grids) == {(2, 2)}


def test_the_kernel_by_the_interpreter():
    pytest.importorskip("triton")
    code = "import test_kernel_step as test; test._interpreted()"
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    here = os.path.dirname(__file__)
    subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "case",
    [
        *CASES,
        (32, 8, 128, 70_000, 65_537, None),
        (32, 8, 128, 70_000, 65_537, 4096),
        (64, 8, 64, 70_000, 65_537, 128),
    ],
)
def test_the_kernel_on_a_gpu(case, dtype, device):
    _check(case, device, dtype)
    _check_int8(case, device, dtype)
