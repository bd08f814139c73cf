"""What attention costs on this machine, as it was measured and is kept in the user's cache."""

from __future__ import annotations

import json
import logging
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from .cost import CostModel

SHORTEST = 4096
"""Keys before which a chunk is never sparse, and nothing is measured: there is little to gain."""
_FORMER_FIELDS = {"tile_ns": "query_block_ns"}  # in files of earlier versions
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """Attention of one shape on one machine.  Nanoseconds are those of one head."""

    dense_ns: float  # a (query, key) pair
    kept_ns: float  # a pair that a sparse plan computes, all that it takes included
    gather_ns: float  # copying one key and its value
    query_block_ns: float  # a query block of 512 rows, whatever its keys are
    break_even: int | None  # keys from which on sparse is faster; None: at no length

    def __str__(self) -> str:
        pays = f"from {self.break_even:,} keys on" if self.break_even else "at no length"
        return (
            f"a pair takes {_digits(self.dense_ns)} ns dense and {_digits(self.kept_ns)} ns kept, "
            f"a column {_digits(self.gather_ns)} ns, a query block "
            f"{_digits(self.query_block_ns / 1e3)} µs; sparse pays {pays}"
        )

    @property
    def cost(self) -> CostModel:
        """Costs in pairs, as the method `auto` compares patterns."""
        pair = self.kept_ns
        return CostModel(round(self.gather_ns / pair), round(self.query_block_ns / pair))


@dataclass(frozen=True)
class TimedLength:
    """One chunk timed behind `keys` keys: the pairs that dense attention and the plan compute,
    and seconds."""

    keys: int
    pairs: int
    kept: int
    dense_s: float
    select_s: float
    sparse_s: float


def calibration_of(
    short: TimedLength, long: TimedLength, gather_s: float, query_blocks: int
) -> Calibration:
    """The costs from the seconds at two lengths.

    Dense and sparse attention both grow nearly linearly with the pairs that they see; where the
    lines cross is the break-even length.

    Args:
        gather_s: seconds of one copied column.
        query_blocks: of a plan, over all heads.
    """
    growth = long.pairs - short.pairs
    dense_s = (long.dense_s - short.dense_s) / growth
    costs = [at.select_s + at.sparse_s for at in (short, long)]
    sparse_s = (costs[1] - costs[0]) / growth
    if dense_s <= sparse_s:
        break_even = None
    else:
        behind = max(0.0, costs[0] - short.dense_s)  # at the shorter length, made up for later
        ahead = max(0.0, short.dense_s - costs[0])
        crossing = short.pairs + (behind - ahead) / (dense_s - sparse_s)
        keys = short.keys + (crossing - short.pairs) * (long.keys - short.keys) / growth
        break_even = max(SHORTEST, math.ceil(keys / 256) * 256)
    kept_s = (long.sparse_s - short.sparse_s) / (long.kept - short.kept)
    query_block_s = (short.sparse_s - kept_s * short.kept) / query_blocks
    tiny = 1e-6  # a clock that saw nothing
    return Calibration(
        max(tiny, 1e9 * dense_s),
        max(tiny, 1e9 * kept_s),
        max(0.0, 1e9 * gather_s),
        max(0.0, 1e9 * query_block_s),
        break_even,
    )


class CalibrationStore:
    """One JSON file of calibrations, by machine and shape."""

    def __init__(self, path: Path | None = None) -> None:
        """Without a path, the file in the user's cache folder."""
        self.path = path or _default_path()

    def load(self) -> dict[str, Calibration]:
        """All that is kept; empty where there is no file, or one that cannot be read."""
        try:
            entries = json.loads(self.path.read_text("utf-8"))
            return {key: _calibration(entry) for key, entry in entries.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _log.warning("%s cannot be read, attention is measured anew: %s", self.path, error)
            return {}

    def save(self, known: dict[str, Calibration]) -> None:
        """Replace the file, whole or not at all."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = self.path.with_suffix(f".{os.getpid()}")
            entries = {key: asdict(found) for key, found in known.items()}
            new.write_text(json.dumps(entries, indent=1) + "\n", "utf-8")
            new.replace(self.path)
        except OSError as error:
            _log.warning(
                "%s cannot be written, attention is measured at each start: %s", self.path, error
            )


def _default_path() -> Path:
    return Path(platformdirs.user_cache_dir("sa-chat", appauthor=False)) / "attention.json"


def _calibration(entry: dict[str, float | None]) -> Calibration:
    named = {_FORMER_FIELDS.get(name, name): value for name, value in entry.items()}
    return Calibration(**named)  # type: ignore[arg-type]


def _digits(value: float) -> str:
    """Two significant digits."""
    return f"{value:.2g}"
