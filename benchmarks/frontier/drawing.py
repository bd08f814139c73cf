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
_HEADER = (
    "rule",
    "density",
    "NLL change",
    "KL",
    "same next token",
    "prefill, s",
    "dense, s",
    "times dense",
)


def means(rows: Sequence[Row]) -> list[Row]:
    """One row for each model, length and setting: the means over its documents."""
    by_setting: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row["model"], row["tokens"], row["rule"], row["value"])
        by_setting.setdefault(key, []).append(row)
    names = ("density", "nll_change", "kl", "same_token", "prefill_s", "dense_s")
    found = []
    for (model, tokens, rule, value), those in by_setting.items():
        own = {"model": model, "tokens": tokens, "rule": rule, "value": value}
        found.append(own | {name: fmean(row[name] for row in those) for name in names})
        found[-1]["documents"] = len(those)
    return found


def tables(rows: Sequence[Row]) -> str:
    """A table for each model and length, in Markdown."""
    every = means(rows)
    parts = []
    for model, tokens in dict.fromkeys((row["model"], row["tokens"]) for row in every):
        those = [row for row in every if (row["model"], row["tokens"]) == (model, tokens)]
        lines = [
            (
                row["rule"] if row["value"] is None else f"{row['rule']} {row['value']:g}",
                f"{row['density']:.3f}",
                f"{row['nll_change']:+.4f}",
                f"{row['kl']:.4f}",
                f"{100 * row['same_token']:.1f} %",
                f"{row['prefill_s']:.2f}",
                f"{row['dense_s']:.2f}",
                f"{row['dense_s'] / row['prefill_s']:.2f}",
            )
            for row in those
        ]
        count = max(row["documents"] for row in those)
        parts.append(f"## {model}, {tokens:,} tokens, documents: {count}")
        parts.append(markdown_table(_HEADER, lines))
    return "\n\n".join(parts) + "\n"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Loss against density and against time: a row of panels for each model and length."""
    every = means(rows)
    panels = list(dict.fromkeys((row["model"], row["tokens"]) for row in every))
    figure = Figure(figsize=(9.0, 3.3 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 2, squeeze=False, sharey="row")
    for (model, tokens), (by_density, by_time) in zip(panels, axes, strict=True):
        those = [row for row in every if (row["model"], row["tokens"]) == (model, tokens)]
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
            for row in those:
                if row["value"] is None:
                    axis.axhline(row["kl"], color="#777777", linewidth=0.8, linestyle=":")
            axis.set_yscale("log")
            axis.grid(True, which="major", linewidth=0.4, color="#dddddd")
        by_density.set_title(f"{model}, {tokens:,} tokens", fontsize=10, loc="left")
        by_density.set_ylabel("KL to dense, nats a token")
        by_density.set_xlabel("density: computed / causal pairs")
        by_time.set_xlabel("prefill time / dense")
        by_time.axvline(1.0, color="#777777", linewidth=0.8)
    axes[0][1].legend(fontsize=8, frameon=False)
    figure.savefig(path)
