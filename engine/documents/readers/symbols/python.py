"""Unindented functions and classes in Python files, outside triple-quoted strings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

PYTHON_SUFFIXES = frozenset((".py", ".pyi", ".pyx", ".pxd", ".pyw"))

_SYMBOL = re.compile(
    r"(?:cdef\s+|cpdef\s+)?(?:async\s+)?(?P<kind>def|class)\s+(?P<name>[^\W\d]\w*)"
)
_TOKEN = re.compile(r"\"\"\"|'''|#.*|\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?")
_ENDS = {mark: re.compile(rf"\\.|{mark}") for mark in ('"""', "'''")}


def python_symbols(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Line number (from 0) and title of each symbol."""
    mark = ""  # of the open string
    for index, line in enumerate(lines):
        if not mark and line.startswith(("def", "class", "async", "cdef", "cpdef")):
            symbol = _SYMBOL.match(line)
            if symbol:
                yield index, f"{symbol['kind']} {symbol['name']}"
        if '"""' in line or "'''" in line:
            mark = _open_after(line, mark)


def _open_after(line: str, mark: str) -> str:
    """The quotation mark of the string that is open at the end of the line, or empty."""
    at = 0
    while True:
        if mark:
            end = next((m for m in _ENDS[mark].finditer(line, at) if m[0] == mark), None)
            if end is None:
                return mark
            mark, at = "", end.end()
        token = next((m for m in _TOKEN.finditer(line, at) if m[0] in _ENDS), None)
        if token is None:
            return ""
        mark, at = token[0], token.end()
