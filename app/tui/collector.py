"""Garbage is collected when nobody waits.

A full collection looks at every object, and a screen has hundreds of thousands: a quarter of a
second, felt as a stutter while one scrolls or an answer streams.  Young objects are collected as
always; all of them only after a rest.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import monotonic

_YOUNG = (5_000, 20, 100_000)  # of `gc.set_threshold`: the last one is never reached in practice
_REST_S = 2.0


class Collector:
    """`note` what happens; `collect_if_idle` now and then."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._before = gc.get_threshold()
        self._last = clock()
        self._dirty = False

    def begin(self) -> None:
        """What is there now stays: later collections pass it by."""
        gc.freeze()
        gc.set_threshold(*_YOUNG)

    def note(self) -> None:
        """A key, or an event of the engine."""
        self._last = self._clock()
        self._dirty = True

    def collect_if_idle(self) -> bool:
        """Whether it did: once after each time in which something happened."""
        if not self._dirty or self._clock() - self._last < _REST_S:
            return False
        self._dirty = False
        gc.collect()
        return True

    def end(self) -> None:
        """As it was before."""
        gc.set_threshold(*self._before)
        gc.unfreeze()
