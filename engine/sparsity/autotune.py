"""What dense and sparse attention cost on this machine: measured once, then kept.

One layer's attention over random keys is timed at two lengths, dense and sparse at a forced
density.  Both grow nearly linearly with the pairs that they see, and where the lines cross is the
break-even length.  What a gathered column and a tile take beside a pair are the costs by which
the method `auto` chooses among its patterns.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from ..kernels import attend
from ..platform.machine import cpu_name, driver_version
from ..platform.stopwatch import wait_for
from . import CostModel, SelectionSettings, select
from .sparse_attention import gathered, sparse_attention

SHORTEST = 4096
"""Keys before which a chunk is never sparse, and nothing is measured: there is little to gain."""
_SIZES = {"cpu": (2048, (4096, 16_384)), "cuda": (8192, (16_384, 65_536))}
"""By kind of device the chunk's rows, and the two lengths in keys."""
_DENSITY = 0.3  # about what the embedded reader needs
_GATHERED = 4096  # columns of each head, to time
_ROUNDS = 3
_NEVER = 2**62  # keys
_CPU_PATTERNS = ("local-vertical",)
_GPU_PATTERNS = ("local-vertical", "block-cluster")
"""What the method `auto` chooses from: docs/decisions/0019."""
_MAX_COLUMN_SHARE_ON_GPU = 0.5  # their copies have to fit into the memory
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shape:
    """Of a layer's heads, and where they are computed."""

    heads: int
    groups: int  # kv heads
    size: int
    dtype: str
    device: str  # "cpu", or "cuda" with a number
    threads: int  # of the CPU; on GPUs 0


@dataclass(frozen=True)
class Calibration:
    """Of one shape on one machine.  Nanoseconds are of one head."""

    dense_ns: float  # a (query, key) pair
    kept_ns: float  # a pair that a sparse plan computes, all that it takes included
    gather_ns: float  # copying one key and its value
    tile_ns: float  # a tile of 512 rows, whatever its keys are
    break_even: int | None  # keys from which on sparse is faster; None: at no length

    def __str__(self) -> str:
        pays = f"from {self.break_even:,} keys on" if self.break_even else "at no length"
        return (
            f"a pair takes {_digits(self.dense_ns)} ns dense and {_digits(self.kept_ns)} ns kept, "
            f"a column {_digits(self.gather_ns)} ns, a tile {_digits(self.tile_ns / 1e3)} µs; "
            f"sparse pays {pays}"
        )

    @property
    def cost(self) -> CostModel:
        """In pairs, as the method `auto` compares patterns."""
        pair = self.kept_ns
        return CostModel(round(self.gather_ns / pair), round(self.tile_ns / pair))


def calibrated(settings: SelectionSettings, q: Tensor, k: Tensor) -> SelectionSettings:
    """The settings with what they leave open, as this machine has it.

    Only where it matters: for the method `auto`, without a break-even of its own, and once the
    keys are `SHORTEST`.  The first time ever this takes a few seconds.

    Args:
        q: [H, C, D]; k: [G, N, D], as for `select`.
    """
    if settings.method != "auto" or settings.density is not None or settings.alpha >= 1.0:
        return settings
    if q.device.type not in _SIZES:
        return settings
    on_gpu = q.device.type == "cuda"
    if settings.patterns is None:
        most = _MAX_COLUMN_SHARE_ON_GPU if on_gpu else 1.0
        patterns = _GPU_PATTERNS if on_gpu else _CPU_PATTERNS
        settings = replace(settings, patterns=patterns, max_column_share=most)
    if settings.break_even is not None:
        return settings
    if k.shape[1] < SHORTEST:
        return replace(settings, break_even=SHORTEST)
    found = calibration(_shape(q, k))
    return replace(settings, break_even=found.break_even or _NEVER, cost=found.cost)


def _shape(q: Tensor, k: Tensor) -> Shape:
    dtype = str(q.dtype).removeprefix("torch.")
    if q.device.type == "cuda":
        return Shape(len(q), len(k), q.shape[-1], dtype, str(q.device), 0)
    # One kv group computes after the other.
    return Shape(len(q) // len(k), 1, q.shape[-1], dtype, "cpu", torch.get_num_threads())


@cache
def calibration(shape: Shape) -> Calibration:
    """From the user's cache folder, or measured and put there."""
    path, key = store(), _key(shape)
    known = stored(path)
    if key not in known:
        known[key] = measure(shape)
        _write(path, known)
    return known[key]


def store() -> Path:
    """Where calibrations are kept."""
    return Path(platformdirs.user_cache_dir("sa-chat", appauthor=False)) / "attention.json"


def stored(path: Path) -> dict[str, Calibration]:
    """By machine and shape; nothing where there is no file, or one that cannot be read."""
    try:
        entries = json.loads(path.read_text("utf-8"))
        return {key: Calibration(**entry) for key, entry in entries.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.warning("%s cannot be read, attention is measured anew: %s", path, error)
        return {}


def _key(shape: Shape) -> str:
    """Whatever changes the times."""
    heads = f"{shape.heads}/{shape.groups} heads x {shape.size}, {shape.dtype}"
    if shape.device == "cpu":
        machine = f"{cpu_name()} ({torch.backends.cpu.get_cpu_capability()})"
        return f"{machine}, torch {torch.__version__}, {shape.threads} threads, {heads}"
    name = torch.cuda.get_device_name(shape.device)
    return f"{name}, driver {driver_version()}, torch {torch.__version__}, {heads}"


def _write(path: Path, known: dict[str, Calibration]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        entries = {key: asdict(found) for key, found in known.items()}
        new.write_text(json.dumps(entries, indent=1) + "\n", "utf-8")
        new.replace(path)
    except OSError as error:
        _log.warning("%s cannot be written, attention is measured at each start: %s", path, error)


@dataclass(frozen=True)
class _At:
    """One length: pairs that dense attention and the plan compute, and seconds."""

    keys: int
    pairs: int
    kept: int
    dense_s: float
    select_s: float
    execute_s: float


@torch.inference_mode()
def measure(shape: Shape) -> Calibration:
    """Times a layer's attention of one chunk on the shape's device, now."""
    on_gpu = shape.device != "cpu"
    device = torch.device(shape.device)
    rows, lengths = _SIZES[device.type]
    generator = torch.Generator(device).manual_seed(0)

    def normal(heads: int, length: int) -> Tensor:
        values = torch.randn(heads, length, shape.size, generator=generator, device=device)
        return values.to(getattr(torch, shape.dtype))

    q = normal(shape.heads, rows)
    k, v = normal(shape.groups, lengths[-1]), normal(shape.groups, lengths[-1])
    scale = shape.size**-0.5
    choose = partial(select, scale=scale, settings=SelectionSettings(density=_DENSITY))
    # The method `auto` looks at more than the forced density does, and that takes its time too.
    patterns = _GPU_PATTERNS if on_gpu else _CPU_PATTERNS
    join = partial(select, scale=scale, settings=SelectionSettings(patterns=patterns, break_even=1))
    seconds = partial(_seconds, device)
    found = []
    for keys in lengths:
        some_k, some_v = k[:, :keys], v[:, :keys]
        selected = choose(q, some_k)
        assert selected is not None, "both lengths have keys outside of the band"
        plan, _ = selected
        at = _At(
            keys,
            shape.heads * plan.pairs_causal,
            int(plan.pairs_computed.sum()),
            seconds(partial(attend, q, some_k, some_v, causal=True, scale=scale)),
            seconds(partial(join, q, some_k)),
            seconds(partial(sparse_attention, q, some_k, some_v, plan, scale=scale)),
        )
        found.append(at)
    columns = torch.arange(_GATHERED, device=device, dtype=torch.int32) * (keys // _GATHERED)
    copied = seconds(partial(gathered, k, v, columns.expand(shape.heads, -1)))
    short, long = found
    query_blocks = shape.heads * len(plan.query_blocks)
    return _calibration(short, long, copied / (shape.heads * _GATHERED), query_blocks)


def _calibration(short: _At, long: _At, gather_s: float, query_blocks: int) -> Calibration:
    """From the seconds at two lengths, of one copied column, and the plans' tiles."""
    growth = long.pairs - short.pairs
    dense_s = (long.dense_s - short.dense_s) / growth
    costs = [at.select_s + at.execute_s for at in (short, long)]
    sparse_s = (costs[1] - costs[0]) / growth
    if dense_s <= sparse_s:
        break_even = None
    else:
        behind = max(0.0, costs[0] - short.dense_s)  # at the shorter length, made up for later
        ahead = max(0.0, short.dense_s - costs[0])
        crossing = short.pairs + (behind - ahead) / (dense_s - sparse_s)
        keys = short.keys + (crossing - short.pairs) * (long.keys - short.keys) / growth
        break_even = max(SHORTEST, math.ceil(keys / 256) * 256)
    kept_s = (long.execute_s - short.execute_s) / (long.kept - short.kept)
    tile_s = (short.execute_s - kept_s * short.kept) / query_blocks
    tiny = 1e-6  # a clock that saw nothing
    return Calibration(
        max(tiny, 1e9 * dense_s),
        max(tiny, 1e9 * kept_s),
        max(0.0, 1e9 * gather_s),
        max(0.0, 1e9 * tile_s),
        break_even,
    )


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    """The fastest of a few, after one more."""
    work()
    times = []
    for _ in range(_ROUNDS):
        wait_for(device)
        began = time.perf_counter()
        work()
        wait_for(device)
        times.append(time.perf_counter() - began)
    return min(times)


def _digits(value: float) -> str:
    """Two significant ones."""
    return f"{value:.2g}"
