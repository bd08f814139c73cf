"""The kernels of the sampled rows against softmax: interpreted on the CPU, and on a real GPU."""

import os
import subprocess
import sys

import pytest
import torch

from sa_chat.engine.kernels.launch import on_tensor_cores
from sa_chat.engine.kernels.sampled import column_mass, row_lse
from sa_chat.engine.selection import sampling, tiles_of
from sa_chat.engine.selection.sampling import sample

SCALE = 0.2


def _tensors(heads: int, groups: int, rows: int, keys: int, size: int) -> tuple[torch.Tensor, ...]:
    """Rows at ascending positions, and keys in a longer buffer of NaN."""
    torch.manual_seed(rows + keys)
    q = torch.randn(rows, heads, size).transpose(0, 1)
    buffer = torch.full((groups, keys + 7, size), float("nan"))
    buffer[:, :keys] = torch.randn(groups, keys, size)
    positions = torch.randint(0, keys, (rows,)).sort().values
    positions[-1] = keys - 1
    return q, buffer[:, :keys], positions.int()


def _exact(q, k, positions, before, keys: int) -> tuple[torch.Tensor, torch.Tensor]:
    shared = k.repeat_interleave(len(q) // len(k), dim=0).float()
    scores = q.float() @ shared.transpose(1, 2) * SCALE
    at = torch.arange(k.shape[1])
    scores = scores.masked_fill(at > positions[:, None], float("-inf"))
    weights = scores.softmax(dim=-1) * (at < before[:, None])
    return scores.logsumexp(dim=-1), weights.sum(dim=1)[:, :keys]


def _interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for heads, groups, rows, keys, size in [
        (4, 2, 70, 5000, 24),
        (2, 1, 3, 100, 64),
        (4, 2, 1, 1, 16),
        (2, 2, 65, 129, 160),
    ]:
        q, k, positions = _tensors(heads, groups, rows, keys, size)
        before = (positions // 2).int()
        columns = int(before.max())
        expected, expected_mass = _exact(q, k, positions, before, columns)
        lse = row_lse(q, k, positions, scale=SCALE)
        torch.testing.assert_close(lse, expected, atol=1e-5, rtol=1e-5)
        mass = column_mass(q, k, lse, before, keys=columns, scale=SCALE)
        torch.testing.assert_close(mass, expected_mass, atol=1e-5, rtol=1e-4)
    _sampled_as_on_a_gpu()


def _sampled_as_on_a_gpu() -> None:
    """The whole sample by the kernels is that in plain torch."""
    q, k, _ = _tensors(4, 2, 300, 900, 64)
    for keys, rows in ((900, 300), (270, 270), (601, 1)):
        chunk, seen = q[:, :rows], k[:, :keys]
        tiles = tiles_of(keys - rows, keys, tile=128, window=64)
        plain = sample(chunk, seen, tiles, share=0.05, scale=SCALE)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sampling, "on_tensor_cores", lambda q: True)
            found = sample(chunk, seen, tiles, share=0.05, scale=SCALE)
        assert found.rows == plain.rows
        torch.testing.assert_close(found.held_rows, plain.held_rows)
        torch.testing.assert_close(found.held_lse, plain.held_lse, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.mass, plain.mass, atol=1e-5, rtol=1e-4)


def test_interpreted_kernels_equal_the_definition():
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_cpu_tensors_are_not_for_these_kernels():
    assert not on_tensor_cores(torch.randn(2, 5, 16, dtype=torch.bfloat16))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", [f"cuda:{i}" for i in range(torch.cuda.device_count())])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [64, 80, 96, 128, 256])
@pytest.mark.parametrize(("rows", "keys"), [(2048, 9000), (700, 701), (97, 20_000), (1, 600)])
def test_a_sample_on_the_gpu_is_that_on_the_cpu(rows, keys, size, dtype, device):
    q, k, _ = (t.to(dtype) for t in _tensors(8, 2, rows, keys, size))
    tiles = tiles_of(keys - rows, keys, tile=512, window=256)
    right = sample(q.float(), k.float(), tiles, share=0.05, scale=SCALE)
    assert on_tensor_cores(q.to(device))
    seen = sample(q.to(device), k.to(device), tiles, share=0.05, scale=SCALE)
    torch.testing.assert_close(seen.held_lse.cpu(), right.held_lse, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(seen.mass.cpu(), right.mass, atol=1e-3, rtol=1e-2)


if __name__ == "__main__":
    _interpreted()
