"""Detokenizers: one for byte vocabularies, one on top of a tokenizer's own decoder."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence

from .base import TokenBytes

_REPLACEMENT = "\ufffd"


class ByteDetokenizer:
    """For tokenizers whose tokens are byte strings."""

    def __init__(self, token_bytes: TokenBytes) -> None:
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token_id: int) -> str:
        return self._decoder.decode(self._token_bytes(token_id))

    def flush(self) -> str:
        return self._decoder.decode(b"", final=True)


class WindowDetokenizer:
    """For any tokenizer: decodes the last tokens with and without the new ones.

    Decoding is not additive over tokens (leading spaces, characters in several tokens), so the
    tokens of the last delivery stay in the window as context.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], special: frozenset[int]) -> None:
        self._decode = decode
        self._special = special
        self._ids: list[int] = []
        self._delivered = 0  # leading ids of the window whose text was returned

    def feed(self, token_id: int) -> str:
        if token_id in self._special:
            return ""
        self._ids.append(token_id)
        text = self._new_text()
        if text.endswith(_REPLACEMENT):
            return ""
        return self._deliver(text)

    def flush(self) -> str:
        return self._deliver(self._new_text())

    def _new_text(self) -> str:
        known = self._decode(self._ids[: self._delivered])
        return self._decode(self._ids)[len(known) :]

    def _deliver(self, text: str) -> str:
        if text:
            self._ids = self._ids[self._delivered :]
            self._delivered = len(self._ids)
        return text
