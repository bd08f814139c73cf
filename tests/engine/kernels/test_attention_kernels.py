"""Exact attention against its definition."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.kernels import attend, merge_attention_states
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.kernels.torch_native import attend_torch_native


def _tensors(
    heads: int, num_kv_heads: int, rows: int, keys: int, head_dim: int
) -> list[torch.Tensor]:
    torch.manual_seed(rows * 1009 + keys)
    # The views a model makes: heads behind tokens in memory, keys in a longer buffer of NaN.
    q = torch.randn(rows, heads, head_dim).transpose(0, 1)
    buffer = torch.full((2, num_kv_heads, keys + 5, head_dim), float("nan"))
    buffer[:, :, :keys] = torch.randn(2, num_kv_heads, keys, head_dim)
    return [q, buffer[0, :, :keys], buffer[1, :, :keys]]


@pytest.mark.parametrize("kernel", [attend, attend_torch_native])
@pytest.mark.parametrize(("heads", "num_kv_heads"), [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize(("rows", "keys"), [(1, 1), (1, 63), (63, 63), (63, 1000), (257, 300)])
@pytest.mark.parametrize("causal", [True, False])
def test_equals_the_definition(kernel, heads, num_kv_heads, rows, keys, causal):
    q, k, v = _tensors(heads, num_kv_heads, rows, keys, 16)
    out, lse = kernel(q, k, v, causal=causal, scale=0.25)
    expected, expected_lse = attend_reference(q, k, v, causal=causal, scale=0.25)
    torch.testing.assert_close(out, expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(lse, expected_lse, atol=2e-5, rtol=1e-4)


def test_the_reference_sees_the_keys_of_its_mask():
    q, k, v = _tensors(4, 2, 5, 30, 16)
    mask = torch.rand(4, 5, 30) < 0.5
    mask[..., 7] = True
    out, lse = attend_reference(q, k, v, scale=0.25, mask=mask)
    for head in range(4):
        for row in range(5):
            seen = mask[head, row].nonzero().flatten()
            one = slice(head // 2, head // 2 + 1)
            expected = attend_reference(
                q[head : head + 1, row : row + 1], k[one, seen], v[one, seen], scale=0.25
            )
            torch.testing.assert_close(out[head, row], expected[0][0, 0])
            torch.testing.assert_close(lse[head, row], expected[1][0, 0])


def test_torch_native_blocks_agree_with_one_block():
    q, k, v = _tensors(4, 2, 65, 130, 16)
    whole = attend_torch_native(q, k, v, causal=True, scale=0.25)
    blocks = attend_torch_native(q, k, v, causal=True, scale=0.25, workspace_bytes=4 * 4 * 130 * 7)
    torch.testing.assert_close(blocks, whole)


def test_bfloat16_stays_close_to_float32():
    q, k, v = _tensors(4, 2, 100, 500, 64)
    half = [t.bfloat16() for t in (q, k, v)]
    out, lse = attend(*half, causal=True, scale=0.125)
    expected, expected_lse = attend_reference(*half, causal=True, scale=0.125)
    torch.testing.assert_close(out.float(), expected, atol=0.02, rtol=0.02)
    torch.testing.assert_close(lse, expected_lse, atol=0.01, rtol=0.01)


@settings(max_examples=25, deadline=None)
@given(keys=st.integers(2, 90), cut=st.integers(1, 89), shift=st.sampled_from([-90.0, 0.0, 90.0]))
def test_merge_of_any_cut_is_the_whole(keys, cut, shift):
    cut = min(cut, keys - 1)
    q, k, v = _tensors(2, 1, 9, keys, 8)
    k = torch.cat([k[:, :cut] + shift, k[:, cut:]], dim=1)
    parts = [
        attend_reference(q, k[:, part], v[:, part], causal=False, scale=1.0)
        for part in (slice(0, cut), slice(cut, None))
    ]
    out, lse = merge_attention_states(*parts[0], *parts[1])
    expected, expected_lse = attend_reference(q, k, v, causal=False, scale=1.0)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(lse, expected_lse, atol=1e-3, rtol=1e-4)


def test_merge_with_an_empty_part_is_the_other():
    out, lse = torch.randn(2, 3, 4), torch.randn(2, 3)
    merged, merged_lse = merge_attention_states(
        torch.zeros(2, 3, 4), torch.full((2, 3), -torch.inf), out, lse
    )
    torch.testing.assert_close(merged, out)
    torch.testing.assert_close(merged_lse, lse)
