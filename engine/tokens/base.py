"""The interface of tokenizers to the rest of the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .chat import ChatFormat

Ids = npt.NDArray[np.int32]  # [L] token ids
Starts = npt.NDArray[np.int64]  # [L] character offsets, non-decreasing
TokenBytes = Callable[[int], bytes]
"""The bytes of a token id; empty for special tokens and for ids without a token."""


class Detokenizer(Protocol):
    """Converts the ids of one answer to text incrementally, in whole characters."""

    def feed(self, token_id: int) -> str:
        """The text that this token completes; empty for special tokens."""

    def flush(self) -> str:
        """The rest at the end: U+FFFD for an incomplete character, or nothing."""


class Tokenizer(Protocol):
    """Encodes and decodes text.  Special tokens are never parsed out of ordinary text."""

    @property
    def name(self) -> str:
        """The name to display."""

    @property
    def vocab_size(self) -> int:
        """One more than the highest id."""

    @property
    def highest_id(self) -> int:
        """The highest id that ordinary text or the chat format is encoded to."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """Ids that end an answer and are not part of it."""

    @property
    def chat(self) -> ChatFormat:
        """The ids around document, questions and answers."""

    @property
    def token_bytes(self) -> TokenBytes | None:
        """The bytes of single tokens, where the vocabulary is one of byte strings, as in byte-level
        BPE; else None.  The bytes of encoded text, joined, are its UTF-8 (normalised, where the
        tokenizer normalises)."""

    def encode(self, text: str) -> list[int]:
        """The ids of ordinary text."""

    def encode_with_starts(self, text: str) -> tuple[Ids, Starts]:
        """The same ids, and for each the offset in `text` of its first character, or of the
        character that it continues if the token starts inside one."""

    def prepare(self, characters: int) -> None:
        """Called before texts of this many characters in total are encoded; may take a second where
        that saves more."""

    def stretches(self, text: str) -> list[str]:
        """Split a long text between tokens: the ids of the pieces, joined, are those of the
        text."""

    def encode_many_with_starts(self, texts: Sequence[str]) -> list[tuple[Ids, Starts]]:
        """`encode_with_starts` of each text, on all cores."""

    def detokenizer(self) -> Detokenizer:
        """A new detokenizer, for one answer."""
