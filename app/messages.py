"""What the parts of the screen say to each other: Textual messages, posted upwards."""

from __future__ import annotations

from textual.message import Message

from sa_chat.engine.events import Event


class EngineSaid(Message):
    """An event of the engine, on its way from the worker to the state."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class QuestionAsked(Message):
    """The user pressed Enter in the question box."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question
