"""The fused operators on a real GPU against the definition."""

import pytest
import torch

from sa_chat.engine.kernels import attend
from sa_chat.engine.kernels.cuda import attend_cuda_supported
from sa_chat.engine.kernels.reference import attend_reference

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("device", range(max(1, torch.cuda.device_count())))
@pytest.mark.parametrize("head_dim", [64, 80, 96, 128, 256])
@pytest.mark.parametrize(
    ("rows", "keys", "causal"),
    [
        (1, 1, True),
        (1, 3001, True),
        (7, 7, True),
        (333, 1000, True),
        (512, 4097, False),
        (1024, 1024, True),
        (1024, 2048, False),
        (1024, 1024 + 3 * 2048 + 5, True),
        (2048, 5 * 2048, True),
    ],
)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_agrees_with_the_definition(device, head_dim, rows, keys, causal, dtype):
    torch.manual_seed(rows + keys + head_dim)
    place = torch.device("cuda", device)
    q = torch.randn(8, rows, head_dim, device=place, dtype=dtype)
    cache = torch.randn(2, 2, keys + 100, head_dim, device=place, dtype=dtype)
    k, v = cache[0, :, :keys], cache[1, :, :keys]  # views of a larger buffer, as in the cache
    assert attend_cuda_supported(q, v)
    out, lse = attend(q, k, v, causal=causal, scale=head_dim**-0.5)
    right, right_lse = attend_reference(q, k, v, causal=causal, scale=head_dim**-0.5)
    assert out.device == place
    assert (out.float() - right).norm() / right.norm() < 5e-3
    assert lse.shape == right_lse.shape
    assert (lse - right_lse).abs().max() < 2e-3


def test_other_types_and_sizes_are_computed_by_torch_native():
    q = torch.randn(2, 5, 20, device="cuda")
    k, v = torch.randn(1, 9, 20, device="cuda"), torch.randn(1, 9, 24, device="cuda")
    assert not attend_cuda_supported(q, v)
    out, lse = attend(q, k, v, causal=True, scale=0.2)
    right, right_lse = attend_reference(q, k, v, causal=True, scale=0.2)
    torch.testing.assert_close(out, right, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(lse, right_lse, atol=1e-4, rtol=1e-4)
