"""Types of option values for argparse, which reports a wrong value.  Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def positive(text: str) -> int:
    """A count."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def lengths(text: str) -> tuple[int, ...]:
    """Tokens, separated by commas."""
    return tuple(_tokens(part.strip()) for part in text.split(","))


def _tokens(text: str) -> int:
    """A number of at least 256, or one with K for 1,024."""
    number, unit = (text[:-1], 1024) if text[-1:] in ("k", "K") else (text, 1)
    if not number.isdecimal() or int(number) * unit < 256:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of 256 tokens or more")
    return int(number) * unit


def _number(accepts: Callable[[float], bool], wanted: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"{text!r} is no {wanted}")
        return value

    return parse


share = _number(lambda value: 0.0 < value <= 1.0, "share above 0 and up to 1")
density = _number(lambda value: 0.0 < value < 1.0, "density between 0 and 1")


def densities(text: str) -> tuple[float, ...]:
    """Several values of `density`, separated by commas."""
    return tuple(density(part) for part in text.split(","))
