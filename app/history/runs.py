"""Estimates the time of a prefill from earlier ones on this machine."""

from __future__ import annotations

import math
import sqlite3
from statistics import median

from .coding import TEXT, packed
from .values import Run

KEPT = 20  # runs of one kind and similar length
REACH = 4.0  # lengths beyond this factor are ignored
POWER = 1.3  # exponent of the tokens where only one length is known
_PER_OCTAVE = 8  # buckets per doubling: lengths within 9% share one


def note(db: sqlite3.Connection, run: Run) -> None:
    """Save a run; one without tokens or time is ignored."""
    if run.tokens < 1 or not (math.isfinite(run.seconds) and run.seconds > 0.0):
        return
    kind = (*_kind(run.model, run.device, run.attention), _bucket(run.tokens))
    db.execute(
        "INSERT INTO run (model, device, attention, bucket, tokens, seconds)"
        f" VALUES ({TEXT}, {TEXT}, {TEXT}, ?, ?, ?)",
        (*kind, run.tokens, run.seconds),
    )
    same = f"model = {TEXT} AND device = {TEXT} AND attention = {TEXT} AND bucket = ?"
    db.execute(
        f"DELETE FROM run WHERE {same} AND id NOT IN"
        f" (SELECT id FROM run WHERE {same} ORDER BY id DESC LIMIT {KEPT})",
        (*kind, *kind),
    )


def lengths(
    db: sqlite3.Connection, model: str, device: str, attention: str, tokens: int
) -> list[tuple[float, float]]:
    """(tokens, seconds) of the lengths within `REACH`, shortest first; medians of each bucket."""
    rows = db.execute(
        "SELECT bucket, tokens, seconds FROM run"
        f" WHERE model = {TEXT} AND device = {TEXT} AND attention = {TEXT}"
        " AND tokens BETWEEN ? AND ?",
        (*_kind(model, device, attention), tokens / REACH, tokens * REACH),
    )
    buckets: dict[int, list[tuple[int, float]]] = {}
    for bucket, length, seconds in rows:
        buckets.setdefault(bucket, []).append((length, seconds))
    return sorted(
        (median(length for length, _ in runs), median(seconds for _, seconds in runs))
        for runs in buckets.values()
    )


def estimate(points: list[tuple[float, float]], tokens: int) -> float | None:
    """Seconds for `tokens`, from lengths in ascending order; None without any.

    Between two lengths it is a straight line in the logarithms of both.  Beyond the shortest and
    the longest it is the nearest one times the ratio of lengths to the power of `POWER`: the
    linear layers grow with the length, dense attention with its square.
    """
    if not points:
        return None
    below = [point for point in points if point[0] <= tokens]
    above = [point for point in points if point[0] >= tokens]
    if not (below and above):
        near, near_s = below[-1] if below else above[0]
        return near_s * math.pow(tokens / near, POWER)
    (short, short_s), (long, long_s) = below[-1], above[0]
    if short == long:
        return short_s
    share = math.log(tokens / short) / math.log(long / short)
    return short_s * math.pow(long_s / short_s, share)


def _kind(model: str, device: str, attention: str) -> tuple[bytes, bytes, bytes]:
    return packed(model), packed(device), packed(attention)


def _bucket(tokens: int) -> int:
    return round(math.log2(tokens) * _PER_OCTAVE)
