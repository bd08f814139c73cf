"""How work is stopped from outside."""

from __future__ import annotations


class Stopped(Exception):
    """Raised inside `open` and `ask` where they notice that they were cancelled.

    Never leaves the engine.
    """
