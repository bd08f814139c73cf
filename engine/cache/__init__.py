"""Keys and values of everything read so far, written once."""

from .kv import KVCache

__all__ = ["KVCache"]
