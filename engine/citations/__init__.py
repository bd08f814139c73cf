"""Citations: the quotations in an answer, and where they stand in the document."""

from .finder import CitationFinder
from .quotes import find_quotes

__all__ = ["CitationFinder", "find_quotes"]
