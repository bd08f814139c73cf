"""Attention of one new token: the definition, interpreted on the CPU, and on a real GPU."""

import os
import subprocess
import sys

import pytest
import torch

from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.kernels.step import attend_step

CASES = [  # query heads, kv heads, head size, capacity, keys
    (8, 2, 64, 200, 1),
    (8, 2, 64, 200, 200),
    (4, 4, 16, 70, 64),
    (6, 1, 80, 300, 65),
    (20, 1, 128, 130, 129),
    (2, 1, 256, 90, 77),
]
DEVICES = [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cuda:0"]


def _check(case: tuple[int, ...], device: str, dtype: torch.dtype) -> None:
    """Against attention by its definition; what lies behind the keys is not a number."""
    heads, groups, size, capacity, keys = case
    torch.manual_seed(keys)
    q = torch.randn(heads, 1, size, device=device, dtype=dtype)
    k, v = torch.randn(2, groups, capacity, size, device=device, dtype=dtype)
    k[:, keys:] = v[:, keys:] = torch.nan
    length = torch.tensor([keys], device=device)
    out = attend_step(q, k, v, length, scale=0.2)
    expected, _ = attend_reference(q, k[:, :keys], v[:, :keys], causal=False, scale=0.2)
    torch.testing.assert_close(out.float(), expected, atol=2e-2, rtol=2e-2)


def _interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for case in CASES:
        _check(case, "cpu", torch.float32)


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
@pytest.mark.parametrize("case", [*CASES, (32, 8, 128, 70_000, 65_537)])
def test_the_kernel_on_a_gpu(case, dtype, device):
    _check(case, device, dtype)
