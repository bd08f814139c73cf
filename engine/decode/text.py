"""From token bytes to text, whole characters only."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence


class TextStream:
    """Decodes a stream of tokens whose boundaries fall anywhere, also inside a character.

    Bytes that can never become a character turn into U+FFFD; bytes that still may are held
    back until they do.
    """

    def __init__(self, to_bytes: Callable[[Sequence[int]], bytes]) -> None:
        self._to_bytes = to_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token: int) -> str:
        """The characters that `token` completes; often none, never a part of one."""
        return self._decoder.decode(self._to_bytes([token]))

    def finish(self) -> str:
        """What is left at the end: U+FFFD for a character that was cut off, else nothing."""
        return self._decoder.decode(b"", final=True)
