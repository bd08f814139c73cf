"""Recognises expendable parts of documents by name: tests, examples, appendices and so on.

The categories are ordered by how rarely they answer a question about the whole.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_FOLDERS = (
    (
        "tests",
        r"tests?|testing|__tests__|spec|specs|e2e|fixtures?|testdata|test[-_].*|.*[-_]tests?",
    ),
    ("snapshots", r"__snapshots__|snapshots|cassettes|golden"),
    ("vendored", r"vendor|vendored|third[-_]?party|external|extern|deps"),
    ("benchmarks", r"bench|benches|benchmarks?|perf"),
    ("examples", r"examples?|samples?|demos?|tutorials?|notebooks?|playground"),
    ("translations", r"locales?|i18n|l10n|translations?|po|lang"),
    ("migrations", r"migrations"),
)
_FILES = (
    ("tests", r"test_.*|.*_tests?\.\w+|.*\.(test|spec)\.\w+|(?-i:.*Tests?)\.\w+|conftest\.py"),
    ("change log", r"(changelog|changes|history|news|release[-_ ]?notes)(\..*)?"),
    ("licence", r"(licen[cs]e|copying|notice|authors|contributors)([-.][\w.-]*)?"),
    ("data", r".*\.(csv|tsv|jsonl?|ndjson|xml|svg|geojson|sql)"),
)
_CHAPTERS = (
    (
        "index",
        r"((general|subject|name|keyword|alphabetical) )*index( of .*)?|register|concordance",
    ),
    (
        "front matter",
        r"(list of (figures|tables|illustrations)|(table of )?contents|copyright.*|colophon)",
    ),
    ("bibliography", r"bibliograph.*|references|works cited|further reading|literature"),
    ("glossary", r"glossary.*|abbreviations.*|acronyms.*"),
    ("acknowledgements", r"acknowledge?ments.*|about the authors?|dedication|praise .*"),
    ("licence", r".*licen[cs]e.*|gnu free documentation.*"),
    ("change log", r"(change ?log|release notes|revision history|what'?s new).*"),
    ("appendix", r"(appendi(x|ces)|annex|anhang)\b.*"),
    ("notes", r"(end ?)?notes"),
)
_NUMBER = re.compile(
    r"^(chapter |section |part )?([\divxlc]+(\.\d+)*|[a-z])[.:)]?\s+", re.IGNORECASE
)
LARGE = "large"


def _compiled(rules: tuple[tuple[str, str], ...]) -> list[tuple[str, re.Pattern[str]]]:
    return [(category, re.compile(pattern, re.IGNORECASE)) for category, pattern in rules]


_FOLDER_RULES, _FILE_RULES = _compiled(_FOLDERS), _compiled(_FILES)
_CHAPTER_RULES = _compiled(_CHAPTERS)
CATEGORIES = tuple(
    dict.fromkeys(category for rules in (_FOLDERS, _FILES, _CHAPTERS) for category, _ in rules)
)
"""The categories, the most expendable first."""


def folder_category(path: str) -> str | None:
    """The category that makes a folder (`a/b/`) expendable; None if its name suggests none."""
    return _category(_FOLDER_RULES, PurePosixPath(path).name)


def file_category(path: str) -> str | None:
    """The category that makes a file expendable; None if its name suggests none."""
    return _category(_FILE_RULES, PurePosixPath(path).name)


def chapter_category(title: str) -> str | None:
    """The category that makes a chapter expendable, its number disregarded; None if its title
    suggests none."""
    return _category(_CHAPTER_RULES, title.strip()) or _category(
        _CHAPTER_RULES, _NUMBER.sub("", title.strip())
    )


def _category(rules: list[tuple[str, re.Pattern[str]]], name: str) -> str | None:
    return next((category for category, pattern in rules if pattern.fullmatch(name)), None)
