"""What dense and sparse attention cost on this machine: measured once, before a prefill.

One layer's attention over random keys is timed at two lengths, dense and sparse at a forced
density.  `calibration.py` turns the times into the break-even length and the costs by which the
method `auto` chooses among its patterns, and keeps them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ..kernels import attend
from ..platform.base import AttentionTuning
from ..platform.devices import platform_of
from .calibration import SHORTEST, Calibration, CalibrationStore, TimedLength, calibration_of
from .guarantee import ENOUGH_ROWS, PeakCounts
from .prefill_config import AttentionShape, PrefillConfig
from .select import select
from .settings import SelectionSettings
from .sparse_attention import gathered, sparse_attention

_DENSITY = 0.3  # about what the embedded reader needs
_GATHERED = 16_384  # columns of each head, to time: so many that the launch does not count
_ROUNDS = 3
_QUEUED = 4  # calls in a row, on devices that queue work
_STEPS = 7  # timings of one shape
_NEVER = 2**62  # keys
_SELECTION = "selection 3"  # changes with what a selection computes
_log = logging.getLogger(__name__)
_known: dict[str, Calibration] = {}  # in this process, should the file not be writable

Progress = Callable[[float], None]
"""Called with a fraction from 0 to 1 while something is measured; what it raises ends that."""


def no_progress(fraction: float) -> None:
    """For callers that show no progress."""


def resolve(
    config: PrefillConfig,
    shapes: Iterable[AttentionShape],
    keys: int,
    *,
    progress: Progress = no_progress,
    store: CalibrationStore | None = None,
) -> PrefillConfig:
    """The configuration with what it leaves open, as this machine has it.

    Measures only where it matters: for the method `auto` without a break-even length of its own,
    and where the context reaches `SHORTEST` keys.  The first time ever for a shape this takes a
    few seconds; `progress` is called only then.

    Args:
        shapes: those of the model's layers without a window.
        keys: how long the context will be.
        store: where calibrations are kept; None is the user's cache folder.
    """
    if not config.depends_on_machine:
        return config
    tuned = {}
    for shape in shapes:
        tuning = platform_of(torch.device(shape.device)).tuning
        if tuning is None:
            _log.warning("attention on %s cannot be measured, and stays dense", shape.device)
            continue
        tuned[shape] = _tuned(config.selection, shape, tuning, keys, progress, store)
    return replace(config, tuned=tuned)


def _tuned(
    selection: SelectionSettings,
    shape: AttentionShape,
    tuning: AttentionTuning,
    keys: int,
    progress: Progress,
    store: CalibrationStore | None,
) -> SelectionSettings:
    if selection.patterns is None:
        selection = replace(
            selection, patterns=tuning.patterns, max_column_share=tuning.max_column_share
        )
    if keys < SHORTEST:
        return replace(selection, break_even=SHORTEST)
    found = calibration(shape, progress, store)
    return replace(selection, break_even=found.break_even or _NEVER, cost=found.cost)


def calibration(
    shape: AttentionShape, progress: Progress = no_progress, store: CalibrationStore | None = None
) -> Calibration:
    """What is kept for the shape on this machine, or measured now and put there."""
    key = calibration_key(shape)
    if key in _known:
        return _known[key]
    store = store or CalibrationStore()
    kept = store.load()
    if key not in kept:
        kept[key] = measure(shape, progress)
        store.save(kept)
    return _known.setdefault(key, kept[key])


def forget_calibrations() -> None:
    """Let this process ask the store again, as a new one would."""
    _known.clear()


def calibration_key(shape: AttentionShape) -> str:
    """Whatever changes the times."""
    device = torch.device(shape.device)
    heads, kv_heads = _timed_heads(shape)
    where = platform_of(device).key(device)
    return f"{where}, {heads}/{kv_heads} heads x {shape.head_dim}, {shape.dtype}, {_SELECTION}"


def _timed_heads(shape: AttentionShape) -> tuple[int, int]:
    """Query and kv heads that compute at once."""
    tuning = platform_of(torch.device(shape.device)).tuning
    if tuning is not None and tuning.kv_heads_together:
        return shape.heads, shape.kv_heads
    return shape.heads // shape.kv_heads, 1


@torch.inference_mode()
def measure(shape: AttentionShape, progress: Progress = no_progress) -> Calibration:
    """Time a layer's attention of one chunk on the shape's device, now."""
    device = torch.device(shape.device)
    platform = platform_of(device)
    tuning = platform.tuning
    assert tuning is not None, f"attention on {device} is not measured"
    heads, kv_heads = _timed_heads(shape)
    generator = torch.Generator(device).manual_seed(0)
    steps = 0

    def normal(count: int, length: int) -> Tensor:
        values = torch.randn(count, length, shape.head_dim, generator=generator, device=device)
        return values.to(getattr(torch, shape.dtype))

    def seconds(work: Callable[[], object]) -> float:
        """Of one call in the fastest of a few rounds, after one more.

        Where the device queues work, calls follow each other as layers do: what the host takes
        to queue one passes while the device is busy with another, and counts where it is longer.
        """
        nonlocal steps
        progress(steps / _STEPS)
        steps += 1
        work()
        times = []
        calls = _QUEUED if platform.queues_work else 1
        for _ in range(_ROUNDS):
            platform.synchronize(device)
            began = time.perf_counter()
            for _ in range(calls):
                work()
            platform.synchronize(device)
            times.append((time.perf_counter() - began) / calls)
        return min(times)

    q = normal(heads, tuning.rows)
    k, v = normal(kv_heads, tuning.keys[-1]), normal(kv_heads, tuning.keys[-1])
    scale = shape.head_dim**-0.5
    choose = partial(select, scale=scale, settings=SelectionSettings(density=_DENSITY))
    # The method `auto` looks at more than the forced density does, and that takes its time too.
    as_auto = SelectionSettings(patterns=tuning.patterns, break_even=1)
    later = PeakCounts(ENOUGH_ROWS)  # as in any chunk but the first ones
    choose_as_auto = partial(select, scale=scale, settings=as_auto, seen=later)
    timed = []
    for keys in tuning.keys:
        some_k, some_v = k[:, :keys], v[:, :keys]
        selected = choose(q, some_k)
        assert selected is not None, "both lengths have keys outside of the local window"
        plan, _ = selected
        timed.append(
            TimedLength(
                keys,
                heads * plan.pairs_causal,
                int(plan.pairs_computed.sum()),
                seconds(partial(attend, q, some_k, some_v, causal=True, scale=scale)),
                seconds(partial(choose_as_auto, q, some_k)),
                seconds(partial(sparse_attention, q, some_k, some_v, plan, scale=scale)),
            )
        )
    columns = torch.arange(_GATHERED, device=device, dtype=torch.int32) * (keys // _GATHERED)
    copied = seconds(partial(gathered, k, v, columns.expand(heads, -1)))
    progress(1.0)
    short, long = timed
    query_blocks = heads * len(plan.query_blocks)
    return calibration_of(short, long, copied / (heads * _GATHERED), query_blocks)
