"""Reads files of questions about documents, and leaves out those that say nothing."""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sa_chat.protocol.errors import UsageError

from .judge import LEAST_QUOTE_F1, key_words
from .words import content_words, numbers, word_f1

_FIELDS = ("doc", "q", "a", "s")
_LEAST_WORDS = 4  # of a question
_LEAST_CONTENT = 2  # content words of a question
_TEXT = "sentence|passage|text|paragraph|excerpt|extract|quote|quotation|statement|context|line"
_ABOUT_TEXT = re.compile(
    rf"\b(?:the|this|that|these|those|given|above|following)(?: \w+)? (?:{_TEXT})s?\b"
    r"|\b(?:author|narrator|speaker|reader)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SourceQuestion:
    """A question about a document, its answer, and the sentence that has it."""

    document: str  # a path, of which the end tells which document it is
    question: str
    answer: str
    sentence: str

    @property
    def useful(self) -> bool:
        """Whether it can be asked of a long document and judged: it is not about "the sentence" or
        "the passage", has four words and two content words, its answer has content words or
        numbers that the question does not contain, and to repeat it is not to quote the sentence.
        """
        return (
            len(self.question.split()) >= _LEAST_WORDS
            and len(content_words(self.question)) >= _LEAST_CONTENT
            and _ABOUT_TEXT.search(self.question) is None
            and word_f1(self.question, self.sentence) < LEAST_QUOTE_F1
            and bool(
                key_words(self.answer, self.question)
                or numbers(self.answer) - numbers(self.question)
            )
        )


def read_questions(path: Path) -> tuple[SourceQuestion, ...]:
    """The useful questions of a file of JSON lines, plain or as `.xz`, without repetition.

    Each line is an object with the texts `doc`, `q` (question), `a` (answer) and `s` (the sentence
    of the document); other fields are ignored.  Raises `UsageError` for any other file.
    """
    try:
        content = path.read_bytes()
        lines = (lzma.decompress(content) if path.suffix == ".xz" else content).decode()
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The questions in {path} cannot be read: {error}.",
            "Give --questions a file of JSON lines, plain or as .xz.",
        ) from error
    read = [_question(path, at, line) for at, line in enumerate(lines.split("\n"), 1) if line]
    return tuple(question for question in dict.fromkeys(read) if question.useful)


def _question(path: Path, number: int, line: str) -> SourceQuestion:
    try:
        entry: dict[str, Any] = json.loads(line)
        document, *texts = (entry[field] for field in _FIELDS)
        if not all(isinstance(text, str) for text in (document, *texts)):
            raise TypeError("not a text")
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"Line {number} of {path} is not a question.",
            f"Each line needs the texts {', '.join(_FIELDS[:-1])} and {_FIELDS[-1]}.",
        ) from error
    return SourceQuestion(document, *(" ".join(text.split()) for text in texts))


def by_document(
    questions: Iterable[SourceQuestion], paths: Sequence[str]
) -> dict[str, list[SourceQuestion]]:
    """The questions about each of these paths that has some, in the order of the paths.

    A question belongs to the path that shares the longest tail with its document: at least the
    name of the file, and the first of several.
    """
    found: dict[str, list[SourceQuestion]] = {path: [] for path in paths}
    known: dict[str, str | None] = {}
    for question in questions:
        document = question.document
        if document not in known:
            best = max(paths, key=lambda path: _tail(path, document), default=None)
            known[document] = best if best is not None and _tail(best, document) else None
        if (path := known[document]) is not None:
            found[path].append(question)
    return {path: those for path, those in found.items() if those}


def _tail(path: str, other: str) -> int:
    """The number of last parts that two paths share."""
    count = 0
    tails = (reversed(PurePosixPath(each).parts) for each in (path, other))
    pairs = zip(*tails, strict=False)
    for mine, theirs in pairs:
        if mine != theirs:
            break
        count += 1
    return count
