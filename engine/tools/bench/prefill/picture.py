"""TTFT over length, both logarithmic: dense and sparse with how fast they grow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..results import Row

_STYLES = {"dense": ("#1a1a1a", "s", "--"), "sparse": ("#0072b2", "o", "-")}  # Okabe & Ito
_DOTS_PER_INCH = 160


def draw_ttft(rows: Sequence[Row], title: str, path: Path) -> None:
    """Draw the measured rows of `bench prefill` into a PNG.  No window is opened.

    The legend gives the growth exponents between neighbouring lengths: 1 is linear.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xscale="log", yscale="log")
    lengths = sorted({row["length"] for row in rows})
    for mode, (color, marker, dashes) in _STYLES.items():
        points = [row for row in rows if row["mode"] == mode and "ttft_s" in row]
        if points:
            axes.plot(
                [row["length"] for row in points],
                [row["ttft_s"] for row in points],
                color=color,
                marker=marker,
                linestyle=dashes,
                label=_label(points),
            )
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("tokens")
    axes.set_ylabel("time to first token, seconds")
    axes.set_xticks(lengths)
    axes.xaxis.set_major_formatter(FuncFormatter(_tokens))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="both", color="#e3e6ea", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=_DOTS_PER_INCH)


def _label(points: Sequence[Row]) -> str:
    label = f"{points[0]['mode']}: {points[0]['attention']}"
    exponents = [f"{row['growth_exponent']:.2f}" for row in points if row["growth_exponent"]]
    return f"{label}\ngrowth {', '.join(exponents)}" if exponents else label


def _tokens(value: float, _: Any) -> str:
    return f"{value / 1024:g}K" if value % 1024 == 0 else f"{value:,.0f}"
