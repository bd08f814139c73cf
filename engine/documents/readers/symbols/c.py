"""Unindented functions and types in C and C++ files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from string import ascii_letters, digits

C_SUFFIXES = frozenset(
    (".c", ".h", ".cc", ".hh", ".cpp", ".hpp", ".cxx", ".hxx", ".cu", ".cuh", ".m", ".mm", ".ino")
)

_TYPE = re.compile(
    r"(?:typedef\s+)?(?:(?P<kind>struct|class|union|enum(?:\s+class)?|namespace)\s+"
    r"(?:[A-Z][A-Z0-9_]*\s+)?(?P<name>[^\W\d][\w:]*)"
    r"|(?P<objc>@(?:interface|implementation|protocol))\s+(?P<objc_name>\w+))"
)
_TEMPLATE = re.compile(r"template\s*<[^<>]{0,200}>\s*")
_OPERATOR = re.compile(r"operator\s*[^\w\s]{1,3}")
_NO_FUNCTION = re.compile(r"(?:if|else|for|while|switch|return|sizeof|typedef|case|do)\b")
_FIRST = frozenset(f"{ascii_letters}_@")
_NAME_LETTERS = f"{ascii_letters}{digits}_:~"
_NAME_CHARS = 200
_HEAD_LINES = 12  # from the name to the brace of a function


def c_symbols(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Line number (from 0) and title of each symbol."""
    in_comment = False
    for index, line in enumerate(lines):
        if in_comment or line.startswith("/*"):
            in_comment = "*/" not in line
            continue
        if line[:1] not in _FIRST:
            continue
        title = _title(lines, index, line)
        if title:
            yield index, title


def _title(lines: Sequence[str], index: int, line: str) -> str:
    head = line[:_NAME_CHARS]
    if head.startswith("template"):
        head = _TEMPLATE.sub("", head, count=1)
    before, bracket, _ = head.partition("(")
    if bracket and not _has_initialiser(before):
        name = _function_name(before)
        return f"function {name}" if name and _has_body(lines, index) else ""
    symbol = _TYPE.match(head)
    if symbol is None or head.rstrip().endswith(";") or "=" in head:
        return ""
    if symbol["objc"]:
        return f"{symbol['objc']} {symbol['objc_name']}"
    return f"{symbol['kind']} {symbol['name']}"


def _has_initialiser(before: str) -> bool:
    return "=" in before and "operator" not in before


def _function_name(before: str) -> str:
    if _NO_FUNCTION.match(before):
        return ""
    operator = _OPERATOR.search(before)
    if operator:
        return operator[0]
    before = before.rstrip()
    name = before[len(before.rstrip(_NAME_LETTERS)) :].lstrip(":")
    return "" if name[:1].isdigit() else name


def _has_body(lines: Sequence[str], index: int) -> bool:
    """Whether a brace precedes the semicolon that would end a declaration."""
    for line in lines[index : index + _HEAD_LINES]:
        brace, semicolon = line.find("{"), line.find(";")
        if brace >= 0:
            return semicolon < 0 or brace < semicolon
        if semicolon >= 0:
            return False
    return False
