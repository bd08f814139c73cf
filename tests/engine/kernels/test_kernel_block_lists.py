"""Lists of kept blocks: their definition, interpreted on the CPU, and on a real GPU."""

import pytest
import torch
from interpreter import run_interpreted

from sa_chat.engine.kernels.block_lists import (
    BlockLists,
    block_lists,
    block_lists_torch,
    block_lists_triton,
)


def _inputs(heads: int, rows: int, blocks: int, size: int, most: int) -> tuple[torch.Tensor, ...]:
    """Kept blocks; columns, of which some lie past the last block; and how many are used."""
    torch.manual_seed(blocks + most)
    kept = torch.rand(heads, rows, blocks) < 0.4
    columns = [torch.randperm(size * (blocks + 2))[:most].sort().values for _ in range(heads)]
    num_columns = torch.tensor([[0, most], [0, 0]]).repeat(heads, 1)[:heads]
    return kept, torch.stack(columns).int(), num_columns.int()


CASES = [
    (4, 5, 37, 16, 50),
    (2, 1, 1, 16, 3),
    (3, 2, 64, 128, 2000),
    (2, 3, 0, 16, 2),
    (1, 2, 9, 16, 0),
]


def _same(found: BlockLists, right: BlockLists) -> None:
    for name in ("whole", "counts", "excluded"):
        assert torch.equal(getattr(found, name).cpu(), getattr(right, name)), name
    for mine, its, count in zip(
        found.numbers.cpu().flatten(0, 1),
        right.numbers.flatten(0, 1),
        right.counts.flatten(),
        strict=True,
    ):
        assert mine[:count].tolist() == its[:count].tolist()


@pytest.mark.parametrize("case", CASES)
def test_lists_have_each_kept_block_once_and_those_without_columns_first(case):
    kept, columns, num_columns = _inputs(*case)
    size = case[3]
    lists = block_lists_torch(kept, columns, num_columns, size=size)
    for head, of_head in enumerate(kept):
        flags = torch.zeros(kept.shape[2] * size + 2 * size, dtype=torch.bool)
        flags[columns[head, : num_columns[head, -1]].long()] = True
        flags = flags[: kept.shape[2] * size]
        assert lists.excluded[head].bool().tolist() == flags.tolist()
        broken = {int(at) // size for at in flags.nonzero()}
        for row, of_row in enumerate(of_head):
            found = lists.numbers[head, row, : lists.counts[head, row]].tolist()
            wanted = of_row.nonzero().flatten().tolist()
            clean = [block for block in wanted if block not in broken]
            assert found == clean + [block for block in wanted if block in broken]
            assert lists.whole[head, row] == len(clean)


def check_interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for case in CASES:
        kept, columns, num_columns = _inputs(*case)
        right = block_lists_torch(kept, columns, num_columns, size=case[3])
        _same(block_lists_triton(kept, columns, num_columns, size=case[3]), right)


def test_interpreted_kernels_equal_their_twin():
    run_interpreted(__file__)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", [f"cuda:{i}" for i in range(torch.cuda.device_count())])
@pytest.mark.parametrize("case", [*CASES, (32, 64, 1000, 128, 60_000)])
def test_gpu_agrees_with_the_cpu(case, device):
    inputs = _inputs(*case)
    right = block_lists(*inputs, size=case[3])
    _same(block_lists(*(t.to(device) for t in inputs), size=case[3]), right)


if __name__ == "__main__":
    check_interpreted()
