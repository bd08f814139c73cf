"""Contexts made of whole paragraphs of real documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import PurePosixPath

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_LONGEST = 4_000  # characters; longer paragraphs are divided at line ends


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a document as it stands there, and what separates it from the one before."""

    file: str
    text: str
    joint: str = "\n\n"


def paragraphs_in(file: str, text: str) -> list[Paragraph]:
    """The paragraphs of a document: what stands between blank lines."""
    found = []
    for block in _BLANK_LINE.split(text.strip()):
        joint = "\n\n"
        for part in _divided(block):
            found.append(Paragraph(file, part, joint))
            joint = "\n"
    return found


def _divided(block: str) -> Iterable[str]:
    while len(block) > _LONGEST:
        end = block.rfind("\n", 0, _LONGEST)
        if end < 1:
            break
        yield block[:end]
        block = block[end + 1 :]
    yield block


def texts_of(paragraphs: Sequence[Paragraph]) -> list[tuple[str, str]]:
    """The name of each document in turn, and its paragraphs as one text."""
    return [
        (name, "".join(each.joint + each.text for each in those).strip() + "\n")
        for name, those in groupby(paragraphs, attrgetter("file"))
    ]


def files_of(paragraphs: Sequence[Paragraph]) -> tuple[tuple[str, str], ...]:
    """The paragraphs as `Trial.files`, a file for each document; several are numbered, as a folder
    is read in the order of its names."""
    texts = texts_of(paragraphs)
    if len(texts) == 1:
        return tuple(texts)
    return tuple((f"{number:03}-{name}", text) for number, (name, text) in enumerate(texts, 1))


def file_names(paths: Sequence[str]) -> dict[str, str]:
    """A name for the text of each path: its own with `.txt`, numbered where two are the same."""
    names: dict[str, str] = {}
    for path in paths:
        stem = PurePosixPath(path).stem or "document"
        name, number = f"{stem}.txt", 1
        while name in names.values():
            number += 1
            name = f"{stem}-{number}.txt"
        names[path] = name
    return names
