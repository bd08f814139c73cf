"""The preallocated cache: written once, rolled back exactly."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from sa_chat.engine.cache import KVCache


def _states(tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(1, 2, tokens, 8), torch.randn(1, 2, tokens, 8)


def test_appends_and_returns_views_of_everything():
    cache = KVCache(2, 20)
    first, second = _states(7), _states(5)
    cache.update(*first, 0)
    keys, values = cache.update(*second, 0)
    torch.testing.assert_close(keys, torch.cat([first[0], second[0]], dim=2))
    torch.testing.assert_close(values, torch.cat([first[1], second[1]], dim=2))
    assert keys.data_ptr() == cache.layers[0].buffers[0].data_ptr()


def test_length_is_what_every_layer_holds():
    cache = KVCache(2, 20)
    cache.update(*_states(7), 0)
    assert (cache.length, cache.free) == (0, 20)
    cache.update(*_states(7), 1)
    assert (cache.length, cache.free) == (7, 13)
    assert cache.get_seq_length() == 7
    assert cache.get_mask_sizes(3, 0) == (10, 0)


def test_truncate_forgets_also_what_only_some_layers_got():
    cache = KVCache(2, 20)
    kept = _states(7)
    for layer in range(2):
        cache.update(*kept, layer)
    cache.update(*_states(5), 0)  # a pass that stopped after the first layer
    cache.truncate(4)
    assert [cache.get_seq_length(layer) for layer in range(2)] == [4, 4]
    more = _states(2)
    keys, _ = cache.update(*more, 0)
    torch.testing.assert_close(keys, torch.cat([kept[0][:, :, :4], more[0]], dim=2))


def test_bytes_do_not_grow_with_length():
    cache = KVCache(2, 20)
    assert cache.nbytes == 0
    for layer in range(2):
        cache.update(*_states(1), layer)
    allocated = 2 * 2 * (2 * 20 * 8) * 4
    assert cache.nbytes == allocated
    for layer in range(2):
        cache.update(*_states(19), layer)
    assert cache.nbytes == allocated


def test_writing_past_the_end_is_a_bug():
    cache = KVCache(1, 4)
    with pytest.raises(AssertionError, match="5 tokens in a cache of 4"):
        cache.update(*_states(5), 0)


def test_int8_halves_the_memory_and_rounds_to_a_254th():
    torch.manual_seed(1)
    keys = (torch.randn(1, 2, 50, 64) * torch.rand(1, 2, 50, 1)).bfloat16()
    values = torch.randn(1, 2, 50, 32, dtype=torch.bfloat16)  # of another size, as in MLA
    keys[0, 0, 3] = 0.0
    cache = KVCache(1, 50, "int8")
    cache.update(keys[:, :, :20], values[:, :, :20], 0)
    found = cache.update(keys[:, :, 20:], values[:, :, 20:], 0)
    assert cache.nbytes == 50 * 2 * (64 + 32 + 2 * 4)
    for states, read in zip((keys, values), found, strict=True):
        assert read.dtype == torch.bfloat16
        step = states.float().abs().amax(dim=-1, keepdim=True) / 127
        off = (read.float() - states.float()).abs()
        assert bool((off <= step * 0.5 + states.float().abs() * 2**-8).all())
    once = KVCache(1, 50, "int8").update(keys, values, 0)
    for chunked, whole in zip(found, once, strict=True):
        assert torch.equal(chunked, whole)


@pytest.mark.parametrize("dtype", ["auto", "int8"])
def test_layers_go_to_disk_and_come_back_one_by_one(tmp_path, dtype):
    cache = KVCache(2, 12, dtype)
    for layer in range(2):
        cache.update(*torch.randn(2, 1, 2, 9, 8), layer)
    for at, layer in enumerate(cache.layers):
        parts = {str(i): part[:, :, :9].contiguous() for i, part in enumerate(layer.buffers)}
        save_file(parts, tmp_path / f"{at}.safetensors")
    again = KVCache(2, 12, dtype)
    for at, layer in enumerate(again.layers):
        layer.lazy_initialization(*torch.empty(2, 1, 2, 0, 8))
        parts = load_file(tmp_path / f"{at}.safetensors")
        for i, buffer in enumerate(layer.buffers):
            buffer[:, :, :9] = parts[str(i)]
        layer.length = 9
    more = torch.randn(2, 1, 2, 3, 8)
    for layer in range(2):
        for mine, theirs in zip(
            again.update(*more, layer), cache.update(*more, layer), strict=True
        ):
            assert torch.equal(mine, theirs)
