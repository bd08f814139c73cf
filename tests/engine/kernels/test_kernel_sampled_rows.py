"""The kernels of the sampled rows: their twins, interpreted on the CPU, and on a real GPU."""

import pytest
import torch
from interpreter import run_interpreted

from sa_chat.engine.kernels.block_mass import block_mass, block_mass_torch
from sa_chat.engine.kernels.column_mass import column_mass, column_mass_torch
from sa_chat.engine.kernels.mass_by_level import (
    LEVELS,
    least_weight,
    levels_of,
    mass_by_level_torch,
)
from sa_chat.engine.kernels.row_lse import row_lse, row_lse_torch
from sa_chat.engine.kernels.sampled_rows import sampled_rows_supported
from sa_chat.engine.sparsity import Sample, SelectionSettings, query_blocks_of
from sa_chat.engine.sparsity import row_sampling as sampling_module
from sa_chat.engine.sparsity.row_sampling import sample

SCALE = 0.2


def _tensors(
    heads: int, num_kv_heads: int, rows: int, keys: int, head_dim: int
) -> tuple[torch.Tensor, ...]:
    """Queries, and keys in a longer buffer of NaN."""
    torch.manual_seed(rows + keys)
    q = torch.randn(rows, heads, head_dim).transpose(0, 1)
    buffer = torch.full((num_kv_heads, keys + 7, head_dim), float("nan"))
    buffer[:, :keys] = torch.randn(num_kv_heads, keys, head_dim)
    return q, buffer[:, :keys]


def _same(found: Sample, right: Sample, *, atol: float, rtol: float) -> None:
    near = {"atol": atol, "rtol": rtol}
    assert found.rows == right.rows
    torch.testing.assert_close(found.held_out_rows.cpu(), right.held_out_rows)
    torch.testing.assert_close(found.held_out_lse.cpu(), right.held_out_lse, **near)
    torch.testing.assert_close(found.outside_mass.cpu(), right.outside_mass, **near)
    torch.testing.assert_close(found.block_mass.cpu(), right.block_mass, **near)
    torch.testing.assert_close(found.column_mass.cpu(), right.column_mass, **near)
    near_blocks = found.validation_blocks.cpu(), right.validation_blocks
    torch.testing.assert_close(*near_blocks, **near)
    mean = right.column_mass / right.rows
    levels = found.source.mass_by_level(mean.to(found.column_mass.device), 16)
    for sums, expected in zip(levels, right.source.mass_by_level(mean, 16), strict=True):
        torch.testing.assert_close(sums.cpu(), expected, atol=2e-3, rtol=1e-3)  # in float16
    kept = torch.rand(right.block_mass.shape) < 0.3
    outside = found.column_mass_outside(kept.to(found.column_mass.device)).cpu()
    torch.testing.assert_close(outside, right.column_mass_outside(kept), **near)


TWINS = [  # query heads, kv heads, sampled rows, held-out rows, keys, head size, block
    (4, 2, 19, 3, 900, 64, 128),
    (2, 2, 1, 1, 700, 24, 128),
    (6, 2, 70, 2, 5000, 16, 256),
    (2, 1, 30, 5, 1300, 160, 128),
]


def _check_twins(case: tuple[int, ...], device: str, dtype: torch.dtype, near: dict) -> None:
    """Each kernel against its twin, over rows at random positions."""
    heads, num_kv_heads, sampled, held_out, keys, head_dim, block = case
    q, k = _tensors(heads, num_kv_heads, sampled + held_out, keys, head_dim)
    q, k = q.to(device, dtype).contiguous(), k.to(device, dtype)
    positions = torch.randint(keys // 2, keys, (sampled + held_out,)).int().to(device)
    lse_of = row_lse_torch(q, k, positions, block=block, scale=SCALE)
    found = row_lse(q, k, positions, block=block, scale=SCALE)
    torch.testing.assert_close(found, lse_of, **near)
    local_starts = (positions[:sampled] // 2 // block * block).int().clamp(min=block)
    row_block = (torch.arange(sampled, device=device) // 7).int()
    sizes = {"row_blocks": -(-sampled // 7), "blocks": keys // 2 // block, "block": block}
    lse, mass = block_mass_torch(*lse_of, local_starts, row_block, **sizes)
    found = block_mass(*lse_of, local_starts, row_block, **sizes)
    torch.testing.assert_close(found, (lse, mass), **near)
    of_blocks = mass.sum(dim=1)
    kept = (torch.rand(mass.shape) < 0.3).to(device)
    rows = q, k, lse, local_starts, int(local_starts.min()), of_blocks
    sizes = {"keys": int(local_starts.max()), "block": block, "scale": SCALE}
    for negligible in (0.0, float(of_blocks.median())):
        for kept_blocks in (None, (kept, row_block)):
            found = column_mass(*rows, negligible, kept_blocks, **sizes)
            right = column_mass_torch(*rows, negligible, kept_blocks, **sizes)
            torch.testing.assert_close(found, right, **near)


def test_the_twins_are_softmax_weights_summed_up():
    q, k = _tensors(4, 2, 9, 300, 16)
    positions = torch.tensor([180, 199, 210, 230, 260, 280, 290, 299, 200]).int()  # one held out
    scores = q @ k.repeat_interleave(2, dim=0).transpose(1, 2) * SCALE
    scores.masked_fill_(torch.arange(300) > positions[:, None], -torch.inf)
    by_span, by_block = row_lse_torch(q, k, positions, block=128, scale=SCALE)
    torch.testing.assert_close(by_span[0], scores.logsumexp(-1))
    for b, block in enumerate(scores.split(128, dim=-1)):
        torch.testing.assert_close(by_block[b], block.logsumexp(-1))
    local_starts = torch.tensor([128] * 4 + [256] * 4).int()
    row_block = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2]).int()
    lse, mass = block_mass_torch(
        by_span, by_block, local_starts, row_block, row_blocks=3, blocks=2, block=128
    )
    torch.testing.assert_close(lse, scores.logsumexp(-1))
    weights = scores.softmax(-1)[:, :8, :256] * (torch.arange(256) < local_starts[:, None])
    expected = torch.zeros(4, 3, 2)
    for row, number in enumerate(row_block.tolist()):
        expected[:, number] += weights[:, row].unflatten(-1, (2, 128)).sum(-1)
    torch.testing.assert_close(mass, expected)
    kept = torch.rand(4, 3, 2) < 0.5
    of_blocks = mass.sum(dim=1)
    rows = q, k, lse, local_starts, 128, of_blocks
    sizes = {"keys": 256, "block": 128, "scale": SCALE}
    torch.testing.assert_close(column_mass_torch(*rows, 0.0, **sizes), weights.sum(1))
    left = weights * ~kept[:, row_block].repeat_interleave(128, dim=-1)
    found = column_mass_torch(*rows, 0.0, (kept, row_block), **sizes)
    torch.testing.assert_close(found, left.sum(1))
    even = (of_blocks / 128).repeat_interleave(128, dim=-1)
    torch.testing.assert_close(column_mass_torch(*rows, 1e9, **sizes), even)


def test_mass_by_level_sums_softmax_weights_and_their_squares():
    q, k = _tensors(4, 2, 9, 300, 16)
    scores = q @ k.repeat_interleave(2, dim=0).transpose(1, 2) * SCALE
    lse, weights = scores.logsumexp(-1), scores.softmax(-1)
    mean = torch.rand(4, 256) ** 9
    mean[0, 5:9] = torch.tensor([0.5, 1 / 16, 0.0, 2.0**-30])
    starts = torch.tensor([128, 128, 256, 0]).int()
    sizes = {"first_row": 5, "first_local_start": 0, "num_sink_tokens": 3, "scale": SCALE}
    mass, squares = mass_by_level_torch(q, k, lse, starts, mean, **sizes)
    level = levels_of(mean)
    assert level[0, 5:9].tolist() == [0, 0, LEVELS - 1, LEVELS - 1]
    edges = torch.arange(LEVELS - 1)
    assert torch.equal(levels_of(least_weight(edges)[None])[0], edges.int())
    assert (levels_of(0.999 * least_weight(edges)[None])[0] == edges + 1).all()
    level[:, :3] = 0
    for row, start in enumerate(starts.tolist()):
        for some in (0, 7, LEVELS - 1):
            picked = weights[:, 5 + row, :start] * (level[:, :start] == some)
            torch.testing.assert_close(mass[:, row, some], picked.sum(-1))
            torch.testing.assert_close(squares[:, row, some], picked.square().sum(-1))


def check_interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter: the whole sample by
    the kernels is that in plain torch, which another test compares with its definition."""
    for heads, num_kv_heads, rows, keys, head_dim, query_block, window, block, sampling in [
        (4, 2, 300, 900, 64, 128, 64, 128, "strided"),
        (4, 2, 270, 1100, 24, 256, 128, 128, "tails"),
        (2, 1, 601, 1301, 16, 256, 200, 256, "strided"),
        (2, 2, 1, 400, 160, 128, 64, 128, "strided"),
        (2, 1, 40, 5000, 16, 128, 64, 128, "strided"),
    ]:
        q, k = _tensors(heads, num_kv_heads, rows, keys, head_dim)
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
            patch.setattr(sampling_module, "NEGLIGIBLE_MASS", 0.0)
            found = sample(q, k, query_blocks, settings, scale=SCALE)
            assert found.source.mass_of_blocks is not None
        _same(found, right, atol=1e-5, rtol=1e-4)
    for case in TWINS:
        _check_twins(case, "cpu", torch.float32, {"atol": 1e-5, "rtol": 1e-4})


def test_interpreted_kernels_equal_their_twins():
    run_interpreted(__file__)


def test_cpu_tensors_are_not_for_these_kernels():
    assert not sampled_rows_supported(torch.randn(2, 5, 16, dtype=torch.bfloat16), 128)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", [f"cuda:{i}" for i in range(torch.cuda.device_count())])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("head_dim", [64, 80, 96, 128, 256])
@pytest.mark.parametrize(("rows", "keys"), [(2048, 9000), (700, 1300), (97, 20_000), (1, 1200)])
def test_a_sample_on_the_gpu_is_that_on_the_cpu(rows, keys, head_dim, dtype, device, monkeypatch):
    q, k = (t.to(dtype) for t in _tensors(8, 2, rows, keys, head_dim))
    settings = SelectionSettings(method="block-cluster", window=256)
    query_blocks = query_blocks_of(keys - rows, keys, query_block=512, window=256, block=128)
    right = sample(q.float(), k.float(), query_blocks, settings, scale=SCALE)
    assert sampled_rows_supported(q.to(device), 128)
    assert not sampled_rows_supported(q.to(device), 96)
    monkeypatch.setattr(sampling_module, "NEGLIGIBLE_MASS", 0.0)
    seen = sample(q.to(device), k.to(device), query_blocks, settings, scale=SCALE)
    _same(seen, right, atol=1e-3, rtol=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", [*TWINS, (8, 2, 400, 16, 20_000, 128, 128)])
def test_each_kernel_on_the_gpu_equals_its_twin(case, dtype):
    _check_twins(case, "cuda", dtype, {"atol": 2e-3, "rtol": 1e-2})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_the_gpu_leaves_out_is_negligible():
    q, k = (t.bfloat16().cuda() for t in _tensors(8, 2, 2048, 9000, 64))
    k[:, 3000:6000] = -q.mean(dim=1).view(2, 4, 64).mean(dim=1, keepdim=True)  # little mass
    q *= 4
    query_blocks = query_blocks_of(9000 - 2048, 9000, query_block=512, window=512, block=128)
    seen = sample(q, k, query_blocks, SelectionSettings(), scale=SCALE)
    left_out = seen.outside_mass - seen.column_mass.sum(dim=-1)
    assert (left_out <= sampling_module.NEGLIGIBLE_MASS * seen.rows + 1e-2).all()


if __name__ == "__main__":
    check_interpreted()
