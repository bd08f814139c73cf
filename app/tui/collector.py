"""Collect garbage while the screen is idle.

A full collection visits every object, and a screen has hundreds of thousands: it takes a quarter
of a second, noticeable while the user scrolls or an answer streams.  Young objects are collected
as usual, all objects only after a pause.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import monotonic

_YOUNG = (5_000, 20, 100_000)  # for `gc.set_threshold`; the last value is never reached in practice
_REST_S = 2.0


class Collector:
    """Runs a full collection once after each period of activity."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._before = gc.get_threshold()
        self._last = clock()
        self._dirty = False

    def begin(self) -> None:
        """Exclude all current objects from later collections."""
        gc.freeze()
        gc.set_threshold(*_YOUNG)

    def note_activity(self) -> None:
        """Record a key press or an event of the engine."""
        self._last = self._clock()
        self._dirty = True

    def collect_if_idle(self) -> bool:
        """Collect if there was activity, but none recently; returns whether it did."""
        if not self._dirty or self._clock() - self._last < _REST_S:
            return False
        self._dirty = False
        gc.collect()
        return True

    def end(self) -> None:
        """Restore the previous settings."""
        gc.set_threshold(*self._before)
        gc.unfreeze()
