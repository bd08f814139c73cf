"""The top-level symbols of a source file, whatever its language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..headings import Heading
from .c import C_SUFFIXES, c_symbols
from .languages import LANGUAGES, Language
from .python import PYTHON_SUFFIXES, python_symbols

SYMBOL_SUFFIXES: frozenset[str] = PYTHON_SUFFIXES | C_SUFFIXES | frozenset(LANGUAGES)

_TITLE_CHARS = 80
_LINE_CHARS = 300  # examined at the beginning of a line


def symbols(lines: Sequence[str], suffix: str) -> list[Heading]:
    """The unindented declarations in the lines, such as `class Part`; none for a suffix (lower
    case, with the dot) of an unknown language."""
    if suffix in PYTHON_SUFFIXES:
        found = python_symbols(lines)
    elif suffix in C_SUFFIXES:
        found = c_symbols(lines)
    elif suffix in LANGUAGES:
        found = _declared(lines, LANGUAGES[suffix])
    else:
        return []
    return [Heading(title, _level(lines[index]), index + 1) for index, title in found]


def _level(line: str) -> int:
    return 2 if line.startswith(" ") else 1


def _declared(lines: Sequence[str], language: Language) -> Iterator[tuple[int, str]]:
    begin, end = language.block or ("\n", "\n")  # never found, as lines have no line ends
    match = language.pattern.match
    in_comment = False
    for index, line in enumerate(lines):
        if in_comment:
            in_comment = end not in line
        elif line.startswith(begin):
            in_comment = end not in line[len(begin) :]
        elif line and (language.indented or not line[0].isspace()):
            found = match(line[:_LINE_CHARS])
            if found:
                yield index, _title(found.groupdict())


def _title(groups: dict[str, str | None]) -> str:
    named = {key: value for key, value in groups.items() if value}
    if "name" in named:
        title = f"{named.get('kind', 'function').lower()} {named['name']}"
    else:
        key, value = next(iter(named.items()))
        title = value if key.startswith("whole") else f"{key} {value}"
    return " ".join(title.split())[:_TITLE_CHARS]
