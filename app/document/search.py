"""All places of some words, in whatever case, over all files."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from ..report.text import one_line
from .file import FileText, fold

_BLANKS = r"[\s\0]+"  # with the markers that are blotted out


def normal(words: str) -> str:
    """What is searched: two wordings with the same normal form have the same places."""
    return fold(one_line(words))


class Hits:
    """Numbered from 0 in the document's order; none overlaps the one before it."""

    def __init__(self, files: Sequence[FileText], words: str) -> None:
        """`words` as `normal` makes them."""
        self._files = files
        self._pattern = re.compile(_BLANKS.join(map(re.escape, words.split())))
        self._begins = [self._all(file) if words else [] for file in files]

    def _all(self, file: FileText) -> list[int]:
        return [match.start() for match in self._pattern.finditer(file.folded)]

    @cached_property
    def _before(self) -> list[int]:
        """How many are in the files before each file; last, how many there are."""
        return list(accumulate(map(len, self._begins), initial=0))

    def __len__(self) -> int:
        return self._before[-1]

    def next(self, file: int, offset: int, direction: int, here: bool) -> int:
        """The number of the one behind (`direction` 1) or before (-1) a character; with `here`
        that which begins there counts.  Behind the last comes the first.  There must be one."""
        begins = self._begins[file]
        if direction > 0:
            index = (bisect_left if here else bisect_right)(begins, offset)
        else:
            index = (bisect_right if here else bisect_left)(begins, offset) - 1
        return (self._before[file] + index) % len(self)

    def span(self, number: int) -> tuple[int, int, int]:
        """Index of the file, begin and end in its shown text."""
        file = bisect_right(self._before, number) - 1
        begin = self._begins[file][number - self._before[file]]
        match = self._pattern.match(self._files[file].folded, begin)
        assert match is not None
        return file, begin, match.end()
