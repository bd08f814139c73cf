"""The text that the fake engine's model reads: from its script, or generated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from sa_chat.protocol.events import DocumentSize, DocumentText
from sa_chat.protocol.values import Citation

from .script import Script, Stretch

_LINES = 24  # of a page or a file, at least
_BEHIND = 4  # lines that follow a passage, at least
_PROSE = (
    "A document is read in chunks, and every chunk looks back at all that came before it.",
    "The first chunks have few keys to look at, so that hardly anything can be left out.",
    "",
    "Later ones find nearly all of their attention in a few places, and the rest is skipped.",
    "Which places these are is found out anew for each layer and each of its heads.",
    "Some heads look at the beginning and at their nearest neighbours, and at nothing else.",
    "",
    "Others look for a name that was told a hundred pages ago, and jump back to it.",
    "What is kept is told as a share of the pairs that dense attention would compute.",
    "",
)

_Page = tuple[str, str | None]  # path and label


def texts(script: Script, document: DocumentSize) -> Iterator[DocumentText]:
    """In document order; the passage of each citation is at its page and line."""
    stretches = script.text or tuple(_made_up(script, document))
    for number, each in enumerate(stretches, 1):
        last = number == len(stretches)
        yield DocumentText(each.text, last, each.path, each.page, each.line, each.head)


def passage_of(citation: Citation) -> str:
    """The passage of a quotation: as in the script, else the quotation itself."""
    return (citation.passage or citation.quote) if citation.verified else ""


def _made_up(script: Script, document: DocumentSize) -> Iterator[Stretch]:
    files = list(dict.fromkeys(section.path for section in document.sections))
    citations = [each for reply in script.replies for each in reply.citations if each.path in files]
    placed: dict[_Page, list[tuple[int, str]]] = {}
    for section in document.sections:
        titles = placed.setdefault((section.path, section.page), [])
        titles += [(section.line, section.title)] if section.level else []
    for each in citations:
        placed.setdefault((each.path, each.page), []).append((each.line, passage_of(each)))
    head = f"{document.title}\n"
    before = ""
    for number, (path, page) in enumerate(sorted(placed, key=lambda p: _order(files, p))):
        head += f"=== {path} ===\n" if len(files) > 1 and path != before else ""
        head += f"[page {page}]\n" if page is not None else ""
        yield Stretch(_text(placed[path, page], number), path, page, head=head)
        head, before = "", path
    if head:  # nothing is left of the document
        yield Stretch("", "", head=head)


def _order(files: list[str], page: _Page) -> tuple[int, int]:
    """Sort key.  Pages with Roman numerals come first, in their given order."""
    path, label = page
    return files.index(path), int(label) if label is not None and label.isdecimal() else -1


def _text(placed: Iterable[tuple[int, str]], number: int) -> str:
    """Lines of prose, with the placed texts at their lines."""
    prose = (_PROSE[(7 * number + at) % len(_PROSE)] for at in count())
    rows: list[str] = []
    for line, words in sorted(placed):
        if words in "\n".join(rows):
            continue
        while len(rows) < line - 1:
            rows.append(next(prose))
        if len(rows) >= line:  # the line is taken
            words = f"{rows.pop()} {words}"
        rows += words.split("\n")
    for _ in range(max(_BEHIND, _LINES - len(rows))):
        rows.append(next(prose))
    return "\n".join(rows) + "\n"
