"""Notices that an answer goes round in circles."""

from __future__ import annotations

import numpy as np

_LEAST_TOKENS = 96  # that repeat, the first time included: longer than any rule or row of a table
_LEAST_TIMES = 3
_LONGEST = 512  # tokens of what is repeated
_PERIODS = np.arange(1, _LONGEST + 1)
_ENOUGH = np.maximum(_LEAST_TOKENS, _LEAST_TIMES * _PERIODS)


class RepetitionGuard:
    """Follows the tokens of an answer, and says when their end is one passage again and again.

    That is so where the last tokens, at least 96, are the same passage three times or more.  Small
    models fall into such loops on long documents and write on until they are cut.
    """

    def __init__(self) -> None:
        self._count = 0
        # How many tokens in a row equal the one that stands 1, 2, ... tokens before them.
        self._equal = np.zeros(_LONGEST, dtype=np.int64)
        self._recent = np.full(_LONGEST, -1, dtype=np.int64)  # the newest token first

    def feed(self, token: int) -> int | None:
        """The number of tokens to keep, those up to the end of the first time, where the answer
        goes in circles; else None."""
        self._equal = np.where(self._recent == token, self._equal + 1, 0)
        self._recent = np.concatenate(([token], self._recent[:-1]))
        self._count += 1
        (loops,) = (self._equal + _PERIODS >= _ENOUGH).nonzero()
        return self._count - int(self._equal[loops[0]]) if len(loops) else None
