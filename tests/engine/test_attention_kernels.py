"""Exact attention against its definition."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.kernels import attend, merge_attention_states
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.kernels.torch_native import attend_torch_native


def _tensors(heads: int, groups: int, rows: int, keys: int, size: int) -> list[torch.Tensor]:
    torch.manual_seed(rows * 1009 + keys)
    # The views a model makes: heads behind tokens in memory, keys in a longer buffer of NaN.
    q = torch.randn(rows, heads, size).transpose(0, 1)
    buffer = torch.full((2, groups, keys + 5, size), float("nan"))
    buffer[:, :, :keys] = torch.randn(2, groups, keys, size)
    return [q, buffer[0, :, :keys], buffer[1, :, :keys]]


@pytest.mark.parametrize("kernel", [attend, attend_torch_native])
@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize(("rows", "keys"), [(1, 1), (1, 63), (63, 63), (63, 1000), (257, 300)])
@pytest.mark.parametrize("causal", [True, False])
def test_equals_the_definition(kernel, heads, groups, rows, keys, causal):
    q, k, v = _tensors(heads, groups, rows, keys, 16)
    out, lse = kernel(q, k, v, causal=causal, scale=0.25)
    expected, expected_lse = attend_reference(q, k, v, causal=causal, scale=0.25)
    torch.testing.assert_close(out, expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(lse, expected_lse, atol=2e-5, rtol=1e-4)


def test_plain_blocks_agree_with_one_block():
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
