"""Copies of columns: their definition, interpreted on the CPU, and on a real GPU."""

import pytest
import torch
from interpreter import run_interpreted

from sa_chat.engine.kernels.gather import gather, gather_torch

CASES = [  # query heads, kv heads, keys, columns, head size
    (4, 2, 300, 130, 16),
    (2, 2, 70, 64, 80),
    (6, 1, 9, 1, 24),
    (3, 1, 50, 0, 16),
]


def _inputs(case: tuple[int, ...], device: str = "cpu") -> tuple[torch.Tensor, ...]:
    """Views of a longer buffer; columns, and how many of them each query block uses."""
    heads, num_kv_heads, keys, most, head_dim = case
    torch.manual_seed(keys)
    k, v = torch.randn(2, num_kv_heads, keys + 5, head_dim, device=device)
    columns = [torch.randperm(keys)[:most].sort().values for _ in range(heads)]
    num_columns = torch.randint(0, most + 1, (heads, 3)).sort(dim=-1).values
    num_columns[0] = most
    lists = torch.stack(columns).int().to(device), num_columns.int().to(device)
    return k[:, :keys], v[:, :keys], *lists


def _check(case: tuple[int, ...], device: str, dtype: torch.dtype) -> None:
    k, v, columns, num_columns = _inputs(case, device)
    k, v = k.to(dtype), v.to(dtype)
    found, right = gather(k, v, columns, num_columns), gather_torch(k, v, columns, num_columns)
    for head, count in enumerate(num_columns[:, -1].tolist()):
        assert torch.equal(found.keys[head, :count], right.keys[head, :count])
        assert torch.equal(found.values[head, :count], right.values[head, :count])


@pytest.mark.parametrize("case", CASES)
def test_the_twin_copies_what_the_last_query_block_uses(case):
    k, v, columns, num_columns = _inputs(case)
    found = gather_torch(k, v, columns, num_columns)
    for head, count in enumerate(num_columns[:, -1].tolist()):
        at, kv_head = columns[head, :count].tolist(), head // (case[0] // case[1])
        assert torch.equal(found.keys[head, :count], k[kv_head, at])
        assert torch.equal(found.values[head, :count], v[kv_head, at])
        assert found.keys[head, count:].isnan().all()


def check_interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for case in CASES:
        _check(case, "cpu", torch.float32)


def test_interpreted_kernel_equals_its_twin():
    run_interpreted(__file__)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", [f"cuda:{i}" for i in range(torch.cuda.device_count())])
@pytest.mark.parametrize("case", [*CASES, (32, 8, 131_072, 20_000, 128)])
def test_gpu_equals_its_twin(case, device):
    _check(case, device, torch.bfloat16)


if __name__ == "__main__":
    check_interpreted()
