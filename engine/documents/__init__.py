"""Documents: paths become text with structure, in which every character has a place."""

from .model import DocumentSet, OutlineEntry, Part, Piece
from .opening import open_documents

__all__ = ["DocumentSet", "OutlineEntry", "Part", "Piece", "open_documents"]
