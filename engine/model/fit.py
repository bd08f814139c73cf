"""Does a model fit, with its cache, and on which devices: told before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from sa_chat.protocol.errors import ModelError

from .structure import Needs

_ROWS = 16_384  # of the longest chunk that the pipeline reads on a GPU
_KEPT_COLUMNS = 0.5  # share of the keys of which copies may be made, as attention limits them
_SPARE = 512 * 2**20  # CUDA's libraries, selection, what the allocator cannot use
_SMALL = 2 * 2**30  # bytes of weights up to which a second GPU gains nothing


@dataclass(frozen=True)
class Room:
    """A device that a model may use."""

    device: torch.device
    name: str
    free_bytes: int
    speed: float = 1.0  # relative to the others


@dataclass(frozen=True)
class Share:
    """What one device holds.  Bytes."""

    room: Room
    layers: range
    weights: int
    kv: int
    workspace: int

    @property
    def needed(self) -> int:
        return self.weights + self.kv + self.workspace

    @property
    def missing(self) -> int:
        return max(0, self.needed - self.room.free_bytes)

    def __str__(self) -> str:
        return (
            f"{self.room.device} ({self.room.name}): layers {self.layers.start} to "
            f"{self.layers.stop - 1}, {_gib(self.weights)} weights + {_gib(self.kv)} KV cache + "
            f"{_gib(self.workspace)} workspace = {_gib(self.needed)} of "
            f"{_gib(self.room.free_bytes)} GiB free"
        )


def fitted(needs: Needs, rooms: Sequence[Room], tokens: int) -> tuple[Share, ...]:
    """The model over the given devices, with a cache of so many tokens, the best way there is.

    Two devices where there are two and the model is not small: their layers are in proportion to
    their speeds as far as their memories allow.  Else the device with the most room.

    Raises `ModelError`, with how much is missing and what would help, if it does not fit.
    """
    plan = _best(needs, rooms, tokens)
    if _missing(plan):
        raise _too_large(needs, plan, rooms, tokens)
    return plan


def most_tokens(needs: Needs, rooms: Sequence[Room]) -> int:
    """The longest context that fits, to 1,024 tokens; 0 if none does."""
    low, high = 0, 2**14
    while low < high:
        middle = (low + high + 1) // 2
        if _missing(_best(needs, rooms, 1024 * middle)):
            high = middle - 1
        else:
            low = middle
    return 1024 * low


@contextmanager
def fitting(name: str, devices: Sequence[torch.device]) -> Iterator[None]:
    """Within, a model is loaded.  Raises `ModelError` if the memory runs out, whatever was computed
    before."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        where = " and ".join(map(str, devices))
        raise ModelError(
            f"{name} does not fit into the memory of {where}.",
            "Choose a smaller model, free memory on the GPUs, or use --device cpu.",
        ) from error


def _best(needs: Needs, rooms: Sequence[Room], tokens: int) -> tuple[Share, ...]:
    """What fits, of that the fastest; else what misses least."""
    assert rooms
    plans = [_whole(needs, room, tokens) for room in rooms]
    plans.sort(key=lambda plan: -plan[0].room.free_bytes)
    if len(rooms) == 2:
        splits = _splits(needs, rooms[0], rooms[1], tokens)
        plans = [*plans, *splits] if needs.weights <= _SMALL else [*splits, *plans]
    return min(plans, key=_missing)  # the first of several


def _splits(needs: Needs, one: Room, other: Room, tokens: int) -> list[tuple[Share, ...]]:
    """Over both, those whose slower stage is fastest first."""
    layers = len(needs.layer_weights)

    def slowest(split: int) -> float:
        return max(split / one.speed, (layers - split) / other.speed)

    return [
        (
            _share(needs, one, range(split), tokens, first=True),
            _share(needs, other, range(split, layers), tokens, last=True),
        )
        for split in sorted(range(1, layers), key=lambda split: (slowest(split), split))
    ]


def _whole(needs: Needs, room: Room, tokens: int) -> tuple[Share, ...]:
    layers = range(len(needs.layer_weights))
    return (_share(needs, room, layers, tokens, first=True, last=True),)


def _share(
    needs: Needs, room: Room, layers: range, tokens: int, *, first: bool = False, last: bool = False
) -> Share:
    weights = sum(needs.layer_weights[at] for at in layers)
    weights += needs.first_weights * first + needs.last_weights * last
    rows = min(_ROWS, tokens)
    copies = needs.column_bytes * int(_KEPT_COLUMNS * tokens) + needs.read_bytes * tokens
    workspace = needs.row_bytes * rows + copies + _SPARE
    return Share(room, layers, weights, needs.kv_per_token * len(layers) * tokens, workspace)


def _missing(plan: tuple[Share, ...]) -> int:
    return sum(share.missing for share in plan)


def _too_large(
    needs: Needs, plan: tuple[Share, ...], rooms: Sequence[Room], tokens: int
) -> ModelError:
    needed = sum(share.needed for share in plan)
    where = " and ".join(f"{room.device} ({_gib(room.free_bytes)} GiB free)" for room in rooms)
    most = most_tokens(needs, rooms)
    if most:
        hint = f"{most:,} tokens would fit: read less of the document, or choose a smaller model."
    elif rooms[0].device.type == "cpu":
        hint = "Choose a smaller model, or free memory."
    else:
        hint = "Choose a smaller model, free memory on the GPUs, or use --device cpu."
    return ModelError(
        f"{needs.name} with {tokens:,} tokens of context needs {_gib(needed)} GiB "
        f"({_gib(needs.weights)} of weights); {_gib(_missing(plan))} are missing on {where}.",
        hint,
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"
