"""What stands in Python files, read line by line.

The text may be cut at a line end, so nothing here needs it to parse.  Names that are bound in
other ways than by a definition are collected as `loose`, so that no question is asked to which
they would be a second answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

ASSIGNED = re.compile(
    r"(?P<targets>[\w., ]+?)(?:\s*:[^=]*?)?(?P<gap>\s*)(?P<operator>[-+*/|&%@^<>]{0,2})="
    r"(?!=)\s*(?P<value>.*)"
)
FIELD = re.compile(r"([A-Za-z_]\w*)\s*:\s*\S")
DEFINED = re.compile(r"(?:async\s+)?(def|class)\s+(\w+)")
HEADER_END = re.compile(r":\s*(?:#.*)?$")
DOCSTRING = re.compile(r"[rRuU]?(\"\"\"|''')(.*)")
FROM = re.compile(r"from\s+(\.*)([\w.]*)\s+import\s+(.*)")
RAISED = re.compile(r"\braise\s+(?:\w+\.)*([A-Z]\w+)")
STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
STRING_OR_OPENING = re.compile(rf"#.*|(?P<quotes>\"\"\"|''')|{STRING.pattern}")
ARGUMENT = re.compile(r"\b([a-z_]\w*)=(?!=)")
NAME = re.compile(r"[A-Za-z_]\w*")
WORDS = re.compile(r"\w+")
MAX_LINE = 200


@dataclass
class Place:
    """Where a name is defined.  `owner` is the class around it; `whole` says that all of its
    header or value stands on the line."""

    name: str
    kind: str  # "function", "method", "class", "constant", "variable" or "attribute"
    path: str
    line: str
    owner: str | None
    whole: bool
    doc: str | None = None


@dataclass(frozen=True)
class Import:
    path: str
    line: str
    modules: frozenset[str]  # "a" and "a.b" for a.b, and "b"
    names: frozenset[str]


@dataclass
class Scope:
    indent: int
    kind: str
    name: str
    body: int | None = None  # the indent of its first statement that was looked at


@dataclass
class Source:
    """All files of one context, in document order."""

    places: list[Place] = field(default_factory=list)
    loose: set[str] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    hidden_imports: set[str] = field(default_factory=set)  # bound elsewhere than on such a line
    comments: list[str] = field(default_factory=list)
    trailing: list[str] = field(default_factory=list)  # comments behind code
    raised: list[tuple[str, str, str]] = field(default_factory=list)  # name, path, line
    raised_within: set[str] = field(default_factory=set)  # not at the start of a line
    sentences: list[str] = field(default_factory=list)
    arguments: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)


def read_source(files: Sequence[tuple[str, str]]) -> Source:
    source = Source()
    for path, text in files:
        source.words.update(WORDS.findall(path))
        source.words.update(WORDS.findall(text))
        source.arguments.update(ARGUMENT.findall(text))
        FileReader(source, path).read(text)
    return source


def balance(text: str) -> int:
    """Opening brackets less closing ones, outside of strings."""
    if '"' in text or "'" in text:
        text = STRING.sub("", text)
    text = text.partition("#")[0]
    opened = text.count("(") + text.count("[") + text.count("{")
    return opened - text.count(")") - text.count("]") - text.count("}")


def left_open(line: str) -> str | None:
    """The quotes that a line of code opens and does not close."""
    at = 0
    while match := STRING_OR_OPENING.search(line, at):
        at = match.end()
        if quotes := match["quotes"]:
            end = line.find(quotes, at)
            if end < 0:
                return quotes
            at = end + 3
    return None


class FileReader:
    """Goes over the lines of one file."""

    def __init__(self, source: Source, path: str) -> None:
        self.source = source
        self.path = path
        self.scopes: list[Scope] = []
        self.inside: str | None = None  # the quotes that will close the string we are in
        self.header = 0  # brackets that a definition's first line left open
        self.importing = ""  # "(" or "\\" while an import goes on over several lines
        self.latest: Place | None = None  # whose docstring may come next; None: the module's
        self.docstring_due = True
        self.docstring_open = False  # its quotes stood alone, the text comes on the next line

    def read(self, text: str) -> None:
        for line in text.split("\n"):
            if self.inside:
                self.within_string(line)
                continue
            bare = line.strip()
            if not bare:
                continue
            if bare[0] == "#":
                self.comment(bare)
            elif self.importing:
                self.source.hidden_imports.update(NAME.findall(bare))
                self.importing = continues(bare, self.importing)
            elif not (self.docstring_due and self.docstring(bare)):
                self.code(line, bare)

    def within_string(self, line: str) -> None:
        quotes = self.inside
        assert quotes
        if self.docstring_open and line.strip():
            self.docstring_open = False
            self.keep_docstring(line.partition(quotes)[0])
        end = line.find(quotes)
        if end >= 0:
            self.inside = left_open(line[end + 3 :])
            self.docstring_open = False

    def comment(self, bare: str) -> None:
        text = bare.lstrip("#:! ")
        self.source.comments.append(text)
        if is_sentence(text):
            self.source.sentences.append(text)

    def docstring(self, bare: str) -> bool:
        """Takes the line as a docstring's first, if it is one."""
        self.docstring_due = False
        match = DOCSTRING.match(bare)
        if not match:
            return False
        quotes, rest = match.groups()
        text, closed, _ = rest.partition(quotes)
        self.inside = None if closed else quotes
        if text.strip(" \\"):
            self.keep_docstring(text)
        else:
            self.docstring_open = not closed
        return True

    def keep_docstring(self, text: str) -> None:
        text = text.rstrip("\\").strip()
        if self.latest:
            self.latest.doc = text
        if is_sentence(text):
            self.source.sentences.append(text)

    def code(self, line: str, bare: str) -> None:
        if match := DEFINED.match(bare):
            self.definition(line, bare, match[1], match[2])
        elif self.header > 0:
            self.header += balance(bare)
            if bare[0] == ")" and bare[-1] == ":":
                self.header = 0
            self.docstring_due = self.header <= 0
            return
        elif bare.startswith(("import ", "from ")):
            self.imported(bare)
        else:
            self.statement(line, bare)
        if '"""' in bare or "'''" in bare:
            self.inside = left_open(bare)

    def scope_of(self, indent: int) -> Scope | None:
        """The innermost class or function around a statement so far in."""
        while self.scopes and self.scopes[-1].indent >= indent:
            self.scopes.pop()
        scope = self.scopes[-1] if self.scopes else None
        if scope and scope.body is None:
            scope.body = indent
        return scope

    def definition(self, line: str, bare: str, keyword: str, name: str) -> None:
        indent = line.index(bare[0])
        scope = self.scope_of(indent)
        owner = scope.name if scope and scope.kind == "class" else None
        kind = "class" if keyword == "class" else "method" if owner else "function"
        self.header = max(0, balance(bare))
        self.docstring_due = not self.header and HEADER_END.search(bare) is not None
        whole = not self.header and ":" in bare
        self.latest = Place(name, kind, self.path, bare, owner, whole)
        self.source.places.append(self.latest)
        self.scopes.append(Scope(indent, kind, name))

    def imported(self, bare: str) -> None:
        match = FROM.match(bare)
        if match:
            base, listed = match[2], match[3]
        elif bare.startswith("import "):
            base, listed = "", bare[7:]
        else:
            return
        self.importing = continues(listed, "(" if "(" in listed else "\\")
        if self.importing:
            self.source.hidden_imports.update(NAME.findall(listed))
            listed = ""
        modules, names = set(chain_of(base)), set()
        for item in listed.partition("#")[0].strip("() ").split(","):
            name, _, alias = item.strip().partition(" as ")
            if alias:
                self.source.hidden_imports.add(alias.strip())
            if not match:
                modules.update(chain_of(name.strip()))
            elif name.isidentifier():
                names.add(name)
                if base:
                    names.add(f"{base}.{name}")
        self.source.imports.append(Import(self.path, bare, frozenset(modules), frozenset(names)))

    def statement(self, line: str, bare: str) -> None:
        source = self.source
        if "=" in bare and (match := ASSIGNED.match(bare)):
            self.assignment(line, bare, match)
        elif ":" in bare and (match := FIELD.match(bare)):
            source.loose.add(match[1])
        if "raise " in bare and (match := RAISED.search(bare)):
            if match.start() == 0:
                source.raised.append((match[1], self.path, bare))
            else:
                source.raised_within.add(match[1])
        if "  # " in bare:
            source.trailing.append(bare.partition("  # ")[2])

    def assignment(self, line: str, bare: str, match: re.Match[str]) -> None:
        indent = line.index(bare[0])
        scope = self.scope_of(indent)
        targets = match["targets"].strip()
        in_class = scope is not None and scope.kind == "class" and scope.body == indent
        if (indent == 0 or in_class) and targets.isidentifier() and not match["operator"]:
            value = match["value"]
            whole = bool(value) and balance(value) == 0 and value[-1] not in "\\([{"
            whole = whole and '"""' not in value and "'''" not in value
            kind = "attribute" if in_class else "constant" if targets.isupper() else "variable"
            owner = scope.name if scope and in_class else None
            self.source.places.append(Place(targets, kind, self.path, bare, owner, whole))
        elif match["gap"] or indent == 0:
            self.source.loose.update(NAME.findall(targets))


def continues(line: str, opening: str) -> str:
    """`opening` if an import that was opened so goes on after the line, or nothing."""
    if opening == "(":
        return "" if ")" in line else opening
    return opening if line.endswith("\\") else ""


def chain_of(dotted: str) -> list[str]:
    """The names under which a module is known: a.b.c is a, a.b and a.b.c, and also b and c."""
    if not dotted:
        return []
    parts = dotted.split(".")
    return [*parts, *(".".join(parts[:end]) for end in range(2, len(parts) + 1))]


def is_sentence(text: str) -> bool:
    """Whether a comment or docstring line is worth asking about as prose."""
    if not 45 < len(text) <= MAX_LINE + 40:
        return False
    return sum(c.isalpha() or c == " " for c in text) > 0.8 * len(text)
