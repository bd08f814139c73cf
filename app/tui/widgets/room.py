"""How much room the panel has, and what follows from it for what stands in it."""

from __future__ import annotations

from dataclasses import dataclass

_SHORT, _TALL = 38, 50  # rows
_BROAD = 64  # cells


@dataclass(frozen=True)
class Room:
    """Cells and rows of the panel."""

    width: int = 0
    height: int = 0

    @property
    def short(self) -> bool:
        """So few rows that the sections stand close."""
        return self.height < _SHORT

    @property
    def tall(self) -> bool:
        """So many rows that the total time is told in large digits, too."""
        return self.height >= _TALL

    @property
    def flat(self) -> bool:
        """Short, and so broad that things can stand side by side instead."""
        return self.short and self.width >= _BROAD

    @property
    def curve_rows(self) -> int:
        return 4 if self.tall else 2 if self.short else 3
