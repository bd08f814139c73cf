"""The table and the picture of a frontier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.figure import Figure

from sa_chat.engine.tools.eval.markdown import markdown_table

Row = dict[str, Any]

# Okabe and Ito's, which the colour-blind tell apart.
_LOOKS = {
    "sa-chat": ("#0072B2", "o"),
    "FlexPrefill": ("#D55E00", "s"),
    "XAttention": ("#009E73", "^"),
}
_SETTING = ("model", "tokens", "chunk", "rule", "value")
_FIGURES = (
    "density",
    "recall",
    "recall_p5",
    "nll_change",
    "kl",
    "same_token",
    "prefill_s",
    "select_s",
    "dense_s",
)
_HEADER = (
    "rule",
    "density",
    "recall",
    "recall p5",
    "NLL change",
    "KL",
    "same next token",
    "prefill, s",
    "selecting, s",
    "dense, s",
    "times dense",
)


def means(rows: Sequence[Row]) -> list[Row]:
    """One row for each model, length, chunk and setting: the means over its documents, None where
    one of them has no figure."""
    by_setting: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        by_setting.setdefault(tuple(row.get(name) for name in _SETTING), []).append(row)
    found = []
    for setting, those in by_setting.items():
        mean = {name: _mean([row.get(name) for row in those]) for name in _FIGURES}
        found.append(dict(zip(_SETTING, setting, strict=True)) | mean | {"documents": len(those)})
    return found


def _mean(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if len(known) == len(figures) else None


def _panels(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows by title: model, length and, where it was given, the chunk."""
    panels: dict[str, list[Row]] = {}
    for row in rows:
        chunk = "" if row["chunk"] is None else f" in chunks of {row['chunk']:,}"
        panels.setdefault(f"{row['model']}, {row['tokens']:,} tokens{chunk}", []).append(row)
    return panels


def tables(rows: Sequence[Row]) -> str:
    """A table for each model and length, in Markdown."""
    parts = []
    for title, those in _panels(means(rows)).items():
        lines = [
            (
                row["rule"] if row["value"] is None else f"{row['rule']} {row['value']:g}",
                f"{row['density']:.3f}",
                _told(row["recall"], ".4f"),
                _told(row["recall_p5"], ".4f"),
                f"{row['nll_change']:+.4f}",
                f"{row['kl']:.4f}",
                f"{100 * row['same_token']:.1f} %",
                f"{row['prefill_s']:.2f}",
                _told(row["select_s"], ".2f"),
                f"{row['dense_s']:.2f}",
                f"{row['dense_s'] / row['prefill_s']:.2f}",
            )
            for row in those
        ]
        count = max(row["documents"] for row in those)
        parts.append(f"## {title}, documents: {count}")
        parts.append(markdown_table(_HEADER, lines))
    return "\n\n".join(parts) + "\n"


def _told(figure: float | None, form: str) -> str:
    return "-" if figure is None else format(figure, form)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Loss against density and against time: a row of panels for each model and length."""
    panels = _panels(means(rows))
    figure = Figure(figsize=(9.0, 3.3 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 2, squeeze=False, sharey="row")
    for (title, those), (by_density, by_time) in zip(panels.items(), axes, strict=True):
        for rule, (colour, marker) in _LOOKS.items():
            own = sorted((r for r in those if r["rule"] == rule), key=lambda row: row["value"])
            shares = [row["prefill_s"] / row["dense_s"] for row in own]
            for axis, x in ((by_density, [row["density"] for row in own]), (by_time, shares)):
                kl = [row["kl"] for row in own]
                axis.plot(x, kl, color=colour, marker=marker, label=rule, linewidth=1.4)
                for row, at in zip(own, x, strict=True):
                    axis.annotate(
                        f"{row['value']:g}",
                        (at, row["kl"]),
                        xytext=(4, 4),
                        textcoords="offset points",
                        fontsize=7,
                        color=colour,
                    )
        for axis in (by_density, by_time):
            axis.set_yscale("log")
            axis.margins(0.12)  # for the labels
            limits = axis.get_ylim()
            for row in those:
                if row["value"] is None and row["kl"] > 0.0:
                    axis.axhline(
                        row["kl"], color="#777777", linewidth=0.8, linestyle=":", label=row["rule"]
                    )
            axis.set_ylim(limits)  # the rules', however low the noise is
            axis.grid(True, which="major", linewidth=0.4, color="#dddddd")
        by_density.set_title(title, fontsize=10, loc="left")
        dense_s = fmean(row["dense_s"] for row in those)
        by_time.set_title(f"dense: {dense_s:.2f} s", fontsize=10, loc="right")
        by_density.set_ylabel("KL to dense, nats a token")
        by_density.set_xlabel("density: computed / causal pairs")
        by_time.set_xlabel("prefill time / dense")
        by_time.axvline(1.0, color="#777777", linewidth=0.8)
    axes[0][1].legend(fontsize=8, frameon=False)
    figure.savefig(path)
