"""What dense and sparse attention cost on this machine: measured once, then kept.

One layer's attention over random keys is timed at two lengths, dense and sparse at a forced
density.  Both grow nearly linearly with the pairs that they see, and where the lines cross is the
break-even length.  CPUs only: on GPUs none has been found yet, and the joined method is dense.
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
from ..machine import cpu_name
from ..selection import SelectionSettings, select
from .execute import execute

SHORTEST = 4096
"""Keys before which a chunk is never sparse, and nothing is measured: there is little to gain."""
_LENGTHS = 4096, 16_384
_ROWS = 2048
_DENSITY = 0.3  # about what the embedded reader needs
_ROUNDS = 3
_NEVER = 2**62  # keys
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shape:
    """Of one kv group of a layer, and how it is computed."""

    heads: int  # query heads that share a kv head
    size: int
    dtype: str
    threads: int


@dataclass(frozen=True)
class Calibration:
    """Of one shape on one machine.  Times are of one (query, key) pair of one head."""

    dense_ns: float
    kept_ns: float  # of the pairs that a sparse plan computes, gathering included
    break_even: int | None  # keys from which on sparse is faster; None: at no length

    def __str__(self) -> str:
        pays = f"from {self.break_even:,} keys on" if self.break_even else "at no length"
        return (
            f"a pair takes {self.dense_ns:.2f} ns dense and {self.kept_ns:.2f} ns kept, "
            f"sparse pays {pays}"
        )


def calibrated(settings: SelectionSettings, q: Tensor, k: Tensor) -> SelectionSettings:
    """The settings with this machine's break-even.

    Only where they matter: for the joined method on a CPU, without a break-even of its own, and
    once the keys are `SHORTEST`.  The first time ever this takes a few seconds.

    Args:
        q: [H, C, D]; k: [G, N, D], as for `select`.
    """
    wanted = settings.method == "joined" and settings.density is None and settings.alpha < 1.0
    if not wanted or settings.break_even is not None or q.device.type != "cpu":
        return settings
    if k.shape[1] < SHORTEST:
        return replace(settings, break_even=SHORTEST)
    dtype = str(q.dtype).removeprefix("torch.")
    shape = Shape(len(q) // len(k), q.shape[-1], dtype, torch.get_num_threads())
    found = calibration(shape)
    return replace(settings, break_even=found.break_even or _NEVER)


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
    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"{cpu_name()} ({capability}), torch {torch.__version__}, {shape.threads} threads, "
        f"{shape.heads} heads x {shape.size}, {shape.dtype}"
    )


def _write(path: Path, known: dict[str, Calibration]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        entries = {key: asdict(found) for key, found in known.items()}
        new.write_text(json.dumps(entries, indent=1) + "\n", "utf-8")
        new.replace(path)
    except OSError as error:
        _log.warning("%s cannot be written, attention is measured at each start: %s", path, error)


@torch.inference_mode()
def measure(shape: Shape) -> Calibration:
    """Times one kv group's attention of a chunk on the CPU, now."""
    generator = torch.Generator().manual_seed(0)
    dtype = getattr(torch, shape.dtype)
    longest = _LENGTHS[-1]
    q = torch.randn(shape.heads, _ROWS, shape.size, generator=generator).to(dtype)
    k, v = torch.randn(2, 1, longest, shape.size, generator=generator).to(dtype)
    scale = shape.size**-0.5
    choose = partial(select, scale=scale, settings=SelectionSettings(density=_DENSITY))
    pairs, dense, sparse = [], [], []
    for keys in _LENGTHS:
        some_k, some_v = k[:, :keys], v[:, :keys]
        selected = choose(q, some_k)
        assert selected is not None, "both lengths have keys outside of the band"
        plan, _ = selected
        pairs.append(shape.heads * plan.pairs_causal)
        dense.append(_seconds(partial(attend, q, some_k, some_v, causal=True, scale=scale)))
        carried_out = _seconds(partial(execute, q, some_k, some_v, plan, scale=scale))
        sparse.append(carried_out + _seconds(partial(choose, q, some_k)))
    return _crossing(pairs, dense, sparse, carried_out / int(plan.pairs_computed.sum()))


def _crossing(
    pairs: list[int], dense: list[float], sparse: list[float], kept_s: float
) -> Calibration:
    """From the seconds at two lengths with so many causal pairs each."""
    growth = pairs[1] - pairs[0]
    dense_s, sparse_s = (dense[1] - dense[0]) / growth, (sparse[1] - sparse[0]) / growth
    if dense_s <= sparse_s:
        break_even = None
    else:
        behind = max(0.0, sparse[0] - dense[0])  # at the shorter length, made up for later
        ahead = max(0.0, dense[0] - sparse[0])
        crossing = pairs[0] + (behind - ahead) / (dense_s - sparse_s)
        keys = _LENGTHS[0] + (crossing - pairs[0]) * (_LENGTHS[1] - _LENGTHS[0]) / growth
        break_even = max(SHORTEST, math.ceil(keys / 256) * 256)
    tiny = 1e-3  # a clock that saw nothing
    return Calibration(max(tiny, 1e9 * dense_s), max(tiny, 1e9 * kept_s), break_even)


def _seconds(work: Callable[[], object]) -> float:
    """The fastest of a few, after one more."""
    work()
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
