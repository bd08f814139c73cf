"""How work is stopped from outside: whoever works polls, and stops between two steps."""

from __future__ import annotations

from collections.abc import Callable

Cancelled = Callable[[], bool]
"""Whether the work was cancelled; cheap, and called from any thread."""


class Stopped(Exception):
    """Raised where work notices that it was cancelled.  Never leaves the engine."""


def never() -> bool:
    """The `Cancelled` of work that cannot be cancelled."""
    return False
