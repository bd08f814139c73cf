"""The model in memory: the embedded reader, or any decoder-only `transformers` model.

`check_model` is cheap and imports nothing heavy; `load_model` brings torch and transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .check import check_model, local_folder, reader_folder

if TYPE_CHECKING:
    from .load import load_model
    from .loaded import LoadedModel

__all__ = ["LoadedModel", "check_model", "load_model", "local_folder", "reader_folder"]


def __getattr__(name: str) -> Any:
    if name == "load_model":
        from .load import load_model

        return load_model
    if name == "LoadedModel":
        from .loaded import LoadedModel

        return LoadedModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
