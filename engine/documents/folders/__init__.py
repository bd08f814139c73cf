"""Which files of a folder are read, and why the others are not."""

from __future__ import annotations

from .walk import shown_path, walk_folder

__all__ = ["shown_path", "walk_folder"]
