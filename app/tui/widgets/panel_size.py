"""The size of the live panel, and the layouts that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

_SHORT, _TALL = 38, 50  # rows
_BROAD = 64  # cells


@dataclass(frozen=True)
class PanelSize:
    """Width and height of the panel in cells and rows."""

    width: int = 0
    height: int = 0

    @property
    def short(self) -> bool:
        """Whether sections stand without blank lines between them."""
        return self.height < _SHORT

    @property
    def tall(self) -> bool:
        """Whether the total time is shown in large digits."""
        return self.height >= _TALL

    @property
    def flat(self) -> bool:
        """Short, but broad enough to place parts side by side."""
        return self.short and self.width >= _BROAD

    @property
    def curve_rows(self) -> int:
        return 4 if self.tall else 2 if self.short else 3
