"""The modules of a package in benchmarks/, which import each other by their bare names."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def names_of(package: str, modules: Sequence[str]) -> SimpleNamespace:
    """All names of the modules, given in the order in which they need each other.  They do not stay
    importable: their names are common ones."""
    hidden = {name: sys.modules.pop(name) for name in modules if name in sys.modules}
    names = SimpleNamespace()
    try:
        for name in modules:
            named = name.replace("__main__", package)  # else it would run
            spec = importlib.util.spec_from_file_location(
                named, BENCHMARKS / package / f"{name}.py"
            )
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
            vars(names).update(vars(module))
        return names
    finally:
        for name in modules:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)
