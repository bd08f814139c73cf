"""`--pages 1-20,25`: selection of pages by position."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sa_chat.protocol.errors import UsageError

_RANGE = re.compile(r"(\d{1,9})(?:\s*-\s*(\d{1,9})?)?")
_HINT = "Write positions from 1 and ranges, for example --pages 1-20,25."


@dataclass(frozen=True)
class PageSelection:
    """Closed ranges of page positions, counted from 1; the last may be open (None)."""

    ranges: tuple[tuple[int, int | None], ...]

    @classmethod
    def parse(cls, text: str) -> PageSelection:
        """Parse `1-20,25,300-`.  Raises `UsageError` for anything else."""
        ranges: list[tuple[int, int | None]] = []
        for item in text.split(","):
            match = _RANGE.fullmatch(item.strip())
            if match is None:
                raise UsageError(f"--pages cannot be {text!r}.", _HINT)
            first = int(match[1])
            open_end = "-" in item and match[2] is None
            last = None if open_end else int(match[2] or first)
            if first < 1 or (last is not None and last < first):
                raise UsageError(f"--pages has an impossible range {item.strip()!r}.", _HINT)
            ranges.append((first, last))
        return cls(tuple(ranges))

    def __str__(self) -> str:
        """The text that `parse` accepts."""
        return ",".join(
            str(a) if a == b else f"{a}-{'' if b is None else b}" for a, b in self.ranges
        )

    def positions(self, count: int, name: str) -> list[int]:
        """The selected positions among `count` pages, sorted and without duplicates.

        A range may extend past the end.  Raises `UsageError` if it starts past the end.
        """
        chosen: set[int] = set()
        for first, last in self.ranges:
            if first > count:
                raise UsageError(
                    f"--pages asks for page {first}, but {name} has {count} pages.", _HINT
                )
            chosen.update(range(first, min(last or count, count) + 1))
        return sorted(chosen)


def ranges_of(positions: list[int]) -> str:
    """`[1, 2, 3, 7]` as `1-3,7`."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
