"""Find all occurrences of some words in all files, ignoring case."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from ..report.text import one_line
from .file import FileText, fold

_BLANKS = r"[\s\0]+"  # \0 stands for markers, which are blanked out


def normal(words: str) -> str:
    """The normal form of a query: queries with the same form have the same matches."""
    return fold(one_line(words))


class Hits:
    """The matches of a query, numbered from 0 in document order; none overlaps another."""

    def __init__(self, files: Sequence[FileText], words: str) -> None:
        """`words` in their normal form, as `normal` returns it."""
        self._files = files
        self._pattern = re.compile(_BLANKS.join(map(re.escape, words.split())))
        self._begins = [self._all(file) if words else [] for file in files]

    def _all(self, file: FileText) -> list[int]:
        return [match.start() for match in self._pattern.finditer(file.folded)]

    @cached_property
    def _before(self) -> list[int]:
        """The number of matches before each file; the last item is the total."""
        return list(accumulate(map(len, self._begins), initial=0))

    def __len__(self) -> int:
        return self._before[-1]

    def next(self, file: int, offset: int, direction: int, here: bool) -> int:
        """The number of the next (`direction` 1) or previous (-1) match from an offset.

        With `here` a match that begins at the offset counts.  The search wraps around.  There
        must be at least one match.
        """
        begins = self._begins[file]
        if direction > 0:
            index = (bisect_left if here else bisect_right)(begins, offset)
        else:
            index = (bisect_right if here else bisect_left)(begins, offset) - 1
        return (self._before[file] + index) % len(self)

    def span(self, number: int) -> tuple[int, int, int]:
        """Index of the file, and begin and end in its shown text."""
        file = bisect_right(self._before, number) - 1
        begin = self._begins[file][number - self._before[file]]
        match = self._pattern.match(self._files[file].folded, begin)
        assert match is not None
        return file, begin, match.end()
