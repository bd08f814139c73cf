"""Shapes to measure at: those of public models and of the embedded reader, or given ones."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sa_chat.protocol.errors import UsageError

MAX_HEADS = 256  # what a given shape may ask for
MAX_HEAD_SIZE = 256


@dataclass(frozen=True)
class HeadShape:
    """What attention knows of a model: query heads, kv heads and their size."""

    name: str
    heads: int
    kv_heads: int
    head_size: int


@dataclass(frozen=True)
class Shape(HeadShape):
    """A whole decoder."""

    family: str  # "llama", "qwen2" or "qwen3", as in `transformers`
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    rope_theta: float
    tied_embeddings: bool


_ALL = (
    Shape("llama-3.1-8b", 32, 8, 128, "llama", 32, 4096, 14_336, 128_256, 5e5, False),
    # Declares 40,960 tokens of context, and 131,072 with scaled rotary positions.
    Shape("qwen3-4b", 32, 8, 128, "qwen3", 36, 2560, 9728, 151_936, 1e6, True),
    Shape("qwen2.5-7b", 28, 4, 128, "qwen2", 28, 3584, 18_944, 152_064, 1e6, False),
    Shape("reader", 8, 2, 64, "qwen3", 10, 512, 1152, 16_384, 2e6, True),
)
PRESETS: dict[str, Shape] = {shape.name: shape for shape in _ALL}

_GIVEN = re.compile(r"([1-9]\d*)/([1-9]\d*)x([1-9]\d*)")


def parse_shape(text: str) -> HeadShape:
    """A preset by its name, or "H/GxD": H query heads, G kv heads, head size D.

    Raises `UsageError` for anything else, and for heads that cannot be built.
    """
    if text in PRESETS:
        return PRESETS[text]
    hint = f"Use one of {', '.join(PRESETS)}, or a shape such as 32/8x128."
    match = _GIVEN.fullmatch(text)
    if match is None:
        raise UsageError(f"Unknown shape {text!r}.", hint)
    heads, kv_heads, size = map(int, match.groups())
    if heads % kv_heads:
        raise UsageError(
            f"{heads} query heads cannot share {kv_heads} kv heads evenly.",
            "The first number must be a multiple of the second, as in 32/8x128.",
        )
    if heads > MAX_HEADS or size > MAX_HEAD_SIZE or size % 32:
        raise UsageError(
            f"{text} has heads that no kernel here computes.",
            f"Up to {MAX_HEADS} heads, of 32 to {MAX_HEAD_SIZE} in steps of 32.",
        )
    return HeadShape(text, heads, kv_heads, size)
