"""What the rest of the engine knows of a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .chat import ChatFormat

Ids = npt.NDArray[np.int32]  # [L] token ids
Starts = npt.NDArray[np.int64]  # [L] character offsets, never falling


class Detokenizer(Protocol):
    """Ids of one answer to text, as they come.  Yields whole characters only."""

    def feed(self, token_id: int) -> str:
        """The text that this token completes; special tokens have none."""

    def flush(self) -> str:
        """What is left at the end: U+FFFD for a character that was cut, or nothing."""


class Tokenizer(Protocol):
    """Text that people wrote is never parsed for special tokens."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def vocab_size(self) -> int:
        """One more than the highest id."""

    @property
    def highest_id(self) -> int:
        """Of those that texts and the frame are encoded to."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """Ids that end an answer.  They are no part of it."""

    @property
    def chat(self) -> ChatFormat:
        """How document, questions and answers are framed."""

    def encode(self, text: str) -> list[int]:
        """The ids of ordinary text."""

    def encode_with_starts(self, text: str) -> tuple[Ids, Starts]:
        """The same ids, and for each the offset in `text` of its first character (of the
        character that it continues, where a token starts inside one)."""

    def prepare(self, characters: int) -> None:
        """Called before texts of so many characters are encoded; may take a second where that
        saves more."""

    def stretches(self, text: str) -> list[str]:
        """A long text cut where its tokens fall apart: the ids of the stretches, joined, are
        its own."""

    def encode_many_with_starts(self, texts: Sequence[str]) -> list[tuple[Ids, Starts]]:
        """As `encode_with_starts` of each, on all cores."""

    def detokenizer(self) -> Detokenizer:
        """A fresh one for each answer."""
