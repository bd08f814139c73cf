"""How much a model can read, known before its weights are loaded."""

from __future__ import annotations

import json
from pathlib import Path

from ..config import EngineConfig
from ..errors import ModelError, UsageError


def context_of(config: EngineConfig, source: str | Path) -> int:
    """Tokens that the model in `source` (a folder or hub id) reads, or fewer if `config` says so.

    Raises:
        ModelError: the model's config does not tell.
        UsageError: `max_context` is more than the model declares.
    """
    declared = _declared(source)
    if config.max_context is None:
        return declared
    if config.max_context > declared:
        raise UsageError(
            f"The model reads {declared:,} tokens at most, not {config.max_context:,}.",
            "Leave --max-context out to use all of them.",
        )
    return config.max_context


def _declared(source: str | Path) -> int:
    file = Path(source) / "config.json"
    if file.is_file():
        try:
            data = json.loads(file.read_text("utf-8"))
        except ValueError as error:
            raise ModelError(
                f"The model's {file} is not JSON.", "Download the model's folder again."
            ) from error
    else:
        from .pretrained import load_config

        data = load_config(str(source)).to_dict()
    text = data.get("text_config") or data
    tokens = text.get("max_position_embeddings")
    if not isinstance(tokens, int) or tokens < 1:
        raise ModelError(
            f"The model {source} does not declare how much it can read.",
            "Its config.json needs max_position_embeddings.",
        )
    return tokens
