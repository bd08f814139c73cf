"""Byte-level BPE by tiktoken, with character offsets, and many texts on all cores."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import tiktoken

from .base import Ids, Starts

LONG_BLANK = re.compile(r"\s{10000}")  # tiktoken's regex engine backtracks over such runs
_ALONE = 65_536  # characters; below, threads do not pay


class ByteEncoder:
    """Encodes texts with a tiktoken `Encoding`; special tokens in texts are plain text."""

    def __init__(self, encoding: tiktoken.Encoding, ids: Ids | None = None) -> None:
        """`ids` [ranks] maps ranks of the encoding to ids; by default they are the same."""
        self._encoding = encoding
        self._ids = np.arange(encoding.n_vocab, dtype=np.int32) if ids is None else ids
        self._chars, self._continues = _character_tables(encoding, self._ids)

    def encode(self, text: str) -> Ids:
        """The ids of a text."""
        return self._ids[self._ranks(text)]

    def encode_with_starts(self, text: str) -> tuple[Ids, Starts]:
        """See `Tokenizer.encode_with_starts`."""
        ids = self.encode(text)
        chars = self._chars[ids]
        return ids, np.cumsum(chars) - chars - self._continues[ids]

    def encode_many_with_starts(self, texts: Sequence[str]) -> list[tuple[Ids, Starts]]:
        """`encode_with_starts` of each text, in order, on several threads."""
        if len(texts) < 2 or sum(map(len, texts)) < _ALONE:
            return [self.encode_with_starts(text) for text in texts]
        with ThreadPoolExecutor(min(len(texts), os.cpu_count() or 1)) as pool:
            return list(pool.map(self.encode_with_starts, texts))

    def characters(self, ids: Ids) -> int:
        """The number of characters in these tokens.  It is less than that of the text where the
        pattern did not match all of it, as tiktoken drops the rest."""
        return int(self._chars[ids].sum())

    def _ranks(self, text: str) -> npt.NDArray[np.uint32]:
        rows = []
        done = 0
        for run in LONG_BLANK.finditer(text):
            rows.append(self._ranks_between(text[done : run.end()]))
            done = run.end()
        rows.append(self._ranks_between(text[done:]))
        return np.concatenate(rows) if len(rows) > 1 else rows[0]

    def _ranks_between(self, text: str) -> npt.NDArray[np.uint32]:
        try:
            return self._encoding.encode_to_numpy(text, disallowed_special=())
        except UnicodeEncodeError:  # a lone surrogate, which tiktoken replaces here only
            return np.asarray(self._encoding.encode_ordinary(text), dtype=np.uint32)


def _character_tables(encoding: tiktoken.Encoding, ids: Ids) -> tuple[Starts, Starts]:
    """For each id the number of characters that start in its token, and 1 if the token starts
    inside a character.

    In UTF-8 every byte that is not 10xxxxxx starts a character.
    """
    tokens = encoding._mergeable_ranks
    to_ids = ids[np.fromiter(tokens.values(), dtype=np.int64, count=len(tokens))]
    begins = np.cumsum([0, *map(len, tokens)])[:-1]
    inside = np.frombuffer(b"".join(tokens), dtype=np.uint8) & 0xC0 == 0x80
    starting = np.zeros(int(ids.max()) + 1, dtype=np.int64)
    continues = np.zeros_like(starting)
    starting[to_ids] = np.add.reduceat(~inside, begins, dtype=np.int64)
    continues[to_ids] = inside[begins]
    return starting, continues
