"""The parts of a decoder, as placement counts and moves them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import compute_module_sizes  # type: ignore[import-untyped]
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from sa_chat.protocol.errors import ModelError

_SCALE = 4  # bytes, of a row of int8


@dataclass(frozen=True)
class Structure:
    """Names of a model's modules: one for each layer, and what comes before and behind them."""

    layers: tuple[str, ...]
    first: tuple[str, ...]  # embedding, a head tied to it, rotary frequencies
    last: tuple[str, ...]  # final norm, head

    def parts(self, devices: tuple[torch.device, ...], split: int) -> dict[str, torch.device]:
        """Where each module goes if the first `split` layers are on the first device."""
        first, last = devices[0], devices[-1]
        return {
            **dict.fromkeys(self.first, first),
            **{name: first if at < split else last for at, name in enumerate(self.layers)},
            **dict.fromkeys(self.last, last),
        }


def structure_of(model: PreTrainedModel) -> Structure:
    """Raises `ModelError` for a model whose layers do not stand in one list."""
    count = model.config.num_hidden_layers
    lists = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count
    ]
    if not lists:
        raise ModelError(
            "This model's layers cannot be told apart, so it cannot be placed.",
            "Choose a model of Llama's structure.",
        )
    layers = min(lists, key=lambda name: name.count("."))  # experts may be as many as layers
    embedding = model.get_input_embeddings().weight
    first: list[str] = []
    last: list[str] = []
    for name, module in _around(model, layers):
        parameters = list(module.parameters())
        tied = any(p is embedding for p in parameters)
        embeds = isinstance(module, nn.Embedding)  # tokens, or positions before the layers
        (first if tied or embeds or not parameters else last).append(name)
    return Structure(tuple(f"{layers}.{at}" for at in range(count)), tuple(first), tuple(last))


def _around(model: nn.Module, layers: str) -> list[tuple[str, nn.Module]]:
    """The largest modules that do not contain the list of layers."""
    found: list[tuple[str, nn.Module]] = []
    pending = [("", model)]
    while pending:
        prefix, module = pending.pop()
        for child, part in module.named_children():
            name = f"{prefix}.{child}" if prefix else child
            if name == layers:
                continue
            if layers.startswith(f"{name}."):
                pending.append((name, part))
            else:
                found.append((name, part))
    return found


@dataclass(frozen=True)
class Needs:
    """The memory that a model takes, in bytes."""

    name: str
    layer_weights: tuple[int, ...]
    first_weights: int
    last_weights: int
    kv_per_token: int  # of one layer
    row_bytes: int  # activations of one token of a chunk, in one layer
    column_bytes: int  # copies of one kept key and value of every query head
    read_bytes: int = 0  # of a token of one layer's cache, to read it in another number format

    @property
    def weights(self) -> int:
        return self.first_weights + sum(self.layer_weights) + self.last_weights


def needs_of(
    model: PreTrainedModel, structure: Structure, name: str, kv_cache_dtype: str = "auto"
) -> Needs:
    """The memory needs of a model in the number format that it is computed in.

    Its tensors may be on the meta device.  Layers whose checkpoint is quantised count with their
    size in the checkpoint.
    """
    model.tie_weights()
    sizes: Mapping[str, int] = compute_module_sizes(model)
    config: PretrainedConfig = model.config
    heads, groups, key_size, value_size = _heads(config)
    each = model.dtype.itemsize
    int8 = kv_cache_dtype == "int8"
    kv_numbers = groups * (key_size + value_size)
    stored = _stored_bits(config) / (8 * each)
    # In the widest place of a layer: residual, norm and projections, or the gated MLP's three.
    widest = 3 * getattr(config, "intermediate_size", 4 * config.hidden_size)
    return Needs(
        name=name,
        layer_weights=tuple(int(min(1.0, stored) * sizes[layer]) for layer in structure.layers),
        first_weights=sum(sizes.get(part, 0) for part in _untied(model, structure.first)),
        last_weights=sum(sizes.get(part, 0) for part in structure.last),
        kv_per_token=kv_numbers + 2 * groups * _SCALE if int8 else kv_numbers * each,
        row_bytes=(widest + 3 * config.hidden_size + heads * (key_size + value_size)) * each,
        column_bytes=heads * (key_size + value_size) * each,
        read_bytes=kv_numbers * each if int8 else 0,
    )


def _heads(config: PretrainedConfig) -> tuple[int, int, int, int]:
    """Query heads, kv heads, and the sizes of a key and of a value."""
    heads: int = config.num_attention_heads
    if getattr(config, "kv_lora_rank", None):  # latent attention, whose heads are kept whole
        return heads, heads, config.qk_nope_head_dim + config.qk_rope_head_dim, config.v_head_dim
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return heads, getattr(config, "num_key_value_heads", None) or heads, size, size


def _stored_bits(config: PretrainedConfig) -> float:
    """Bits of a weight in a quantised checkpoint, its scales included; infinite where nothing is
    quantised or the configuration does not say."""
    declared: Any = getattr(config, "quantization_config", None)
    if declared is None:
        return math.inf
    entries = declared if isinstance(declared, dict) else declared.to_dict()
    bits = entries.get("bits")
    if entries.get("load_in_4bit"):
        bits = 4
    elif entries.get("load_in_8bit") or entries.get("quant_method") == "fp8":
        bits = 8
    return 1.1 * bits if bits else math.inf


def _untied(model: PreTrainedModel, parts: tuple[str, ...]) -> list[str]:
    """The parts without a head that shares the embedding's weight."""
    embedding = model.get_input_embeddings()
    return [
        part
        for part in parts
        if (module := model.get_submodule(part)) is embedding
        or all(p is not embedding.weight for p in module.parameters())
    ]
