"""Conversations, documents and prefill times, saved on this machine in one SQLite file.

`open_history` opens it; nothing here knows a screen.
"""

from .errors import HistoryError
from .opening import default_path, open_history
from .store import History
from .values import MARK, UNMARK, Document, Hit, Info, Run, Saved, SavedTurn

__all__ = [
    "MARK",
    "UNMARK",
    "Document",
    "History",
    "HistoryError",
    "Hit",
    "Info",
    "Run",
    "Saved",
    "SavedTurn",
    "default_path",
    "open_history",
]
