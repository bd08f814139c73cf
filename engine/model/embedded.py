"""The embedded reader: 8-bit weights with one scale a row, dequantised while loading."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from sa_chat.protocol.errors import ModelError

from ..attention import NAME

SCALE_SUFFIX = "_scale"


def load_reader(
    folder: Path, device: torch.device, dtype: torch.dtype, progress: Callable[[float], None]
) -> PreTrainedModel:
    """Build the reader in `folder` without initialising it, and fill in its weights.

    A 2-D weight `X.weight` may be int8 [out, in] with a float16 scale a row, [out], under
    `X.weight_scale`; everything else is taken as it is.  The output head is tied.
    """
    config = Qwen3Config(**json.loads((folder / "config.json").read_text("utf-8")))
    config.dtype = dtype
    with torch.device("meta"):
        model: PreTrainedModel = Qwen3ForCausalLM._from_config(  # type: ignore[no-untyped-call]
            config, attn_implementation=NAME
        )
    model.load_state_dict(
        _weights(folder / "model.safetensors", device, dtype, progress), strict=False, assign=True
    )
    model.tie_weights()
    rotary = model.model.rotary_emb  # its frequencies are computed, not stored
    with torch.device(device):
        model.model.rotary_emb = type(rotary)(config=config)
    left = [name for name, tensor in _tensors(model) if tensor.is_meta]
    if left:
        raise ModelError(f"The embedded reader's weights lack {left[0]}.", "Install sa-chat again.")
    model.requires_grad_(False).train(False)
    return model


def _weights(
    path: Path, device: torch.device, dtype: torch.dtype, progress: Callable[[float], None]
) -> dict[str, Tensor]:
    weights = {}
    with safe_open(path, framework="pt") as stored:
        names = list(stored.keys())
        scaled = {name.removesuffix(SCALE_SUFFIX) for name in names if name.endswith(SCALE_SUFFIX)}
        for done, name in enumerate(names, start=1):
            if not name.endswith(SCALE_SUFFIX):
                tensor = stored.get_tensor(name)
                if name in scaled:
                    scale = stored.get_tensor(name + SCALE_SUFFIX)
                    tensor = tensor.float() * scale.float().unsqueeze(-1)
                weights[name] = tensor.to(device=device, dtype=dtype)
            progress(done / len(names))
    return weights


def _tensors(model: PreTrainedModel) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]
