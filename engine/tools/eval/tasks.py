"""The names of tasks and groups, and the trials that they require."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sa_chat.protocol.errors import UsageError

from .asked.trials import ASKED, asked_trial
from .documents import DOCUMENT_TASKS, PER_DOCUMENT, TrialMaker, book_trial, code_trial
from .ruler import RULER_TASKS
from .sizing import TokenCounter
from .sources import Sources
from .trial import Trial

CODE_TASKS = ("define",)
BOOK_TASKS = tuple(task for task in DOCUMENT_TASKS if task not in CODE_TASKS)
TASKS = (*RULER_TASKS, *DOCUMENT_TASKS, ASKED)
GROUPS = {
    "all": TASKS,
    "ruler": tuple(RULER_TASKS),
    "documents": tuple(DOCUMENT_TASKS),
    "near-lossless": (*RULER_TASKS, ASKED, "quote", "define"),
    "core": ("niah_single_2", "niah_multikey_1", *DOCUMENT_TASKS),
}


def parse_tasks(text: str) -> tuple[str, ...]:
    """Names of tasks and groups, separated by commas, in the order of `TASKS`.

    Raises `UsageError` for a name that is neither.
    """
    wanted: set[str] = set()
    for name in text.split(","):
        name = name.strip()
        if name not in TASKS and name not in GROUPS:
            raise UsageError(
                f"There is no task {name!r}.",
                f"Tasks are {', '.join(TASKS)}; groups are {', '.join(GROUPS)}.",
            )
        wanted.update(GROUPS.get(name, (name,)))
    return tuple(task for task in TASKS if task in wanted)


_ON_DOCUMENTS: dict[str, TrialMaker] = {
    "book": book_trial,
    "code": code_trial,
    ASKED: asked_trial,
}


@dataclass(frozen=True)
class TrialSpec:
    """The specification of a trial: the tasks that it serves, its length, and its index."""

    family: str  # a RULER task, "book", "code" or "asked"
    tasks: tuple[str, ...]
    length: int
    index: int

    @property
    def key(self) -> str:
        """The key of the trial."""
        return f"{self.family}/{self.length}/{self.index}"

    def make(self, samples: int, seed: int, counter: TokenCounter, sources: Sources) -> Trial:
        """Make the trial, deterministically.  Raises `NotEnough`."""
        rng = random.Random(f"{seed}/{self.key}")
        if (make := _ON_DOCUMENTS.get(self.family)) is not None:
            return make(self.length, self.index, rng, counter, sources)
        task = RULER_TASKS[self.family]
        return task(self.length, self.index, samples, rng, counter, sources.prose_text)


def trial_specs(tasks: Sequence[str], lengths: Sequence[int], samples: int) -> Iterator[TrialSpec]:
    """All trials of a run, shortest first.  A RULER trial carries one sample; other documents carry
    `PER_DOCUMENT` samples of each of their tasks, and beside them as many documents are asked
    `QUESTIONS_PER_DOCUMENT` natural questions each."""
    book = tuple(task for task in tasks if task in BOOK_TASKS)
    code = tuple(task for task in tasks if task in CODE_TASKS)
    asked = tuple(task for task in tasks if task == ASKED)
    documents = -(-samples // PER_DOCUMENT)
    for length in lengths:
        for task in tasks:
            if task in RULER_TASKS:
                for index in range(samples):
                    yield TrialSpec(task, (task,), length, index)
        for family, served in (("book", book), ("code", code), (ASKED, asked)):
            for index in range(documents if served else 0):
                yield TrialSpec(family, served, length, index)
