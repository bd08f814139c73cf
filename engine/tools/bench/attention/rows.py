"""Rows and tables of `sa-engine bench attention`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ....sparsity.plan import causal_pairs
from ..results import Row, table
from ..timing import Timing
from .check import Checked
from .inputs import Inputs

MEASURED = "measured"

NOTES = (
    "One layer's causal attention over the whole context.  sa-chat works in chunks of {chunk} "
    "tokens, as in a prefill.",
    "Before a row was timed, {rows} query rows were compared with exact float64 attention over "
    "the keys that the method keeps; error is that of the worst head.",
    "Times are medians.  Prepare is sa-chat's selection with the measuring of its recall, and "
    "FlexAttention's building of a block mask from given blocks, selection not included.  Total is "
    "sa-chat's both, chunk by chunk as in a prefill, timed in one; FlexAttention's is the sum.",
    "Density is computed pairs / causal pairs.  Where it is asked for it is forced: the columns "
    "with most attention mass per pair until it is reached, whatever they hold.  FlexAttention "
    "computes whole blocks.",
    "Recall is the exact softmax mass of the kept keys, mean and 5th percentile over the "
    "compared rows of all heads, none of which selection looked at.  Fewest keys is what a perfect "
    "selection would keep there.",
    "TFLOP/s are of computed pairs in attention alone.  The ratio is of the baseline's median, "
    "timed in turns with the method, to the method's total.",
)

_HEADINGS = ("tokens", "method", "asked", "density", "recall", "error")
_TIMES = ("prepare ms", "attention ms", "total ms", "TFLOP/s")


@dataclass(frozen=True)
class Kept:
    """What a method computes."""

    method: str
    asked: str = ""  # what decides which keys are kept; nothing for dense attention
    density: float = 1.0  # computed pairs / causal pairs
    note: str = ""


def measured(
    inputs: Inputs,
    kept: Kept,
    checked: Checked,
    attention: Timing,
    prepare: Timing | None = None,
    whole: Timing | None = None,
) -> Row:
    """The row of a checked and timed method; `prepare` times what comes before attention, if
    anything does, and `whole` both in one."""
    apart = attention.median_s + (0.0 if prepare is None else prepare.median_s)
    heads, length, head_dim = inputs.q.shape
    pairs = kept.density * heads * causal_pairs(0, length)
    return {
        "length": length,
        "method": kept.method,
        "outcome": MEASURED,
        "asked": kept.asked,
        "density": kept.density,
        "recall": checked.recall,
        "error": checked.error,
        "prepare": None if prepare is None else asdict(prepare),
        "attention": asdict(attention),
        "whole": None if whole is None else asdict(whole),
        "total_s": apart if whole is None else whole.median_s,
        "tflops": 4 * head_dim * pairs / attention.median_s / 1e12,  # q @ k.T and weights @ v
        "note": kept.note,
    }


def not_measured(length: int, method: str, asked: str, outcome: str) -> Row:
    """The row of a method that was not measured; `outcome` says why."""
    return {"length": length, "method": method, "outcome": outcome, "asked": asked}


def rows_table(rows: Sequence[Row]) -> str:
    """Markdown; the ratio is named after the baseline of these rows."""
    baselines = [row["baseline"] for row in rows if "baseline" in row]
    ratio = f"{baselines[0]} / this" if baselines else "ratio"
    return table((*_HEADINGS, *_TIMES, ratio, "note"), [_cells(row) for row in rows])


def _cells(row: Row) -> tuple[str, ...]:
    head = (str(row["length"]), row["method"], row["asked"])
    density = f"{row['density']:.3f}" if "density" in row else ""
    if row["outcome"] != MEASURED:
        return (*head, density, *[""] * 7, row["outcome"])
    prepare, attention = row["prepare"], row["attention"]
    return (
        *head,
        density,
        f"{row['recall']['mean']:.4f} ({row['recall']['p5']:.3f})",
        f"{row['error']:.0e}",
        "" if prepare is None else f"{1e3 * prepare['median_s']:,.2f}",
        f"{1e3 * attention['median_s']:,.2f}",
        f"{1e3 * row['total_s']:,.2f}",
        f"{row['tflops']:.3g}",
        f"{row['baseline_over_this']:.2f}" if "baseline" in row else "",
        row["note"],
    )
