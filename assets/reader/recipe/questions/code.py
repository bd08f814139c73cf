"""Questions about Python files: where names are defined, imported and set, and what they do.

`Code` indexes the files of one context once; each question then costs a few choices.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from corpus import WORD
from questions.code_forms import (
    BASES,
    COMMENT,
    DEFINED,
    DOCSTRING,
    EVERYWHERE,
    IMPORTED,
    INVENTED,
    MODULE_IMPORTED,
    NAMED,
    RAISED,
    SETTING,
    SIGNATURE,
    Forms,
)
from questions.source import MAX_LINE, Import, Place, read_source
from questions.turn import NOT_FOUND, Turn, in_files, rather_early, roughened, says

KIND_NAMES = {
    "function": ("function", "function", "def", "routine"),
    "method": ("method", "method", "function", "member function"),
    "class": ("class", "class", "class", "type"),
    "constant": ("constant", "constant", "variable", "name"),
    "variable": ("variable", "name", "module variable"),
    "attribute": ("attribute", "class attribute", "field", "setting"),
}
CAMEL_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]+|[a-z0-9]+")
CONTENT = re.compile(r"[^\W\d_]{4,}")
WORDS = re.compile(r"\w+")
SLOT = "\0"  # stands for the name while the question around it is roughened


class Code:
    """The files of one context and what can be asked of them."""

    def __init__(self, files: Sequence[tuple[str, str]]) -> None:
        source = read_source(files)
        self.words = source.words
        self.squashed = {w.replace("_", "").lower() for w in source.words}
        self.spoken = Counter(p.name.replace("_", "").lower() for p in source.places)
        self.lines = source.sentences
        by_name: dict[str, list[Place]] = {}
        for place in source.places:
            by_name.setdefault(place.name, []).append(place)
        fair = {
            name: places
            for name, places in by_name.items()
            if len(name) > 2
            and not name.startswith("__")
            and name not in source.loose
            and all(len(p.line) < MAX_LINE for p in places)
        }
        once = [places[0] for places in fair.values() if len(places) == 1]
        defining = ("function", "method", "class", "constant")
        self.defined = [p for p in once if p.kind in defining]
        self.signatures = [
            p for p in self.defined if p.whole and "(" in p.line and p.kind != "constant"
        ]
        self.documented = [
            p for p in once if p.doc and 15 <= len(p.doc) <= 240 and p.doc[0] not in ".:@>-="
        ]
        self.settings = [
            p
            for p in once
            if p.kind in ("constant", "variable", "attribute")
            and p.whole
            and (p.name.isupper() or p.name not in source.arguments)
        ]
        self.several = [
            places
            for places in fair.values()
            if 2 <= len(places) <= 4 and len({(p.path, p.line) for p in places}) == len(places)
        ]
        self.index_imports(source.imports, source.hidden_imports)
        bound = source.loose | set(by_name) | {w for path, _ in files for w in WORDS.findall(path)}
        self.only_imported = [
            name
            for name in self.name_imports
            if "." not in name and name not in bound and name not in self.modules
        ]
        self.index_raised(source.raised, source.raised_within)
        self.index_comments(source.comments, source.trailing)
        self.index_parts(by_name)
        kinds: list[tuple[float, object, Callable[[random.Random], Turn | None]]] = [
            (0.52, self.defined, self.about_definition),
            (0.03, self.several, self.about_all_definitions),
            (0.10, self.signatures, self.about_signature),
            (0.13, self.documented, self.about_docstring),
            (0.10, self.imports, self.about_import),
            (0.07, self.settings, self.about_setting),
            (0.02, self.raised, self.about_raise),
            (0.03, self.comments, self.about_comment),
        ]
        self.makers = [maker for _, pool, maker in kinds if pool]
        self.shares = [share for share, pool, _ in kinds if pool]

    def index_imports(self, imports: Sequence[Import], hidden: set[str]) -> None:
        """`imports` are the names that at most four lines import, each with its places."""
        self.modules: set[str] = set()
        lines: dict[str, dict[tuple[str, str], None]] = {}
        names: dict[str, None] = {}
        for found in imports:
            self.modules |= found.modules
            names.update(dict.fromkeys(sorted(found.names)))
            for name in found.modules | found.names:
                lines.setdefault(name, {})[found.path, found.line] = None
        self.imports = [
            (name, list(places))
            for name, places in sorted(lines.items())
            if len(places) <= 4
            and len(name) > 1
            and "__" not in name
            and hidden.isdisjoint((name, name.rpartition(".")[2]))
            and all(len(line) < MAX_LINE for _, line in places)
        ]
        self.name_imports = [n for n in names if len(n) > 3 and "__" not in n and n not in hidden]

    def index_raised(self, raised: Sequence[tuple[str, str, str]], within: set[str]) -> None:
        lines: dict[str, dict[tuple[str, str], None]] = {}
        for name, path, line in raised:
            lines.setdefault(name, {})[path, line] = None
        self.raised = [
            (name, list(places))
            for name, places in lines.items()
            if name not in within and len(places) <= 3 and all(len(p[1]) < MAX_LINE for p in places)
        ]

    def index_comments(self, comments: Sequence[str], trailing: Sequence[str]) -> None:
        """`comments` can be asked for; `holding` has the numbers of all, by word."""
        self.holding: dict[str, set[int]] = {}
        self.comments: list[tuple[int, str]] = []
        for number, text in enumerate([*comments, *trailing]):
            for word in WORD.findall(text):
                self.holding.setdefault(word.lower(), set()).add(number)
            prose = 30 <= len(text) <= 160 and not any(c in text for c in "=(){}[]<>|")
            if number < len(comments) and prose and text.count(" ") >= 4:
                self.comments.append((number, text))

    def index_parts(self, names: Iterable[str]) -> None:
        """The parts of real names, of which near misses are made."""
        self.snakes = [n.split("_") for n in names if "_" in n.strip("_") and n[0] != "_"]
        self.camels = [CAMEL_PART.findall(n) for n in names if n[0].isupper() and not n.isupper()]
        self.camels = [parts for parts in self.camels if len(parts) > 1]

    def sentences(self) -> list[str]:
        """Comments and docstring first lines of more than 45 characters, as they stand."""
        return self.lines

    def turn(self, rng: random.Random) -> Turn | None:
        if not self.makers:
            return None
        for _ in range(4):
            made = rng.choices(self.makers, self.shares)[0](rng)
            if made:
                return made
        return None

    # The kinds of questions

    def about_definition(self, rng: random.Random) -> Turn:
        place = rather_early(self.defined, rng)
        name = place.name
        answer = in_files([(place.path, place.line)])
        forms = NAMED if telling(name) and rng.random() < 0.25 else DEFINED
        shown = self.shown(name, place.kind, rng, owner=place.owner)
        if forms is DEFINED and rng.random() < 0.04 and self.can_be_spoken(name):
            shown = name.strip("_").replace("_", " ").lower()
        return Turn(asked(forms, shown, place.kind, rng), answer)

    def about_all_definitions(self, rng: random.Random) -> Turn:
        places = rng.choice(self.several)
        name = places[0].name
        shown = self.shown(name, places[0].kind, rng)
        answer = in_files([(p.path, p.line) for p in places])
        return Turn(asked(EVERYWHERE, shown, places[0].kind, rng), answer)

    def about_signature(self, rng: random.Random) -> Turn:
        place = rng.choice(self.signatures)
        forms = BASES if place.kind == "class" else SIGNATURE
        shown = self.shown(place.name, place.kind, rng, owner=place.owner)
        answer = in_files([(place.path, place.line)])
        return Turn(asked(forms, shown, place.kind, rng), answer)

    def about_docstring(self, rng: random.Random) -> Turn:
        place = rng.choice(self.documented)
        assert place.doc
        shown = self.shown(place.name, place.kind, rng, owner=place.owner)
        return Turn(asked(DOCSTRING, shown, place.kind, rng), says(place.doc))

    def about_import(self, rng: random.Random) -> Turn:
        name, places = rng.choice(self.imports)
        module = name in self.modules
        forms = MODULE_IMPORTED if module and rng.random() < 0.5 else IMPORTED
        shown = self.shown(name, "module", rng)
        return Turn(asked(forms, shown, "", rng), in_files(places))

    def about_setting(self, rng: random.Random) -> Turn:
        place = rng.choice(self.settings)
        shown = self.shown(place.name, place.kind, rng, owner=place.owner)
        question = asked(SETTING, shown, place.kind, rng, path=place.path)
        return Turn(question, in_files([(place.path, place.line)]))

    def about_raise(self, rng: random.Random) -> Turn:
        name, places = rng.choice(self.raised)
        question = asked(RAISED, self.shown(name, "class", rng), "class", rng)
        return Turn(question, in_files(places))

    def about_comment(self, rng: random.Random) -> Turn | None:
        """By two or three words that no other comment has together."""
        for _ in range(4):
            number, text = rng.choice(self.comments)
            words = list({w.lower(): w for w in CONTENT.findall(text)}.values())
            if len(words) < 3:
                continue
            chosen = rng.sample(words, rng.choice([2, 2, 3]))
            held = [self.holding.get(w.lower(), set()) for w in chosen]
            if set.intersection(*held) != {number}:
                continue
            if rng.random() < 0.4:
                chosen = [w.lower() for w in chosen]
            listed = f"{', '.join(chosen[:-1])} and {chosen[-1]}"
            return Turn(asked(COMMENT, listed, "", rng), says(text))
        return None

    # How a name is written in a question

    def shown(self, name: str, kind: str, rng: random.Random, *, owner: str | None = None) -> str:
        """The name in quotes or not, with brackets or its class, rarely in other letters."""
        if owner and rng.random() < 0.10:
            name = f"{owner}.{name}"
        elif rng.random() < 0.06 and self.may_be_lowered(name):
            name = name.lower()
        elif rng.random() < 0.012 and len(name) > 7:
            name = self.slipped(name, rng)
        style = rng.random()
        if style < 0.45 or (name.isalpha() and name.islower() and style < 0.8):
            return f"`{name}`"
        if kind in ("function", "method") and style > 0.92:
            return f"{name}()"
        if style > 0.88:
            return f"'{name}'" if style > 0.90 else f'"{name}"'
        return name

    def may_be_lowered(self, name: str) -> bool:
        lower = name.lower()
        return lower != name and lower not in self.words and self.spoken[lower.replace("_", "")] < 2

    def slipped(self, name: str, rng: random.Random) -> str:
        """Two letters changed about, if that does not make another name."""
        at = rng.randrange(1, len(name) - 2)
        other = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        return name if other in self.words or "." in name else other

    def can_be_spoken(self, name: str) -> bool:
        """Whether "max file chars" can stand for MAX_FILE_CHARS."""
        return name.strip("_").count("_") > 1 and self.spoken[name.replace("_", "").lower()] == 1

    # Questions without an answer

    def missing(self, rng: random.Random) -> Turn:
        """A question of the same forms about a name that the files do not have, or one that
        they import and do not define."""
        if self.only_imported and rng.random() < 0.2:
            name = rng.choice(self.only_imported)
            kind = kind_of(name)
            return Turn(asked(DEFINED, quoted(name, rng), kind, rng), NOT_FOUND)
        name = self.near_miss(rng) if rng.random() < 0.5 else None
        name = name or self.invented(rng)
        forms, kind = forms_for(name, rng)
        return Turn(asked(forms, quoted(name, rng), kind, rng), NOT_FOUND)

    def is_absent(self, name: str) -> bool:
        return name.replace("_", "").lower() not in self.squashed

    def near_miss(self, rng: random.Random) -> str | None:
        """A real name with one part replaced, or two real names mixed."""
        pools = [pool for pool in (self.snakes, self.camels) if len(pool) > 1]
        if not pools:
            return None
        pool = rng.choice(pools)
        glue = "_" if pool is self.snakes else ""
        for _ in range(8):
            parts, others = list(rng.choice(pool)), rng.choice(pool)
            if rng.random() < 0.5:
                parts[rng.randrange(len(parts))] = rng.choice(others)
            else:
                parts = parts[: rng.randint(1, len(parts) - 1)] + others[-1:]
            if parts[0].isupper():
                parts = [p.upper() for p in parts] if glue else parts
            else:
                parts = [p.lower() for p in parts] if glue else parts
            name = glue.join(parts)
            if name.isidentifier() and self.is_absent(name) and not name.startswith("__"):
                return name
        return None

    def invented(self, rng: random.Random) -> str:
        """A name of common words, in one of the usual ways of writing."""
        count = rng.choice([2, 2, 3])
        while True:
            words = rng.sample(INVENTED, count)
            style = rng.random()
            if style < 0.5:
                name = "_".join(words)
            elif style < 0.85:
                name = "".join(w.capitalize() for w in words)
            else:
                name = "_".join(words).upper()
            if self.is_absent(name):
                return name
            count = min(count + 1, 6)


def telling(name: str) -> bool:
    """Whether the name alone is plainly a name of code."""
    return "_" in name.strip("_") or len(CAMEL_PART.findall(name)) > 1


def kind_of(name: str) -> str:
    """What a name looks like."""
    if name.isupper():
        return "constant"
    return "class" if name.lstrip("_")[:1].isupper() else "function"


def quoted(name: str, rng: random.Random) -> str:
    style = rng.random()
    return f"`{name}`" if style < 0.48 else name if style < 0.94 else f"'{name}'"


def forms_for(name: str, rng: random.Random) -> tuple[Forms, str]:
    """Forms that suit a name that is not there."""
    kind = kind_of(name)
    own = {"constant": SETTING, "class": BASES, "function": SIGNATURE}[kind]
    second = DOCSTRING if kind != "constant" else SETTING
    if kind == "constant":
        kind = rng.choice(["constant", "constant", "variable"])
    pool = [DEFINED, NAMED, own, second, IMPORTED]
    return rng.choices(pool, [0.42, 0.13, 0.15, 0.18, 0.12])[0], kind


def asked(
    forms: Forms, shown: str, kind: str, rng: random.Random, *, path: str | None = None
) -> str:
    """A question of these forms.  Slips and lower case spare the name."""
    form = forms.choose(rng)
    if "{p}" in form and path is None:
        form = form.partition(" in {p}")[0] + "?"
    if "{k}" in form:
        form = form.replace("{k}", rng.choice(KIND_NAMES.get(kind, ("name",))))
    text = roughened(form.replace("{n}", SLOT).replace("{p}", "\1"), rng)
    return text.replace(SLOT, shown).replace("\1", path or "")
