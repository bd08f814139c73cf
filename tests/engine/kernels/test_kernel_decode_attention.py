"""Attention of one new token: its twin, interpreted on the CPU, and on a real GPU."""

import pytest
import torch
from interpreter import run_interpreted

from sa_chat.engine.kernels.decode_attention import decode_attention, decode_attention_torch
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
    """Against the twin; what lies around the keys is not a number."""
    heads, num_kv_heads, head_dim, capacity, keys, window = case
    torch.manual_seed(keys)
    q = torch.randn(heads, 1, head_dim, device=device, dtype=dtype)
    k, v = torch.randn(2, num_kv_heads, capacity, head_dim, device=device, dtype=dtype)
    before = max(0, keys - (window or keys))
    k[:, keys:] = v[:, keys:] = torch.nan
    k[:, :before] = v[:, :before] = torch.nan
    length = torch.tensor([keys], device=device)
    sink_logits = torch.linspace(-30.0, 30.0, heads, device=device, dtype=dtype)
    for sinks in (None, sink_logits):
        options = {"scale": 0.2, "window": window, "sink_logits": sinks}
        expected = decode_attention_torch(q, k, v, length, **options)
        out = decode_attention(q, k, v, length, **options)
        assert out.dtype == dtype
        torch.testing.assert_close(out.float(), expected, atol=2e-2, rtol=2e-2)


def _check_int8(case: tuple[int | None, ...], device: str, dtype: torch.dtype) -> None:
    """Over rows that are rounded and scaled."""
    heads, num_kv_heads, head_dim, capacity, keys, window = case
    torch.manual_seed(keys)
    q = torch.randn(heads, 1, head_dim, device=device, dtype=dtype)
    shape = (2, num_kv_heads, capacity, head_dim)
    k, v = torch.randint(-127, 128, shape, device=device).to(torch.int8)
    scales = torch.rand(2, num_kv_heads, capacity, 1, device=device) / 64
    scales[:, :, keys:] = scales[:, :, : max(0, keys - (window or keys))] = torch.nan
    options = {"scale": 0.2, "window": window, "kv_scales": tuple(scales)}
    length = torch.tensor([keys], device=device)
    expected = decode_attention_torch(q, k, v, length, **options)
    out = decode_attention(q, k, v, length, **options)
    torch.testing.assert_close(out.float(), expected, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("case", CASES)
def test_the_twin_is_attention_by_its_definition(case):
    heads, num_kv_heads, head_dim, capacity, keys, window = case
    torch.manual_seed(keys)
    q = torch.randn(heads, 1, head_dim)
    rounded = torch.randint(-127, 128, (2, num_kv_heads, capacity, head_dim)).to(torch.int8)
    scales = torch.rand(2, num_kv_heads, capacity, 1) / 64
    k, v = rounded.float() * scales
    seen = slice(max(0, keys - (window or keys)), keys)
    expected, lse = attend_reference(q, k[:, seen], v[:, seen], scale=0.2)
    length, options = torch.tensor([keys]), {"scale": 0.2, "window": window}
    torch.testing.assert_close(decode_attention_torch(q, k, v, length, **options), expected)
    int8 = decode_attention_torch(q, *rounded, length, **options, kv_scales=tuple(scales))
    torch.testing.assert_close(int8, expected)
    sink_logits = torch.linspace(-30.0, 30.0, heads)
    weights = torch.cat([lse, sink_logits[:, None]], dim=1).softmax(dim=1)
    out = decode_attention_torch(q, k, v, length, **options, sink_logits=sink_logits)
    torch.testing.assert_close(out, expected * weights[:, :1, None])


def check_interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for case in CASES:
        _check(case, "cpu", torch.float32)
        _check_int8(case, "cpu", torch.float32)
    _check_splits()


def _check_splits() -> None:
    """A window launches as many programs however large the cache is."""
    from triton.runtime.interpreter import InterpretedFunction

    grids, run = [], InterpretedFunction.run

    def watched(kernel, *args, grid, **options):
        grids.append((kernel.__name__, grid))
        return run(kernel, *args, grid=grid, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InterpretedFunction, "run", watched)
        for capacity in (200, 2000):
            _check((4, 2, 16, capacity, 180, 100), "cpu", torch.float32)
    assert len(grids) == 8  # two kernels in each of four calls
    assert set(grids) == {("_decode_split_kernel", (2, 2)), ("_decode_merge_kernel", (4,))}


def test_interpreted_kernel_equals_its_twin():
    run_interpreted(__file__)


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


if __name__ == "__main__":
    check_interpreted()
