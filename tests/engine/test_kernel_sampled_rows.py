"""The kernels of the sampled rows against softmax: interpreted on the CPU, and on a real GPU."""

import os
import subprocess
import sys

import pytest
import torch

from sa_chat.engine.kernels.sampled_rows import sampled_rows_supported
from sa_chat.engine.sparsity import Sample, SelectionSettings, query_blocks_of
from sa_chat.engine.sparsity import row_sampling as sampling_module
from sa_chat.engine.sparsity.row_sampling import sample

SCALE = 0.2


def _tensors(heads: int, groups: int, rows: int, keys: int, size: int) -> tuple[torch.Tensor, ...]:
    """Queries, and keys in a longer buffer of NaN."""
    torch.manual_seed(rows + keys)
    q = torch.randn(rows, heads, size).transpose(0, 1)
    buffer = torch.full((groups, keys + 7, size), float("nan"))
    buffer[:, :keys] = torch.randn(groups, keys, size)
    return q, buffer[:, :keys]


def _same(found: Sample, right: Sample, *, atol: float, rtol: float) -> None:
    near = {"atol": atol, "rtol": rtol}
    assert found.rows == right.rows
    torch.testing.assert_close(found.held_rows.cpu(), right.held_rows)
    torch.testing.assert_close(found.held_lse.cpu(), right.held_lse, **near)
    torch.testing.assert_close(found.outside.cpu(), right.outside, **near)
    torch.testing.assert_close(found.blocks.cpu(), right.blocks, **near)
    torch.testing.assert_close(found.mass.cpu(), right.mass, **near)
    kept = torch.rand(right.blocks.shape) < 0.3
    beside = found.mass_beside(kept.to(found.mass.device)).cpu()
    torch.testing.assert_close(beside, right.mass_beside(kept), **near)


def _interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter: the whole sample by
    the kernels is that in plain torch, which another test compares with its definition."""
    for heads, groups, rows, keys, size, query_block, window, block, sampling in [
        (4, 2, 300, 900, 64, 128, 64, 128, "strided"),
        (4, 2, 270, 1100, 24, 256, 128, 128, "tails"),
        (2, 1, 601, 1301, 16, 256, 200, 256, "strided"),
        (2, 2, 1, 400, 160, 128, 64, 128, "strided"),
        (2, 1, 40, 5000, 16, 128, 64, 128, "strided"),
    ]:
        q, k = _tensors(heads, groups, rows, keys, size)
        query_blocks = query_blocks_of(
            keys - rows, keys, query_block=query_block, window=window, block=block
        )
        sizes = {
            "query_block": query_block,
            "block": block,
            "sampling": sampling,
            "sampled_share": 0.05,
        }
        settings = SelectionSettings(method="block-cluster", **sizes)
        right = sample(q, k, query_blocks, settings, scale=SCALE)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sampling_module, "sampled_rows_supported", lambda q, block: True)
            patch.setattr(sampling_module, "_NEGLIGIBLE", 0.0)
            found = sample(q, k, query_blocks, settings, scale=SCALE)
            assert found.source.by_block is not None
        _same(found, right, atol=1e-5, rtol=1e-4)


def test_interpreted_kernels_equal_the_definition():
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_cpu_tensors_are_not_for_these_kernels():
    assert not sampled_rows_supported(torch.randn(2, 5, 16, dtype=torch.bfloat16), 128)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", [f"cuda:{i}" for i in range(torch.cuda.device_count())])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [64, 80, 96, 128, 256])
@pytest.mark.parametrize(("rows", "keys"), [(2048, 9000), (700, 1300), (97, 20_000), (1, 1200)])
def test_a_sample_on_the_gpu_is_that_on_the_cpu(rows, keys, size, dtype, device, monkeypatch):
    q, k = (t.to(dtype) for t in _tensors(8, 2, rows, keys, size))
    settings = SelectionSettings(method="block-cluster", window=256)
    query_blocks = query_blocks_of(keys - rows, keys, query_block=512, window=256, block=128)
    right = sample(q.float(), k.float(), query_blocks, settings, scale=SCALE)
    assert sampled_rows_supported(q.to(device), 128)
    assert not sampled_rows_supported(q.to(device), 96)
    monkeypatch.setattr(sampling_module, "_NEGLIGIBLE", 0.0)
    seen = sample(q.to(device), k.to(device), query_blocks, settings, scale=SCALE)
    _same(seen, right, atol=1e-3, rtol=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_the_gpu_leaves_out_is_negligible():
    q, k = (t.bfloat16().cuda() for t in _tensors(8, 2, 2048, 9000, 64))
    k[:, 3000:6000] = -q.mean(dim=1).view(2, 4, 64).mean(dim=1, keepdim=True)  # little mass
    q *= 4
    query_blocks = query_blocks_of(9000 - 2048, 9000, query_block=512, window=512, block=128)
    seen = sample(q, k, query_blocks, SelectionSettings(), scale=SCALE)
    left_out = seen.outside - seen.mass.sum(dim=-1)
    assert (left_out <= sampling_module._NEGLIGIBLE * seen.rows + 1e-2).all()


if __name__ == "__main__":
    _interpreted()
