"""Documents: files and folders become text with structure, every character with its source."""

from .model import DocumentSet, OutlineEntry, Part, Piece
from .opening import open_documents

__all__ = ["DocumentSet", "OutlineEntry", "Part", "Piece", "open_documents"]
