"""Values for the tests of the history."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sa_chat.app.history import Document, History, SavedTurn, open_history
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.events import Answer
from sa_chat.protocol.values import Citation, Ttft

OPENED = datetime(2025, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
BOOK = Document(OpenOptions(("/books/moby.txt",)), "Moby-Dick", 300_000, OPENED)


def opened(path: Path) -> History:
    """The history at `path`, where nothing is wrong."""
    history, sentence = open_history(path)
    assert sentence == ""
    assert history is not None
    return history


def answered(text: str = "> Call me Ishmael.\n", question: str = "Who speaks?") -> Answer:
    found = Citation("Call me Ishmael.", "/books/moby.txt", "3", 7, True)
    missing = Citation("Nobody said this.", "", None, 0, False)
    ttft = Ttft(0.5, 0.25, 1.0, 10.0, 0.25)
    return Answer(question, text, (found, missing), 42, 31.5, 0.084, "stop", ttft, request_id="q1")


def turn(question: str = "Who speaks?", text: str = "> Call me Ishmael.\n") -> SavedTurn:
    return SavedTurn(question, "done", text, answered(text, question))


def begun(history: History, *turns: SavedTurn, document: Document = BOOK) -> int:
    """A conversation with these turns."""
    number = history.begin(document, "embedded", "sparse")
    for position, each in enumerate(turns):
        history.save_turn(number, position, each)
    return number
