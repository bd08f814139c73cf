"""Which keys can be bound to others: the names of all bindings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules

from textual.binding import Binding
from textual.dom import DOMNode

from . import screens, widgets


def unknown_keys(names: Iterable[str]) -> list[str]:
    """Those that no binding has."""
    wanted = set(names)
    return sorted(wanted - set(_known())) if wanted else []


def _known() -> Iterator[str]:
    for package in (screens, widgets):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for value in vars(import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, DOMNode):
                    bindings = value.__dict__.get("BINDINGS", ())
                    yield from (b.id for b in bindings if isinstance(b, Binding) and b.id)
