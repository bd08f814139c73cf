"""The tables of single heads in a report."""

from __future__ import annotations

from collections.abc import Iterable

from .heads import by_kind, measured_heads, worst
from .markdown import markdown_table
from .records import Result

_KINDS = ("kind", "length", "heads", "density", "recall mean / p5 / min", "error mean / p95")
_WORST = (
    "head",
    "kind",
    "density",
    "recall mean / p5 / min",
    "error mean / p95",
    "sinks",
    "window",
    "copying",
    "fewest keys",
)
HEAD_DEFINITIONS = """\
- heads: on held-out rows, against exact attention in float32. error: ||out - exact|| / ||exact|| of
  a head's output; it includes the rounding of the model's number format.
- kind: local (first 16 and last 1,024 keys hold .95 of the mass), copying (outside of these, a
  tenth of the mass and three times chance lies behind earlier copies of the row's token), diffuse
  (more than .15 of the keys are needed for .95 of the mass), sparse (all others)."""


def head_tables(results: Iterable[Result], label: str) -> list[str]:
    """Heads by kind at every length, and the worst at the longest, of one configuration; nothing
    where no head was measured."""
    found = {
        length: heads
        for (configuration, length), heads in measured_heads(results).items()
        if configuration.label == label
    }
    if not found:
        return []
    rows = [
        (
            row.kind,
            f"{length:,}",
            str(row.heads),
            f"{row.density:.3f}",
            f"{row.recall:.3f} / {row.recall_p5:.3f} / {row.recall_min:.3f}",
            f"{row.error:.3f} / {row.error_p95:.3f}",
        )
        for length, heads in found.items()
        for row in by_kind(heads)
    ]
    longest = max(found)
    listed = [
        (
            f"layer {each.figures.layer}, head {each.figures.head}",
            each.figures.kind,
            f"{each.density:.3f}",
            f"{each.figures.recall:.3f} / {each.figures.recall_p5:.3f} / "
            f"{each.figures.recall_min:.3f}",
            f"{each.figures.error:.3f} / {each.figures.error_p95:.3f}",
            f"{each.figures.sinks:.3f}",
            f"{each.figures.window:.3f}",
            f"{each.figures.copying:.3f}",
            f"{each.figures.fewest_keys:.3f}",
        )
        for each in worst(found[longest])
    ]
    return [
        f"### Heads by kind, {label}",
        markdown_table(_KINDS, rows),
        f"The {len(listed)} heads with the largest error at {longest:,} tokens:",
        markdown_table(_WORST, listed),
    ]
