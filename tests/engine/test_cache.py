"""The preallocated cache: written once, rolled back exactly."""

import pytest
import torch

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
    assert keys.data_ptr() == cache.layers[0].keys.data_ptr()


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
