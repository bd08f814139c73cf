"""All methods at one length: each is checked, then timed, then recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

import torch
from torch import Tensor

from ....sparsity import SelectionSettings
from ..results import Report, Row
from ..timing import measure_in_turns
from . import flex, ours
from .baselines import Attention, Unavailable, dense_baselines
from .check import Checked, Checker, fill_freed_memory
from .exact import oracle_density
from .inputs import Inputs
from .rows import MEASURED, Kept, measured, not_measured

CHECKED_ROWS = 64
OURS, FLEX = "sa-chat", "FlexAttention"


class LengthBench:
    """The rows of one length.

    The first dense baseline that runs is what all others are compared with, each timed in turns
    with it.  A method that is not available, or runs out of memory, has a row that says so.
    """

    def __init__(self, inputs: Inputs, *, seed: int, rounds: int, report: Report) -> None:
        self.rows: list[Row] = []
        self._inputs = inputs
        self._rounds = rounds
        self._report = report
        # In long chunks more rows are sampled where blocks are among the patterns.
        several = [SelectionSettings(method=m) for m in ("local-vertical", "block-cluster")]
        checked = ours.rows_not_sampled(inputs, several, count=CHECKED_ROWS, seed=seed)
        self._checker = Checker(inputs, checked)
        self._baseline: tuple[str, Attention] | None = None

    def run(self, adaptive: SelectionSettings, densities: tuple[float, ...]) -> None:
        """Dense baselines, then ours dense, adaptive and at each forced density.

        Raises `EngineError` at the first method that fails its check, and
        `torch.OutOfMemoryError` if not even a check fits.
        """
        self._oracle(adaptive.alpha)
        for method, attend in dense_baselines(self._inputs.q.device).items():
            self._dense(method, attend)
            if self._baseline is None and self.rows[-1]["outcome"] == MEASURED:
                self._baseline = method, attend
        plans = ours.dense_plans(self._inputs)
        with self._or_reason(f"{OURS} dense", ""):
            checked = self._check(f"{OURS} dense", lambda: ours.attend_all(self._inputs, plans))
            self._time(
                Kept(f"{OURS} dense"), checked, lambda: ours.attend_each(self._inputs, plans)
            )
        self._sparse(adaptive, densities)

    def _oracle(self, alpha: float) -> None:
        """What a perfect selection would keep for the checked rows."""
        q, k = self._inputs.q, self._inputs.k
        by_head = oracle_density(q, k, self._checker.rows, share=alpha)
        row = not_measured(self._inputs.length, "fewest keys", f"alpha {alpha:g}", "counted")
        self._record({**row, "density": sum(by_head) / len(by_head)})

    def _dense(self, method: str, attend: Attention) -> None:
        with self._or_reason(method, ""):
            checked = self._check(method, lambda: attend(self._inputs))
            self._time(Kept(method), checked, lambda: attend(self._inputs))

    def _sparse(self, adaptive: SelectionSettings, densities: tuple[float, ...]) -> None:
        forced = [replace(adaptive, density=density) for density in densities]
        block_sparse: flex.Flex | None = None
        with self._or_reason(FLEX, ""):
            block_sparse = flex.compiled_flex(self._inputs)
        for settings in (adaptive, *forced):
            plans = self._ours(settings)
            if block_sparse is not None and plans is not None:
                self._flex(_asked(settings), plans, block_sparse)

    def _ours(self, settings: SelectionSettings) -> ours.Plans | None:
        """The plans that were measured; None if memory ran out."""
        inputs, asked = self._inputs, _asked(settings)
        with self._or_reason(OURS, asked):
            plans = ours.select_all(inputs, settings)
            kept = ours.kept_keys(plans, self._checker.rows, inputs)
            bare = ours.without_tails(plans)  # a tail is no kept key
            checked = self._check(OURS, lambda: ours.attend_all(inputs, bare), kept)
            density = ours.density(plans, inputs)
            self._time(
                Kept(OURS, asked, density, _note(settings, density)),
                checked,
                lambda: ours.attend_each(inputs, plans),
                lambda: ours.select_all(inputs, settings),
                lambda: ours.select_and_attend(inputs, settings),
            )
            return plans
        return None

    def _flex(self, asked: str, plans: ours.Plans, attend: flex.Flex) -> None:
        inputs = self._inputs
        with self._or_reason(FLEX, asked):
            blocks = flex.kept_blocks(plans, inputs)
            mask = flex.block_mask(blocks)
            kept = flex.kept_keys_of(blocks, self._checker.rows)
            checked = self._check(FLEX, lambda: attend(inputs, mask), kept)
            self._time(
                Kept(FLEX, asked, flex.block_density(blocks)),
                checked,
                lambda: attend(inputs, mask),
                lambda: flex.block_mask(blocks),
            )

    def _check(
        self, method: str, attend: Callable[[], Tensor], kept: Tensor | None = None
    ) -> Checked:
        fill_freed_memory(self._inputs)
        return self._checker.check(method, attend(), kept)

    def _time(
        self,
        kept: Kept,
        checked: Checked,
        attend: Callable[[], object],
        prepare: Callable[[], object] | None = None,
        whole: Callable[[], object] | None = None,
    ) -> None:
        """Record how long a method takes, and the baseline in turns with it.

        `whole` is what comes before attention and attention in one, where there is such.
        """
        functions = [each for each in (attend, prepare, whole) if each is not None]
        if self._baseline is not None:
            name, baseline = self._baseline
            functions.append(lambda: baseline(self._inputs))
        timings = measure_in_turns(functions, self._inputs.q.device, least=self._rounds)
        before = None if prepare is None else timings[1]
        total = None if whole is None else timings[2]
        row = measured(self._inputs, kept, checked, timings[0], before, total)
        if self._baseline is not None:
            row |= {"baseline": name, "baseline_in_turns": asdict(timings[-1])}
            row["baseline_over_this"] = timings[-1].median_s / row["total_s"]
        self._record(row)
        what = f"{row['length']:,} {kept.method} {kept.asked}".rstrip()
        print(f"{what}: {1e3 * row['total_s']:,.2f} ms", file=sys.stderr, flush=True)

    def _record(self, row: Row) -> None:
        self.rows.append(row)
        self._report.add(row)

    @contextmanager
    def _or_reason(self, method: str, asked: str) -> Iterator[None]:
        """Record why there is no measurement, where a method cannot run."""
        reason = "out of memory"
        try:
            yield
            return
        except Unavailable as error:
            reason = str(error)
        except torch.OutOfMemoryError:
            pass
        self._record(not_measured(self._inputs.length, method, asked, reason))


def _note(settings: SelectionSettings, density: float) -> str:
    if settings.density is None or density <= 1.02 * settings.density:
        return ""
    return "window and sinks alone exceed it"


def _asked(settings: SelectionSettings) -> str:
    if settings.density is not None:
        return f"density {settings.density:g}"
    return f"{settings.method} {settings.alpha:g}"
