"""Public models' shapes, but tiny."""

from __future__ import annotations

import pytest

from sa_chat.engine.tools.bench.presets import PRESETS, Shape

SHAPES = {
    family: Shape(f"tiny-{family}", 4, 2, 16, family, 2, 64, 96, 97, 5e5, tied)
    for family, tied in (("llama", False), ("qwen2", False), ("qwen3", True))
}


def add_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--preset tiny-llama` and so on, for one test."""
    for shape in SHAPES.values():
        monkeypatch.setitem(PRESETS, shape.name, shape)
