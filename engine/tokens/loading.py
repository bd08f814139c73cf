"""Loads the tokenizer of a model folder or hub id."""

from __future__ import annotations

from pathlib import Path

from .base import Tokenizer
from .damage import unloadable
from .hf_tokenizer import HFTokenizer
from .tiktoken_tokenizer import RANKS_FILE, TiktokenTokenizer


def load_tokenizer(model: str | Path, vocabulary: int | None = None) -> Tokenizer:
    """The embedded reader's kind if the folder has a ranks file, else Hugging Face's.

    Raises `ModelError` if it cannot be loaded, or if it has ids that a model with `vocabulary` ids
    does not know.
    """
    folder = Path(model)
    tokenizer: Tokenizer
    if (folder / RANKS_FILE).is_file():
        tokenizer = TiktokenTokenizer.load(folder)
    else:
        tokenizer = HFTokenizer.load(str(model))
    if vocabulary is not None and tokenizer.highest_id >= vocabulary:
        raise unloadable(
            str(model),
            f"it belongs to another model, as it has ids up to {tokenizer.highest_id:,}, and this "
            f"model's vocabulary ends at {vocabulary - 1:,}",
        )
    return tokenizer
