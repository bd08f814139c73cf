"""What the engine knows of its memory: weights once, keys and values, and the rest."""

import pytest
import torch

from running import extend
from sa_chat.engine.cache import KVCache
from sa_chat.engine.session.memory import device_use
from sa_chat.protocol.values import DeviceUse

CPU = torch.device("cpu")


def test_tied_weights_count_once(build_model, as_loaded):
    model = build_model("qwen3")
    untied = as_loaded(model).weights_bytes[CPU]
    model.lm_head.weight = model.model.embed_tokens.weight
    tied = as_loaded(model).weights_bytes
    parameters = sum(parameter.nbytes for parameter in model.parameters())
    buffers = sum(buffer.nbytes for buffer in model.buffers())
    assert tied == {CPU: parameters + buffers}
    assert untied - tied[CPU] == model.lm_head.weight.nbytes


def test_views_of_one_storage_count_once(build_model, as_loaded):
    model = build_model("qwen3")
    before = as_loaded(model).weights_bytes[CPU]
    mlp = model.model.layers[0].mlp
    both = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
    for part, linear in zip(both.chunk(2), (mlp.gate_proj, mlp.up_proj), strict=True):
        linear.weight = torch.nn.Parameter(part, requires_grad=False)
    assert as_loaded(model).weights_bytes[CPU] == before


def test_weights_are_walked_once_for_many_reports(build_model, as_loaded, monkeypatch):
    loaded = as_loaded(build_model("qwen3"))
    (first,) = device_use(loaded)
    monkeypatch.setattr(loaded.model, "parameters", lambda: pytest.fail("walked again"))
    (second,) = device_use(loaded)
    assert first.weights_bytes == second.weights_bytes == loaded.weights_bytes[CPU] > 0


@pytest.mark.parametrize("dtype", ["auto", "int8"])
def test_keys_and_values_are_what_their_buffers_take(dtype, tiny):
    cache = KVCache(tiny.layers, 50, dtype)
    assert device_use(tiny, cache)[0].kv_bytes == 0  # nothing is allocated yet
    extend(tiny, cache, [1, 2, 3])
    (use,) = device_use(tiny, cache)
    assert use.kv_bytes == sum(t.nbytes for layer in cache.buffers for t in layer) > 0
    assert device_use(tiny)[0].kv_bytes == 0
    assert cache.nbytes_on(torch.device("meta")) == 0


def test_the_parts_are_what_is_used(tiny):
    cache = KVCache(tiny.layers, 50)
    extend(tiny, cache, [1, 2, 3])
    (use,) = device_use(tiny, cache)
    assert use.workspace_bytes > 0
    assert use.weights_bytes + use.kv_bytes + use.workspace_bytes == use.used_bytes
    assert 0 < use.driver_bytes < use.total_bytes


def test_workspace_is_never_negative():
    # On CPU what is allocated and not yet written is no part of the process's memory.
    assert DeviceUse("CPU", 10, 10, 100, 20, 8, 5).workspace_bytes == 0


def test_without_a_model_it_is_the_process():
    (use,) = device_use(None)
    assert (use.name, use.weights_bytes, use.kv_bytes) == ("CPU", 0, 0)
    assert use.workspace_bytes == use.used_bytes > 0
