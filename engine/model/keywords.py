"""The name of the KV cache in `transformers`: `cache` since 5.24, `past_key_values` before."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from torch import nn

_CACHE_KEYWORDS = ("cache", "past_key_values")


def cache_keyword(module: nn.Module) -> str:
    """The name of the argument of the module's forward that takes the cache."""
    return _of_forward(type(module).forward)


@lru_cache(maxsize=64)
def _of_forward(forward: Callable[..., Any]) -> str:
    named = inspect.signature(forward).parameters
    return next((name for name in _CACHE_KEYWORDS if name in named), _CACHE_KEYWORDS[-1])
