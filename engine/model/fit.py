"""Whether a model fits with its cache, and on which devices, before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from sa_chat.protocol.errors import ModelError

from ..platform.devices import platform_of
from .structure import Needs

_KEPT_COLUMNS = 0.5  # share of the keys of which copies may be made, as attention limits them
_SPARE = 512 * 2**20  # the GPU's libraries, selection, what the allocator cannot use
SMALL_WEIGHTS = 2 * 2**30  # bytes of weights up to which a second GPU gains nothing


@dataclass(frozen=True)
class DeviceBudget:
    """A device that a model may use."""

    device: torch.device
    name: str
    free_bytes: int
    speed: float = 1.0  # relative to the others


@dataclass(frozen=True)
class StagePlacement:
    """The layers that one device holds, and the bytes they take."""

    budget: DeviceBudget
    layers: range
    weights: int
    kv: int
    workspace: int

    @property
    def needed(self) -> int:
        return self.weights + self.kv + self.workspace

    @property
    def missing(self) -> int:
        return max(0, self.needed - self.budget.free_bytes)

    def __str__(self) -> str:
        return (
            f"{self.budget.device} ({self.budget.name}): layers {self.layers.start} to "
            f"{self.layers.stop - 1}, {_gib(self.weights)} weights + {_gib(self.kv)} KV cache + "
            f"{_gib(self.workspace)} workspace = {_gib(self.needed)} of "
            f"{_gib(self.budget.free_bytes)} GiB free"
        )


def place_stages(
    needs: Needs, budgets: Sequence[DeviceBudget], tokens: int
) -> tuple[StagePlacement, ...]:
    """The model over the given devices, with a cache of so many tokens, the best way there is.

    Two devices where there are two and the model is not small: their layers are in proportion to
    their speeds as far as their memories allow.  Else the device with the most room.

    Raises `ModelError`, with how much is missing and what would help, if it does not fit.
    """
    plan = _best(needs, budgets, tokens)
    if _missing(plan):
        raise _too_large(needs, plan, budgets, tokens)
    return plan


def most_tokens(needs: Needs, budgets: Sequence[DeviceBudget]) -> int:
    """The longest context that fits, to 1,024 tokens; 0 if none does."""
    low, high = 0, 2**14
    while low < high:
        middle = (low + high + 1) // 2
        if _missing(_best(needs, budgets, 1024 * middle)):
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


def _best(needs: Needs, budgets: Sequence[DeviceBudget], tokens: int) -> tuple[StagePlacement, ...]:
    """The fastest placement that fits; if none does, the one that lacks least memory."""
    assert budgets
    plans = [_whole(needs, budget, tokens) for budget in budgets]
    plans.sort(key=lambda plan: -plan[0].budget.free_bytes)
    if len(budgets) == 2:
        splits = _splits(needs, budgets[0], budgets[1], tokens)
        plans = [*plans, *splits] if needs.weights <= SMALL_WEIGHTS else [*splits, *plans]
    return min(plans, key=_missing)  # the first of several


def _splits(
    needs: Needs, one: DeviceBudget, other: DeviceBudget, tokens: int
) -> list[tuple[StagePlacement, ...]]:
    """Over both, those whose slower stage is fastest first."""
    layers = len(needs.layer_weights)

    def slowest(split: int) -> float:
        return max(split / one.speed, (layers - split) / other.speed)

    return [
        (
            _stage(needs, one, range(split), tokens, first=True),
            _stage(needs, other, range(split, layers), tokens, last=True),
        )
        for split in sorted(range(1, layers), key=lambda split: (slowest(split), split))
    ]


def _whole(needs: Needs, budget: DeviceBudget, tokens: int) -> tuple[StagePlacement, ...]:
    layers = range(len(needs.layer_weights))
    return (_stage(needs, budget, layers, tokens, first=True, last=True),)


def _stage(
    needs: Needs,
    budget: DeviceBudget,
    layers: range,
    tokens: int,
    *,
    first: bool = False,
    last: bool = False,
) -> StagePlacement:
    weights = sum(needs.layer_weights[at] for at in layers)
    weights += needs.first_weights * first + needs.last_weights * last
    rows = min(platform_of(budget.device).sizes.largest_chunk, tokens)
    copies = needs.column_bytes * int(_KEPT_COLUMNS * tokens) + needs.read_bytes * tokens
    workspace = needs.row_bytes * rows + copies + _SPARE
    return StagePlacement(
        budget, layers, weights, needs.kv_per_token * len(layers) * tokens, workspace
    )


def _missing(plan: tuple[StagePlacement, ...]) -> int:
    return sum(stage.missing for stage in plan)


def _too_large(
    needs: Needs, plan: tuple[StagePlacement, ...], budgets: Sequence[DeviceBudget], tokens: int
) -> ModelError:
    needed = sum(stage.needed for stage in plan)
    where = " and ".join(
        f"{budget.device} ({_gib(budget.free_bytes)} GiB free)" for budget in budgets
    )
    most = most_tokens(needs, budgets)
    if most:
        hint = f"{most:,} tokens would fit: read less of the document, or choose a smaller model."
    elif budgets[0].device.type == "cpu":
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
