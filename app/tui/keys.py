"""The names of all bindings, which the settings can bind to other keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules

from textual.binding import Binding
from textual.dom import DOMNode

from . import screens, widgets


def unknown_keys(names: Iterable[str]) -> list[str]:
    """The names that no binding has, sorted."""
    wanted = set(names)
    return sorted(wanted - set(_binding_ids())) if wanted else []


def _binding_ids() -> Iterator[str]:
    for package in (screens, widgets):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for value in vars(import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, DOMNode):
                    bindings = value.__dict__.get("BINDINGS", ())
                    yield from (b.id for b in bindings if isinstance(b, Binding) and b.id)
