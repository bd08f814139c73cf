"""A model's folder or hub id to its tokenizer."""

from __future__ import annotations

from pathlib import Path

from .base import Tokenizer
from .hf_tokenizer import HFTokenizer
from .tiktoken_tokenizer import RANKS_FILE, TiktokenTokenizer


def load_tokenizer(model: str | Path) -> Tokenizer:
    """The reader's own kind where its ranks file lies, else Hugging Face's.

    Raises `ModelError` if it cannot be loaded.
    """
    folder = Path(model)
    if (folder / RANKS_FILE).is_file():
        return TiktokenTokenizer.load(folder)
    return HFTokenizer.load(str(model))
