"""The material of an evaluation: documents and questions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Question:
    """One sample of a task."""

    task: str  # a name in `tasks.TASKS`
    index: int  # of the sample within its cell (task and length), from 0
    text: str
    expected: tuple[str, ...]
    rule: str  # a name in `scoring.RULES`, or "asked" (`asked.judge`)
    depth: float | None = None  # percent of the document before the sought passage
    answer_tokens: int = 128  # most tokens of the answer


@dataclass(frozen=True)
class Trial:
    """A document and questions about it, each asked as the first.

    `files` are (relative path, text): a single one is opened as a file, several as a folder.
    """

    key: str  # "niah_single_1/4096/0": unique in a run, the same for the same seed
    length: int  # requested tokens
    tokens: int  # of prompt, longest question in the chat format, and reserve for its answer
    files: tuple[tuple[str, str], ...]
    questions: tuple[Question, ...]

    def asking(self, tasks: Collection[str], samples: int) -> Trial:
        """The same document with only the first `samples` questions of each of these tasks."""
        asked = (q for q in self.questions if q.task in tasks and q.index < samples)
        return replace(self, questions=tuple(asked))


class NotEnough(Exception):
    """The sources are not sufficient for a trial of the requested length."""

    def __init__(self, reason: str) -> None:
        """`reason` is one sentence for users."""
        super().__init__(reason)
        self.reason = reason
