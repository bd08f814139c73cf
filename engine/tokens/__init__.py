"""Tokens: text to ids with exact counts and positions, ids to text, and the chat format."""

from .base import Detokenizer, Tokenizer
from .chat import ChatFormat
from .loading import load_tokenizer
from .prompt import Place, TokenizedPrompt, tokenize_documents

__all__ = [
    "ChatFormat",
    "Detokenizer",
    "Place",
    "TokenizedPrompt",
    "Tokenizer",
    "load_tokenizer",
    "tokenize_documents",
]
