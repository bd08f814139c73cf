"""Citations: the quotations of an answer, and where the document has them."""

from .finder import CitationFinder
from .quotes import find_quotes

__all__ = ["CitationFinder", "find_quotes"]
