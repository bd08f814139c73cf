"""Tasks on real documents: the user's own, or the handbook and the program's source code.

| task | asks for | counts as right |
|---|---|---|
| quote | the sentence with three key words | that sentence |
| continue | the sentence after a given one | that sentence |
| absent | a fact that is not there | saying so |
| fact | one fact, at either end | its value |
| recall_far | two facts, one at each end | both values |
| define | the file that defines a symbol | its path |
"""

from __future__ import annotations

import random
from collections.abc import Callable

from ..sizing import TokenCounter
from ..sources import Sources
from ..trial import Trial
from .book import book_trial
from .code import code_trial
from .spread import PER_DOCUMENT

TrialMaker = Callable[[int, int, random.Random, TokenCounter, Sources], Trial]

DOCUMENT_TASKS: dict[str, TrialMaker] = {
    "quote": book_trial,
    "continue": book_trial,
    "define": code_trial,
    "absent": book_trial,
    "fact": book_trial,
    "recall_far": book_trial,
}

__all__ = ["DOCUMENT_TASKS", "PER_DOCUMENT", "TrialMaker", "book_trial", "code_trial"]
