"""Where a model's layers go from one device to the next.

Work is queued on both GPUs by one thread that waits for neither.  So the second GPU computes its
layers of a chunk while the first computes its own of the next, if two things hold: nothing on the
way waits for a device, and copies between them do not queue behind other work, which the
platform's `Copier` sees to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..platform.devices import platform_of


class Carrier(Protocol):
    """Takes tensors from one device to the next in another way than `Link` does by itself."""

    def bring(self, value: Tensor, target: torch.device) -> Tensor:
        """The tensor on `target`; several may be brought on the way into one module."""
        ...

    def arrive(self, target: torch.device) -> None:
        """All that the module needs has been brought; it is computed next."""
        ...


def connect(model: nn.Module, parts: Mapping[str, torch.device]) -> tuple[Link, ...]:
    """Let every module in `parts` find its inputs on its own device.

    Returns the links, one for each device; none if all are on one.
    """
    if len(set(parts.values())) == 1:
        return ()
    first, *others = dict.fromkeys(parts.values())
    links = {target: Link(target) for target in (first, *others)}
    for name, device in parts.items():
        module = model.get_submodule(name)
        module.register_forward_pre_hook(links[device].before, with_kwargs=True)
    return tuple(links.values())


@contextmanager
def carried_by(links: Sequence[Link], carrier: Carrier) -> Iterator[None]:
    """Within, `carrier` takes tensors from device to device."""
    for link in links:
        link.carrier = carrier
    try:
        yield
    finally:
        for link in links:
            link.carrier = None


class Link:
    """Brings tensors to one device.

    What several layers get, such as rotary embeddings, is brought once.
    """

    def __init__(self, target: torch.device) -> None:
        self.carrier: Carrier | None = None
        self._target = target
        self._copier = platform_of(target).copier()
        self._brought: dict[int, tuple[Tensor, Tensor]] = {}  # by id, which is kept alive
        self._copies = 0

    def before(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A forward pre-hook."""
        if args and self._is_elsewhere(args[0]):
            self._brought.clear()  # of the pass before: a new one enters this device
        brought = self._copies
        here = tuple(self._copied(each) if self._is_elsewhere(each) else each for each in args)
        named = {name: self._kept(value) for name, value in kwargs.items()}
        if self.carrier is not None and self._copies > brought:
            self.carrier.arrive(self._target)
        return here, named

    def _kept(self, value: Any) -> Any:
        """The keyword argument, or the copy of it that a layer before got."""
        if isinstance(value, tuple):
            return tuple(self._kept(each) for each in value)
        if not self._is_elsewhere(value):
            return value
        known = self._brought.get(id(value))
        if known is None:
            known = self._brought[id(value)] = value, self._copied(value)
        return known[1]

    def _is_elsewhere(self, value: Any) -> bool:
        return isinstance(value, Tensor) and value.device != self._target

    def _copied(self, value: Tensor) -> Tensor:
        self._copies += 1
        if self.carrier is not None:
            return self.carrier.bring(value, self._target)
        return self._copier.copy(value, self._target)
