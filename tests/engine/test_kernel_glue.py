"""Rotary embedding and gate in one kernel each: the definitions, interpreted and on a real GPU."""

import os
import subprocess
import sys

import pytest
import torch

from sa_chat.engine.kernels.gate import gate_in_place
from sa_chat.engine.kernels.rotary import rotate

DEVICES = [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cuda:0"]
CASES = [(4, 2, 33, 64), (3, 1, 1, 16), (2, 2, 40, 80), (8, 2, 17, 128)]  # H, G, C, D


def _check(case: tuple[int, ...], device: str, dtype: torch.dtype) -> None:
    heads, groups, rows, size = case
    close = 1e-5 if dtype == torch.float32 else 2e-2
    torch.manual_seed(rows)
    wide = torch.randn(1, rows, heads + groups, size, device=device, dtype=dtype)
    q, k = wide[:, :, :heads].transpose(1, 2), wide[:, :, heads:].transpose(1, 2)  # views of one
    cos, sin = torch.randn(2, 1, rows, size, device=device, dtype=dtype)
    for given, found in zip((q, k), rotate(q, k, cos, sin), strict=True):
        first, second = given.float().chunk(2, dim=-1)
        turned = torch.cat((-second, first), dim=-1)
        expected = given.float() * cos.float() + turned * sin.float()
        torch.testing.assert_close(found.float(), expected, atol=close, rtol=close)
    gate, up = torch.randn(2, 1, rows, 1000 + size, device=device, dtype=dtype)
    expected = torch.nn.functional.silu(gate.float()) * up.float()
    gate_in_place(gate, up)
    torch.testing.assert_close(gate.float(), expected, atol=close, rtol=close)


def _interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for case in CASES:
        _check(case, "cpu", torch.float32)


def test_the_kernels_by_the_interpreter():
    pytest.importorskip("triton")
    code = "import test_kernel_glue as test; test._interpreted()"
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    here = os.path.dirname(__file__)
    subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("case", [*CASES, (32, 8, 8192, 128)])
def test_the_kernels_on_a_gpu(case, dtype, device):
    _check(case, device, dtype)
