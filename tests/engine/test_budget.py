"""The context budget: exact numbers, and advice that works."""

from __future__ import annotations

import pytest

from sa_chat.engine.budget import check_budget, reserve_for
from sa_chat.engine.documents.globs import matches
from sa_chat.engine.errors import ContextOverflow
from sa_chat.engine.events import Section


def file(path: str, tokens: int) -> Section:
    return Section(path, path, 0, None, 1, tokens)


def overflow(excess: int, *sections: Section, fitting_pages: str | None = None) -> ContextOverflow:
    with pytest.raises(ContextOverflow) as raised:
        check_budget(7168 + excess, 8192, 1024, sections, fitting_pages)
    return raised.value


@pytest.mark.parametrize(
    ("context", "reserve"),
    [
        (256, 64),
        (2048, 512),
        (4096, 1024),
        (16_384, 1024),
        (65_536, 4096),
        (131_072, 8192),
        (1_000_000, 8192),
    ],
)
def test_reserve(context: int, reserve: int) -> None:
    assert reserve_for(context) == reserve


def fits(prompt: int) -> bool:
    try:
        check_budget(prompt, 8192, 1024)
    except ContextOverflow:
        return False
    return True


@pytest.mark.parametrize(
    ("prompt", "passes"), [(0, True), (7167, True), (7168, True), (7169, False)]
)
def test_only_what_fits_passes(prompt: int, passes: bool) -> None:
    assert fits(prompt) is passes


def test_the_numbers_are_exact() -> None:
    error = overflow(1)
    assert error.message == (
        "The document is 1 token too long: it has 7,169, and 7,168 fit "
        "(8,192 of context less 1,024 for questions and answers)."
    )
    assert error.exit_code == 4
    assert error.hint


def test_the_smallest_sufficient_file_or_folder_is_named() -> None:
    files = (file("a/x.py", 500), file("a/y.py", 400), file("b/z.py", 2000), file("c.py", 100))
    assert "--exclude 'a/x.py'" in overflow(450, *files).hint
    assert "--exclude '/a/'" in overflow(800, *files).hint
    assert "--exclude 'b/z.py'" in overflow(1500, *files).hint
    assert "a/ (900)" in overflow(800, *files).hint


def test_several_files_are_named_when_none_suffices() -> None:
    hint = overflow(290, file("a.py", 100), file("b.py", 110), file("c.py", 120)).hint
    assert hint.index("/c.py") < hint.index("/b.py") < hint.index("/a.py")
    hint = overflow(290, *(file(f"{name}.py", 60) for name in "abcdef")).hint
    assert "not enough" in hint


@pytest.mark.parametrize("path", ["c.py", "a/b.py", "app/[id]/page.tsx", "odd*name?.txt"])
def test_the_named_globs_match_what_they_name(path: str) -> None:
    hint = overflow(50, file(path, 100), file("zzz", 7000)).hint
    glob = hint.split("--exclude '")[1].split("'")[0]
    assert matches(glob, path)


def test_pages_that_fit_are_named() -> None:
    chapters = (Section("B", "b.pdf", 0, "i", 1, 900), Section("One", "b.pdf", 1, "1", 1, 800))
    hint = overflow(50, *chapters, fitting_pages="1-12").hint
    assert "--pages 1-12" in hint
    assert "'One' (800 tokens)" in hint


def test_chapters_of_a_single_text_are_named() -> None:
    chapters = (
        Section("B", "b.txt", 0, None, 1, 900),
        Section("One", "b.txt", 1, None, 1, 200),
        Section("Two", "b.txt", 1, None, 90, 700),
    )
    hint = overflow(50, *chapters).hint
    assert hint.index("'Two'") < hint.index("'One'")
