"""Heat maps: score over depth and length, density and error over layers and heads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .panels import GREY, INK, label, panels
from .records import Result
from .results import TrialResult
from .summary import complete

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Grid = np.ndarray[tuple[int, int], np.dtype[np.float64]]

_SCORES = ("RdYlBu", 0.18, 0.8)  # red, yellow, blue, light enough for dark figures on them
_DENSITIES = ("YlGnBu", 0.0, 1.0)
_ERRORS = ("YlOrRd", 0.0, 1.0)


def needles_figure(results: Iterable[Result], model: str) -> Figure | None:
    """A panel for each configuration, dense first: mean score by depth (rows) and length.

    Covers questions with a depth about documents that were run in every configuration.  Cells
    without a question are hatched.  None if there is no such question.
    """
    scores = _scores_by_place(complete(results))
    if not scores:
        return None
    names = sorted(scores, key=lambda name: name != "dense")  # stable: the others keep order
    lengths = sorted({length for places in scores.values() for length, _ in places})
    bins = _bins({depth for places in scores.values() for _, depth in places})
    figure, axes = panels(
        len(names),
        most=min(5, max(2, 24 // (len(lengths) + 1))),
        size=(0.62 * len(lengths) + 1.0, 0.28 * bins + 1.1),
        title=f"Score by depth and length: {model}",
    )
    for axis, name in zip(axes, names, strict=True):
        grid = score_grid(scores[name], lengths, bins)
        image = _draw(axis, grid, _SCORES, most=1.0)
        _annotate(axis, grid)
        label(axis, name, "length (tokens)", "depth (% of document)")
        axis.set_xticks(range(len(lengths)), [_short(length) for length in lengths])
        axis.set_yticks(np.arange(bins + 1) - 0.5, [f"{100 * i // bins}" for i in range(bins + 1)])
    _colour_bar(figure, axes, image, "mean score (0 to 1)")
    return figure


def density_figure(results: Iterable[Result], model: str) -> Figure | None:
    """A panel for each length: density by layer (rows) and head, mean over its documents.

    Shows the first sparse configuration.  None if there is none.
    """
    found = _by_length(results, lambda r: np.array(r.density_by_head))
    text = "density (computed / causal pairs)"
    return _by_head(found, "Density by layer and head", model, _DENSITIES, text)


def errors_figure(results: Iterable[Result], model: str) -> Figure | None:
    """A panel for each length: mean error of the output by layer (rows) and head, mean over its
    documents; layers that were not measured are hatched.

    Shows the first sparse configuration.  None if no head was measured.
    """

    def errors(r: TrialResult) -> Grid | None:
        if not r.heads:
            return None
        grid = np.full((len(r.density_by_head), len(r.density_by_head[0])), np.nan)
        for each in r.heads:
            grid[each.layer, each.head] = each.error
        return grid

    text = "error of the output (relative, L2)"
    found = _by_length(results, errors)
    return _by_head(found, "Error by layer and head", model, _ERRORS, text)


def _by_length(
    results: Iterable[Result], grid_of: Callable[[TrialResult], Grid | None]
) -> tuple[str, dict[int, list[Grid]]]:
    """Of the first sparse configuration its name, and the grids [layers, H] of its documents."""
    sparse = [r for r in results if isinstance(r, TrialResult) and r.configuration.mode == "sparse"]
    name = sparse[0].configuration.label if sparse else ""
    found: dict[int, list[Grid]] = {}
    for r in sparse:
        grid = grid_of(r) if r.configuration.label == name else None
        if grid is not None:
            found.setdefault(r.length, []).append(grid)
    return name, found


def _by_head(
    grids: tuple[str, dict[int, list[Grid]]],
    heading: str,
    model: str,
    part: tuple[str, float, float],
    text: str,
) -> Figure | None:
    """A panel for each length with the mean of its documents' grids; None without any."""
    name, found = grids
    if not found:
        return None
    from matplotlib.ticker import MaxNLocator

    means = {length: np.mean(found[length], axis=0) for length in sorted(found)}
    layers, heads = next(iter(means.values())).shape
    figure, axes = panels(
        len(means),
        most=3,
        size=(min(4.2, 0.11 * heads + 1.9), min(4.4, 0.11 * layers + 1.8)),
        title=f"{heading}, {name}: {model}",
    )
    most = math.ceil(10 * max(np.nanmax(mean) for mean in means.values())) / 10 or 0.1
    for axis, (length, mean) in zip(axes, means.items(), strict=True):
        image = _draw(axis, mean, part, most=most)
        title = f"{length:,} tokens\nmean {np.nanmean(mean):.2f}, documents: {len(found[length])}"
        label(axis, title, "query head", "layer")
        for ticks in (axis.xaxis, axis.yaxis):
            ticks.set_major_locator(MaxNLocator(integer=True))
    _colour_bar(figure, axes, image, text)
    return figure


def score_grid(
    scores: dict[tuple[int, float], list[float]], lengths: Sequence[int], bins: int
) -> Grid:
    """Mean scores [bins, lengths], NaN without a question; a depth of 100 is in the last bin.

    Args:
        scores: of the questions at each (length, depth in percent).
    """
    gathered: dict[tuple[int, int], list[float]] = {}
    for (length, depth), values in scores.items():
        row = min(int(depth * bins / 100), bins - 1)
        gathered.setdefault((row, lengths.index(length)), []).extend(values)
    grid = np.full((bins, len(lengths)), np.nan)
    for place, values in gathered.items():
        grid[place] = np.mean(values)
    return grid


def _scores_by_place(
    results: Iterable[TrialResult],
) -> dict[str, dict[tuple[int, float], list[float]]]:
    """Scores of the questions with a depth: by configuration, then by (length, depth)."""
    found: dict[str, dict[tuple[int, float], list[float]]] = {}
    for r in results:
        for answer in r.answers:
            if answer.depth is not None:
                places = found.setdefault(r.configuration.label, {})
                places.setdefault((r.length, answer.depth), []).append(answer.score)
    return found


def _bins(depths: set[float]) -> int:
    """Ten bins of depth if each has a question, else five."""
    return 10 if len({min(int(depth / 10), 9) for depth in depths}) == 10 else 5


def _draw(axis: Axes, grid: Grid, part: tuple[str, float, float], *, most: float) -> AxesImage:
    """Draw cells from 0 to `most`; the hatched background shows where a cell is NaN.

    Args:
        part: a matplotlib colour map, and the range of it to use.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    name, first, last = part
    colours = ListedColormap(colormaps[name](np.linspace(first, last, 256)))
    axis.patch.set(facecolor="white", edgecolor=GREY, hatch="////", linewidth=0)
    return axis.imshow(grid, cmap=colours, vmin=0, vmax=most, aspect="auto")


def _annotate(axis: Axes, grid: Grid) -> None:
    for (row, column), value in np.ndenumerate(grid):
        if not np.isnan(value):
            axis.text(column, row, f"{value:.2f}", ha="center", va="center", color=INK, size=7)
    rows, columns = grid.shape
    for row in range(1, rows):
        axis.axhline(row - 0.5, color="white", linewidth=1)
    for column in range(1, columns):
        axis.axvline(column - 0.5, color="white", linewidth=1)


def _colour_bar(figure: Figure, axes: Sequence[Axes], image: AxesImage, text: str) -> None:
    """Add a colour bar for all panels, which share their scale."""
    place = axes[0].get_subplotspec()
    assert place is not None
    rows = place.get_gridspec().nrows
    bar = figure.colorbar(
        image, ax=axes, pad=0.02, shrink=max(0.9 / rows, 0.3), anchor=(0.0, 1.0), aspect=22
    )
    bar.set_label(text, fontsize=9, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, color=GREY, labelcolor=INK)


def _short(length: int) -> str:
    """Format 16384 as "16K"."""
    return f"{length // 1024}K" if length % 1024 == 0 else f"{length:,}"
