"""A model's folder or hub id to its tokenizer."""

from __future__ import annotations

from pathlib import Path

from .base import Tokenizer
from .damage import unloadable
from .hf_tokenizer import HFTokenizer
from .tiktoken_tokenizer import RANKS_FILE, TiktokenTokenizer


def load_tokenizer(model: str | Path, vocabulary: int | None = None) -> Tokenizer:
    """The reader's own kind where its ranks file lies, else Hugging Face's.

    Raises `ModelError` if it cannot be loaded, or if the model, which knows the ids below
    `vocabulary`, does not know all of its.
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
            f"it is of another model, as it has ids up to {tokenizer.highest_id:,}, and this "
            f"model's vocabulary ends at {vocabulary - 1:,}",
        )
    return tokenizer
