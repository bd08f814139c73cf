"""Textual messages between the parts of the screen; all of them bubble up."""

from __future__ import annotations

from textual.message import Message

from sa_chat.protocol.events import Event
from sa_chat.protocol.values import Citation


class EventReceived(Message):
    """The engine sent an event."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class QuestionAsked(Message):
    """The user asked a question; with `replaces_last`, in place of the last one."""

    def __init__(self, question: str, *, replaces_last: bool = False) -> None:
        super().__init__()
        self.question = question
        self.replaces_last = replaces_last


class LastQuestionRequested(Message):
    """The user wants to edit the last question."""


class DraftChanged(Message):
    """The user has paused while typing a question."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class CitationOpened(Message):
    """The user wants to see the cited passage in the document."""

    def __init__(self, citation: Citation) -> None:
        super().__init__()
        self.citation = citation


class CopyRequested(Message):
    """Copy `text` to the clipboard; `name` is the subject of the notification's sentence."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        self.text = text
        self.name = name
