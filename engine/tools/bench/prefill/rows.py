"""Rows and tables of `bench prefill`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict

from ..results import Row, table
from .timed_prefill import TimedPrefill

PARTS = ("tokenize_s", "select_s", "prefill_s", "first_token_s")
MEASURED = "measured"


def measured(
    length: int, mode: str, attention: str, timed: Sequence[TimedPrefill], before: Row | None
) -> Row:
    """The round with the median TTFT (of an even number the mean of the two), and all rounds.

    Args:
        before: the row of the same mode at the length before, if it was measured.
    """
    ordered = sorted(timed, key=lambda one: one.ttft_s)
    middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
    one = middle[0]
    by_device = zip(*(one.memory for one in timed), strict=True)
    row: Row = {
        "length": length,
        "mode": mode,
        "attention": attention,
        "outcome": MEASURED,
        "tokens": one.tokens,
        "ttft_s": statistics.fmean(each.ttft_s for each in middle),
        **{part: statistics.fmean(getattr(each, part) for each in middle) for part in PARTS},
        "growth_exponent": None,
        "density": one.density,
        "density_by_layer": one.density_by_layer,
        "recall": asdict(one.recall),
        "answer_tokens_per_s": statistics.median(each.answer_tokens_per_s for each in timed),
        "memory": [asdict(max(peaks, key=lambda peak: peak.peak_bytes)) for peaks in by_device],
        "rounds": [
            {"ttft_s": each.ttft_s, **{part: getattr(each, part) for part in PARTS}}
            for each in timed
        ],
    }
    if before is not None:
        row["growth_exponent"] = exponent(before, row)
    return row


def missing(length: int, mode: str, attention: str, exhausted: int) -> Row:
    """The row of a mode whose memory ran out at the length `exhausted`."""
    outcome = "out of memory" if length == exhausted else f"not tried: ran out at {exhausted:,}"
    return {"length": length, "mode": mode, "attention": attention, "outcome": outcome}


def exponent(before: Row, row: Row) -> float:
    """p, where from one row to the next TTFT grew as the number of tokens to the power of p."""
    return math.log(row["ttft_s"] / before["ttft_s"]) / math.log(row["tokens"] / before["tokens"])


def times_table(rows: Sequence[Row]) -> str:
    """Medians by length and mode, with the range of TTFT over the rounds."""
    headings = ("tokens", "mode", "attention", "TTFT s", "range s", "tokenize s", "select s")
    return table(
        (*headings, "prefill s", "first token s", "growth", "density", "recall"),
        [_times(row) for row in rows],
    )


def _times(row: Row) -> list[str]:
    begin = [f"{row['length']:,}", row["mode"], row["attention"]]
    if row["outcome"] != MEASURED:
        return [*begin, row["outcome"], *[""] * 8]
    ttfts = [each["ttft_s"] for each in row["rounds"]]
    growth = row["growth_exponent"]
    return [
        *begin,
        f"{row['ttft_s']:.3f}",
        f"{min(ttfts):.3f}-{max(ttfts):.3f}",
        *(f"{row[part]:.3f}" for part in PARTS),
        "" if growth is None else f"{growth:.2f}",
        f"{row['density']:.3f}",
        f"{row['recall']['mean']:.4f}",
    ]


def memory_table(rows: Sequence[Row]) -> str:
    """Peaks by device, in GiB."""
    gib = 2**30
    return table(
        ("tokens", "mode", "device", "peak GiB", "driver GiB", "of GiB", "answer tokens/s"),
        [
            [
                f"{row['length']:,}",
                row["mode"],
                peak["device"],
                f"{peak['peak_bytes'] / gib:.2f}",
                "" if peak["driver_bytes"] is None else f"{peak['driver_bytes'] / gib:.2f}",
                f"{peak['total_bytes'] / gib:.1f}",
                f"{row['answer_tokens_per_s']:.1f}" if row["answer_tokens_per_s"] else "",
            ]
            for row in rows
            if row["outcome"] == MEASURED
            for peak in row["memory"]
        ],
    )


def pairs_table(pairs: Sequence[Row]) -> str:
    """Dense against sparse at each length at which both ran; KL(dense || sparse) of the next
    token after the document."""
    return table(
        ("tokens", "dense s", "sparse s", "dense / sparse", "KL nats", "next token"),
        [
            [
                f"{pair['length']:,}",
                f"{pair['dense_ttft_s']:.3f}",
                f"{pair['sparse_ttft_s']:.3f}",
                f"{pair['dense_over_sparse']:.2f}",
                f"{pair['kl_nats']:.2e}",
                "the same" if pair["same_token"] else "another",
            ]
            for pair in pairs
        ],
    )
