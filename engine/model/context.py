"""The context length and vocabulary of a model, known before its weights are loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import ModelError, UsageError

from .rope_scaling import refuse_scaled, scaled_context


def context_of(config: EngineConfig, source: str | Path) -> int:
    """Tokens that the model in `source` (a folder or hub id) reads, or fewer if `config` says so.

    Raises:
        ModelError: the model's config does not tell.
        UsageError: `max_context` is more than the model declares, or `rope_scaling` is for a model
            that is scaled already.
    """
    declared = _declared(source)
    if config.rope_scaling is not None:
        refuse_scaled(_text_config(source))
        declared = scaled_context(declared, config.rope_scaling)
    if config.max_context is None:
        return declared
    if config.max_context > declared:
        raise UsageError(
            f"The model reads {declared:,} tokens at most, not {config.max_context:,}.",
            "Leave --max-context out to use all of them.",
        )
    return config.max_context


def vocabulary_of(source: str | Path) -> int | None:
    """The vocabulary size of the model in `source` (a folder or hub id); None if undeclared.

    Raises `ModelError` if the config cannot be read.
    """
    ids = _text_config(source).get("vocab_size")
    return ids if isinstance(ids, int) else None


def _declared(source: str | Path) -> int:
    tokens = _text_config(source).get("max_position_embeddings")
    if not isinstance(tokens, int) or tokens < 1:
        raise ModelError(
            f"The model {source} does not declare how much it can read.",
            "Its config.json needs max_position_embeddings.",
        )
    return tokens


def _text_config(source: str | Path) -> dict[str, Any]:
    file = Path(source) / "config.json"
    if file.is_file():
        try:
            data = json.loads(file.read_text("utf-8"))
            if not isinstance(data, dict):
                raise ValueError("no object")
        except ValueError as error:
            raise ModelError(
                f"The model's {file} is not JSON.", "Download the model's folder again."
            ) from error
    else:
        from .pretrained import load_config

        data = load_config(str(source)).to_dict()
    text: dict[str, Any] = data.get("text_config") or data
    return text
