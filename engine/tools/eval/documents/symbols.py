"""The names that a source file defines, and where."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

_PYTHON = frozenset((".py", ".pyi"))
_MODIFIERS = r"(?:(?:public|protected|private|internal|static|final|abstract|sealed|open|data) )*"
_RULES = {
    (".py", ".pyi"): r"[ \t]*(?:async )?(?:def|class) (\w+)",  # where `ast` fails
    (".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx"): (
        r"(?:export )?(?:default )?(?:abstract )?(?:async )?"
        r"(?:function\*? (\w+)[(<]|(?:class|interface|enum) (\w+)[ <{])"
    ),
    (".go",): r"func (?:\([^)\n]*\) )?(\w+)[(\[]|type (\w+) (?:struct|interface|func)\b",
    (".rs",): (
        r"[ \t]*(?:pub(?:\([^)\n]*\))? )?(?:async |const |unsafe )*"
        r"(?:fn (\w+)[(<]|(?:struct|enum|trait|union) (\w+)[ <{(;])"
    ),
    (".java", ".kt", ".kts", ".cs", ".scala"): (
        rf"[ \t]*{_MODIFIERS}(?:class|interface|enum|record|object|trait) (\w+)[ \t<({{:]"
    ),
    (".rb",): r"[ \t]*(?:def (?:self\.)?(\w+)|(?:class|module) (\w+))[ \t(<;]*",
    (".php",): rf"[ \t]*{_MODIFIERS}(?:function (\w+)\(|(?:class|interface|trait) (\w+)[ \t{{])",
}
_PATTERNS = {
    suffix: re.compile(rf"^(?:{rule})", re.MULTILINE)
    for suffixes, rule in _RULES.items()
    for suffix in suffixes
}


@dataclass(frozen=True)
class Symbol:
    """A name that a file defines: of a function or class (`is_definition`), or of a variable."""

    name: str
    offset: int  # of the line where its definition starts, in characters
    is_definition: bool


@lru_cache(maxsize=4096)
def symbols_of(path: str, text: str) -> tuple[Symbol, ...]:
    """Functions, classes and methods in a file, in order; for Python also the variables of modules
    and classes.  Empty for unknown languages."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _PYTHON and (tree := _parsed(text)) is not None:
        starts = _line_starts(text)
        named = ((starts[line - 1], name, is_def) for line, name, is_def in _python(tree))
    elif suffix in _PATTERNS:
        matches = _PATTERNS[suffix].finditer(text)
        named = ((match.start(), match[match.lastindex or 0], True) for match in matches)
    else:
        return ()
    return tuple(Symbol(name, offset, is_def) for offset, name, is_def in sorted(named))


def _parsed(text: str) -> ast.Module | None:
    """The syntax tree; None if this Python cannot parse it: other versions, templates."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _python(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Line (from 1), name, and whether it is a definition, for each symbol."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name, True
        if isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                yield from ((line, name, False) for line, name in _assigned(statement))


def _assigned(statement: ast.stmt) -> Iterator[tuple[int, str]]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                yield node.lineno, node.id


def _line_starts(text: str) -> list[int]:
    """The offsets of lines as counted by `ast`."""
    return [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
