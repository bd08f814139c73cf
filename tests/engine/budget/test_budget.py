"""The context budget: exact numbers, and proposals that work."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.engine.budget import check_budget, propose, reserve_for
from sa_chat.engine.budget.expendable import chapter_category, file_category, folder_category
from sa_chat.engine.documents.globs import matches
from sa_chat.protocol.errors import ContextOverflow
from sa_chat.protocol.values import Drop, Section


def file(path: str, tokens: int) -> Section:
    return Section(path, path, 0, None, 1, tokens)


def chapter(title: str, tokens: int, line: int, level: int = 1) -> Section:
    return Section(title, "book.txt", level, None, line, tokens)


def names(proposal: tuple[Drop, ...]) -> list[str]:
    return [drop.name for drop in proposal]


def overflow(excess: int, proposal: tuple[Drop, ...] = ()) -> ContextOverflow:
    with pytest.raises(ContextOverflow) as raised:
        check_budget(7168 + excess, 8192, 1024, proposal)
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


@pytest.mark.parametrize("prompt", [0, 7167, 7168])
def test_what_fits_passes(prompt: int) -> None:
    check_budget(prompt, 8192, 1024)


def test_the_numbers_are_exact() -> None:
    error = overflow(1)
    assert error.message == (
        "The document is 1 token too long: it has 7,169, and 7,168 fit "
        "(8,192 of context less 1,024 for questions and answers)."
    )
    assert error.exit_code == 4
    assert error.hint


def test_the_hint_is_the_proposal() -> None:
    hint = overflow(9, (Drop("tests/", "tests", 900, "--exclude tests/", ("tests/a.py",)),)).hint
    assert hint == (
        "Add --fit to leave out tests/ (tests, 900); or give it yourself: --exclude tests/"
    )
    many = tuple(Drop(f"{n}.py", "large", 10, f"--exclude /{n}.py", ()) for n in range(12))
    hint = overflow(9, many).hint
    assert "7.py (large, 10) and 4 more (40)" in hint
    assert "--count lists everything" in hint


def test_what_is_hardly_needed_goes_first_the_largest_first() -> None:
    sections = (
        file("src/main.py", 5000),
        file("src/small.py", 10),
        file("examples/one.py", 300),
        file("tests/test_a.py", 200),
        file("tests/test_b.py", 250),
        file("CHANGELOG.md", 400),
    )
    assert names(propose(sections, 0)) == []
    assert names(propose(sections, 100)) == ["tests/"]
    assert names(propose(sections, 451)) == ["tests/", "examples/"]
    assert names(propose(sections, 1100)) == ["tests/", "examples/", "CHANGELOG.md"]
    (step,) = propose(sections, 100)
    assert (step.why, step.tokens) == ("tests", 450)
    assert step.keys == ("tests/test_a.py", "tests/test_b.py")
    assert step.flag == "--exclude /tests/"


def test_then_the_smallest_that_suffices_and_else_the_largest() -> None:
    sections = (file("a/x.py", 500), file("a/y.py", 400), file("b/z.py", 2000), file("c.py", 100))
    assert names(propose(sections, 450)) == ["a/x.py"]
    assert names(propose(sections, 800)) == ["a/"]
    assert names(propose(sections, 1500)) == ["b/"]
    assert sum(step.tokens for step in propose(sections, 2550)) >= 2550
    even = tuple(file(f"{name}.py", 60) for name in "abcdef")
    assert len(propose(even, 290)) == 5
    assert propose(even, 301) == ()  # one must stay, and it has no end to cut


def test_a_needless_step_is_taken_back() -> None:
    sections = (file("src/a.py", 5000), file("src/b.py", 4000), file("tests/t.py", 10))
    assert names(propose(sections, 3000)) == ["src/b.py"]


def test_chapters_of_one_book() -> None:
    sections = (
        file("book.txt", 1000),
        chapter("Contents", 20, 1),
        chapter("1 Beginning", 400, 10),
        chapter("1.1 A start", 150, 20, 2),
        chapter("2 End", 400, 50),
        chapter("Appendix A: Tables", 100, 80),
        chapter("Index of [names]", 80, 90),
    )
    assert names(propose(sections, 50)) == ["Index of [names]"]
    assert names(propose(sections, 190)) == ["Index of [names]", "Contents", "Appendix A: Tables"]
    (step,) = propose(sections, 50)
    assert step.flag == "--exclude '#Index of [[]names]'"
    assert step.keys == (sections[-1].key,)
    steps = propose(sections, 300)
    assert sum(step.tokens for step in steps) >= 300
    assert len({step.name for step in steps}) == len(steps)


def test_pages_without_an_outline_go_from_the_end() -> None:
    pages = tuple(Section(f"Page {n}", "a.pdf", 1, str(n), 1, 100) for n in range(1, 11))
    asked: list[tuple[str, int]] = []

    def tail(path: str, tokens: int) -> Drop:
        asked.append((path, tokens))
        return Drop("pages 8 to 10", "the end", 300, "--pages 1-7", ("a.pdf#pages 8-",))

    assert names(propose((file("a.pdf", 1000), *pages), 250, tail)) == ["pages 8 to 10"]
    assert asked == [("a.pdf", 250)]


def test_the_end_of_the_last_file_goes_with_the_others() -> None:
    asked: list[int] = []

    def tail(path: str, tokens: int) -> Drop:
        asked.append(tokens)
        return Drop(f"{path} from line 5 on", "the end", 900, "", (f"{path}#lines 5-",))

    steps = propose((file("a.txt", 1000), file("b.txt", 1000)), 1500, tail)
    assert len(steps) == 2
    assert asked == [500]


@pytest.mark.parametrize(
    "path", ["c.py", "a/b.py", "app/[id]/page.tsx", "odd*name?.txt", "C#/it's #1.cs"]
)
def test_the_flags_name_what_they_say_and_no_more(path: str) -> None:
    others = ("d.py", "a/c.py", "app/i/page.tsx", "oddXnameY.txt", "x/c.py")
    sections = (file(path, 100), *(file(other, 1000) for other in others))
    (step,) = propose(sections, 50)
    flag, pattern = shlex.split(step.flag)
    assert flag == "--exclude"
    assert matches(pattern, path)
    assert not any(matches(pattern, other) for other in others if other != path)


@pytest.mark.parametrize(
    ("ask", "name", "why"),
    [
        (folder_category, "a/tests/", "tests"),
        (folder_category, "src/", None),
        (folder_category, "latest/", None),
        (folder_category, "third_party/", "vendored"),
        (file_category, "pkg/test_x.py", "tests"),
        (file_category, "x_test.go", "tests"),
        (file_category, "contest.py", None),
        (file_category, "LICENSE", "licence"),
        (file_category, "LICENSE-MIT.txt", "licence"),
        (file_category, "license_check.py", None),
        (chapter_category, "Index", "index"),
        (chapter_category, "12. Index", "index"),
        (chapter_category, "Appendix B Grammar", "appendix"),
        (chapter_category, "Appendices", "appendix"),
        (chapter_category, "Indexing a table", None),
        (chapter_category, "Notes", "notes"),
        (chapter_category, "Chapter 4 References", "bibliography"),
    ],
)
def test_what_names_say(ask: Callable[[str], str | None], name: str, why: str | None) -> None:
    assert ask(name) == why


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b/c", "b/tests", "docs", "tests"]), st.integers(1, 500)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 4000),
)
def test_a_proposal_frees_enough_and_names_everything_once(
    files: list[tuple[str, int]], excess: int
) -> None:
    folders = sorted(files, key=lambda item: item[0])
    sections = tuple(file(f"r/{f}/{n}.py", tokens) for n, (f, tokens) in enumerate(folders))
    steps = propose(sections, excess)
    keys = [key for step in steps for key in step.keys]
    assert len(set(keys)) == len(keys)
    tokens = {section.key: section.tokens for section in sections}
    assert all(sum(tokens[key] for key in step.keys) == step.tokens for step in steps)
    freed = sum(step.tokens for step in steps)
    if steps:
        assert excess <= freed < sum(tokens.values())
        assert all(freed - step.tokens < excess for step in steps)
    else:
        assert sum(tokens.values()) - min(tokens.values()) < excess
