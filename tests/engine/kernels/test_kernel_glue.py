"""Rotary embedding and gate in one kernel each: their twins, interpreted and on a real GPU."""

import pytest
import torch
from interpreter import run_interpreted

from sa_chat.engine.kernels.gate import gate_in_place, gate_in_place_torch
from sa_chat.engine.kernels.rotary import rotate, rotate_torch

DEVICES = [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cuda:0"]
CASES = [(4, 2, 33, 64), (3, 1, 1, 16), (2, 2, 40, 80), (8, 2, 17, 128)]  # H, G, C, D


def _check(case: tuple[int, ...], device: str, dtype: torch.dtype) -> None:
    heads, num_kv_heads, rows, head_dim = case
    close = 1e-5 if dtype == torch.float32 else 2e-2
    torch.manual_seed(rows)
    wide = torch.randn(1, rows, heads + num_kv_heads, head_dim, device=device, dtype=dtype)
    q, k = wide[:, :, :heads].transpose(1, 2), wide[:, :, heads:].transpose(1, 2)  # views of one
    cos, sin = torch.randn(2, 1, rows, head_dim, device=device, dtype=dtype)
    expected = rotate_torch(q.float(), k.float(), cos, sin)
    for found, right in zip(rotate(q, k, cos, sin), expected, strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found.float(), right, atol=close, rtol=close)
    gate, up = torch.randn(2, 1, rows, 1000 + head_dim, device=device, dtype=dtype)
    right = gate.float()
    gate_in_place_torch(right, up)
    gate_in_place(gate, up)
    torch.testing.assert_close(gate.float(), right, atol=close, rtol=close)


def test_rotation_turns_each_pair_by_its_angle():
    angles = torch.randn(7, 4)
    q, k = torch.randn(1, 3, 7, 8), torch.randn(1, 1, 7, 8)
    cos, sin = angles.cos().repeat(1, 2)[None], angles.sin().repeat(1, 2)[None]
    turn = torch.polar(torch.ones_like(angles), angles)
    for given, found in zip((q, k), rotate_torch(q, k, cos, sin), strict=True):
        pairs = torch.complex(given[..., :4], given[..., 4:]) * turn
        torch.testing.assert_close(found, torch.cat([pairs.real, pairs.imag], dim=-1))


def test_the_gate_is_silu_times_up():
    gate, up = torch.randn(2, 50)
    expected = gate / (1 + torch.exp(-gate)) * up
    gate_in_place_torch(gate, up)
    torch.testing.assert_close(gate, expected)


def test_interpreted_kernels_equal_their_twins():
    run_interpreted(__file__)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("case", [*CASES, (32, 8, 8192, 128)])
def test_the_kernels_on_a_gpu(case, dtype, device):
    _check(case, device, dtype)


if __name__ == "__main__":
    for each in CASES:
        _check(each, "cpu", torch.float32)
