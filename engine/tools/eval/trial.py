"""What is read and what is asked: the material of an evaluation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Question:
    """One sample of a task."""

    task: str  # a name in `tasks.TASKS`
    index: int  # of the sample in its cell (task and length), from 0
    text: str
    expected: tuple[str, ...]
    rule: str  # a name in `scoring.RULES`
    depth: float | None = None  # percent of the document before what is to be found
    answer_tokens: int = 128  # room for the answer; it ends there


@dataclass(frozen=True)
class Trial:
    """A document, and questions that are asked of it one by one, each as the first.

    `files` are (relative path, text): one is opened as a file, several as their folder.
    """

    key: str  # "niah_single_1/4096/0": unique in a run, the same for the same seed
    length: int  # tokens that were asked for
    tokens: int  # prompt, longest question in its frame, and the room for its answer
    files: tuple[tuple[str, str], ...]
    questions: tuple[Question, ...]

    def asking(self, tasks: Collection[str], samples: int) -> Trial:
        """The same document with only the questions of these tasks, the first `samples` of
        each."""
        asked = (q for q in self.questions if q.task in tasks and q.index < samples)
        return replace(self, questions=tuple(asked))


class NotEnough(Exception):
    """What there is cannot make a trial of the length that was asked for."""

    def __init__(self, reason: str) -> None:
        """`reason` is one sentence for people."""
        super().__init__(reason)
        self.reason = reason
