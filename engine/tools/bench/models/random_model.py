"""A model of a public shape with random weights: for speed and memory, never for answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from ....attention import NAME, register
from ....model.fused import fuse
from ....model.links import connect
from ....model.loaded import LoadedModel, loaded_model
from ....model.structure import structure_of
from ....platform.devices import platform_of
from ..presets import Shape

_FAMILIES: dict[str, tuple[Callable[..., PretrainedConfig], type[PreTrainedModel]]] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}


def config_of(shape: Shape, dtype: torch.dtype, context: int) -> PretrainedConfig:
    """The shape as `transformers` describes a model."""
    return _FAMILIES[shape.family][0](
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_size,
        max_position_embeddings=context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=shape.tied_embeddings,
        dtype=dtype,
    )


def random_model(
    shape: Shape,
    devices: Sequence[torch.device],
    dtype: torch.dtype,
    *,
    context: int,
    seed: int = 0,
) -> LoadedModel:
    """The shape with normal weights (of the family's own standard deviation) and norms of one.

    Each weight is drawn on the device that it stays on, so that the host never holds any.  Layers
    are split evenly over `devices`.

    Args:
        context: tokens that the model is declared to read.
    Raises:
        ModelError: the engine cannot attend in it.
        torch.OutOfMemoryError: it does not fit.
    """
    began = time.perf_counter()
    register()
    config, model_type = config_of(shape, dtype, context), _FAMILIES[shape.family][1]
    with torch.device("meta"):
        model: PreTrainedModel = model_type._from_config(  # type: ignore[no-untyped-call]
            config, attn_implementation=NAME
        )
    structure = structure_of(model)
    parts = structure.parts(tuple(devices), -(-shape.layers // len(devices)))
    generators = {
        device: torch.Generator(device).manual_seed(seed + at) for at, device in enumerate(devices)
    }
    weights = {
        name: _drawn(name, like, generators[_device_of(parts, name)], dtype, config)
        for name, like in model.named_parameters()
    }
    model.load_state_dict(weights, strict=False, assign=True)
    model.tie_weights()
    _compute_rotary(model, config, devices[0])
    model.requires_grad_(False).train(False)
    if platform_of(devices[0]).fuses:
        fuse(model)
    return loaded_model(
        model,
        f"{shape.name}, random weights",
        dtype=dtype,
        devices=tuple(devices),
        load_s=time.perf_counter() - began,
        links=connect(model, parts),
    )


def _drawn(
    name: str,
    like: Tensor,
    generator: torch.Generator,
    dtype: torch.dtype,
    config: PretrainedConfig,
) -> nn.Parameter:
    """A parameter of the shape of `like` on the generator's device."""
    weight = torch.empty(like.shape, dtype=dtype, device=generator.device)
    if name.endswith("norm.weight"):
        weight.fill_(1.0)
    else:
        weight.normal_(0.0, config.initializer_range, generator=generator)
    return nn.Parameter(weight, requires_grad=False)


def _device_of(parts: Mapping[str, torch.device], name: str) -> torch.device:
    """Where the parameter `name` goes."""
    (device,) = (place for module, place in parts.items() if name.startswith(f"{module}."))
    return device


def _compute_rotary(model: PreTrainedModel, config: PretrainedConfig, device: torch.device) -> None:
    """The rotary frequencies, which are computed from the configuration and not stored."""
    rotary = model.model.rotary_emb
    with device:
        model.model.rotary_emb = type(rotary)(config=config)
