"""The pictures of a run.  matplotlib is imported only for drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .heatmaps import density_figure, errors_figure, needles_figure
from .panels import GREY, INK, label, panels
from .records import Result
from .summary import Point, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe & Ito
_MARKERS = "osD^vPX*"
_DENSE_MARKER: dict[str, Any] = {"marker": "H", "markersize": 8}


def draw_pictures(results: Iterable[Result], model: str, folder: Path) -> list[Path]:
    """Write the pictures for which there are results; returns their paths.

    `needles.png`: score over depth and length; `scores.png`: score against density;
    `density.png` and `errors.png`: density, and the error of the output, by layer and head.

    Args:
        model: its name, for the titles.
        folder: an existing folder.
    """
    results = list(results)
    kinds: dict[str, Callable[[Sequence[Result], str], Figure | None]] = {
        "needles.png": needles_figure,
        "scores.png": scores_figure,
        "density.png": density_figure,
        "errors.png": errors_figure,
    }
    written = []
    for name, make in kinds.items():
        figure = make(results, model)
        if figure is not None:
            figure.savefig(folder / name, dpi=150)
            written.append(folder / name)
    return written


def scores_figure(results: Sequence[Result], model: str) -> Figure | None:
    """A panel for each length: a line for each method through its alphas, dense at density 1.

    None without a document that was run in every configuration, at least one of them sparse.
    """
    all_points = points(results)
    lengths = sorted({point.length for point in all_points})
    if not lengths:
        return None
    figure, axes = panels(
        len(lengths), most=3, size=(3.6, 3.2), title=f"Score against density: {model}"
    )
    methods = dict.fromkeys(point.configuration.method for point in all_points)
    alphas = sorted({point.configuration.alpha for point in all_points})
    colours = dict(zip(methods, cycle(_COLOURS)))
    markers = dict(zip(alphas, cycle(_MARKERS)))
    lowest = min(min(point.dense, point.sparse) for point in all_points)
    bottom = max(0.0, math.floor(10 * lowest - 0.5) / 10)
    for axis, length in zip(axes, lengths, strict=True):
        of_length = [point for point in all_points if point.length == length]
        _draw_scores(axis, of_length, colours, markers)
        axis.set(xlim=(0, 1.05), ylim=(bottom, 1.0 + 0.05 * (1.0 - bottom)))
        label(
            axis,
            f"{length:,} tokens",
            "density (computed / causal pairs)",
            f"mean score (tasks: {of_length[0].tasks})",
        )
    _legend(figure, colours, markers)
    return figure


def _draw_scores(
    axis: Axes, of_length: Sequence[Point], colours: dict[str, str], markers: dict[float, str]
) -> None:
    dense = of_length[0].dense
    axis.grid(color="#e6e6e6", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.axhline(dense, color=INK, linestyle="--", linewidth=1)
    axis.plot([1], [dense], color=INK, **_DENSE_MARKER)
    for method, colour in colours.items():
        line = [point for point in of_length if point.configuration.method == method]
        line.sort(key=lambda point: point.configuration.alpha)
        axis.plot([p.density for p in line], [p.sparse for p in line], color=colour, label=method)
        for p in line:
            marker = markers[p.configuration.alpha]
            axis.plot([p.density], [p.sparse], marker=marker, color=colour, mec="white", ms=8)


def _legend(figure: Figure, colours: dict[str, str], markers: dict[float, str]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=INK, linestyle="--", label="dense", **_DENSE_MARKER)]
    lines += [Line2D([], [], color=colour, label=method) for method, colour in colours.items()]
    lines += [
        Line2D([], [], color=GREY, marker=marker, linestyle="", label=f"alpha {alpha:g}")
        for alpha, marker in markers.items()
    ]
    figure.legend(handles=lines, loc="outside right center", frameon=False, fontsize=9)
