"""What the parts of the screen say to each other: Textual messages, posted upwards."""

from __future__ import annotations

from textual.message import Message

from sa_chat.protocol.events import Citation, Event


class EngineSaid(Message):
    """An event of the engine, on its way from the worker to the state."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class QuestionAsked(Message):
    """The user pressed Enter in the question box."""

    def __init__(self, question: str, *, replaces_last: bool = False) -> None:
        super().__init__()
        self.question = question
        self.replaces_last = replaces_last


class LastQuestionWanted(Message):
    """The user wants the last question back in the question box."""


class DraftChanged(Message):
    """The question being typed has rested for a moment."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class CitationOpened(Message):
    """The user wants to see the passage that a quotation stands for."""

    def __init__(self, citation: Citation) -> None:
        super().__init__()
        self.citation = citation


class CopyWanted(Message):
    """`text` belongs in the clipboard; `what` names it in a sentence."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__()
        self.text = text
        self.what = what
