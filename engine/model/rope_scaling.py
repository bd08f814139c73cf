"""Longer contexts by scaled rotary embeddings: YaRN (arXiv 2309.00071) by option.

What `--rope-scaling` asks for is put into the model's configuration before the model is made, as if
its config.json had it; `transformers` computes the frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sa_chat.protocol.config import yarn_factor
from sa_chat.protocol.errors import UsageError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_DEFAULT = ("default", None)  # types of rotary embeddings that are not scaled


def scaled_config(config: PretrainedConfig, rope_scaling: str | None) -> PretrainedConfig:
    """The configuration with the scaling that an `EngineConfig.rope_scaling` names; unchanged for
    None.  `config` itself is changed.

    Raises `UsageError` for a model that is scaled already, has several kinds of rotary embeddings,
    or none.
    """
    if rope_scaling is None:
        return config
    refuse_scaled(config.to_dict())
    rope: dict[str, Any] = dict(getattr(config, "rope_parameters", None) or {})
    if not isinstance(rope.get("rope_theta"), int | float):
        raise UsageError(
            "This model has no rotary embeddings, or several kinds, so YaRN cannot scale it.",
            "Leave --rope-scaling out.",
        )
    original = config.max_position_embeddings
    factor = yarn_factor(rope_scaling)
    config.rope_parameters = {
        **rope,
        "rope_type": "yarn",
        "factor": factor,
        "original_max_position_embeddings": original,
    }
    config.max_position_embeddings = scaled_context(original, rope_scaling)
    return config


def refuse_scaled(declared: Mapping[str, Any]) -> None:
    """Raises `UsageError` if a config.json, or a configuration as a dictionary, scales its rotary
    embeddings already."""
    for field in ("rope_parameters", "rope_scaling"):
        rope = declared.get(field)
        for each in (rope, *rope.values()) if isinstance(rope, Mapping) else ():
            if isinstance(each, Mapping):
                kind = each.get("rope_type", each.get("type"))
                if kind not in _DEFAULT:
                    raise UsageError(
                        f"The model scales its rotary embeddings already ({kind}).",
                        "Leave --rope-scaling out.",
                    )


def scaled_context(original: int, rope_scaling: str | None) -> int:
    """Tokens that a model of `original` tokens reads with this scaling."""
    return original if rope_scaling is None else math.floor(original * yarn_factor(rope_scaling))
