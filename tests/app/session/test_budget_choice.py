"""What is in and out of a budget: sums, marks and keys, as values."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sa_chat.app.session.part_tree import Budget, Mark, Node
from sa_chat.protocol.events import DocumentCounted
from sa_chat.protocol.values import Drop, Section

SECTIONS = (
    Section("a.py", "src/a.py", 0, None, 1, 300),
    Section("run", "src/a.py", 1, None, 4, 200),
    Section("inner", "src/a.py", 2, None, 6, 50),
    Section("stop", "src/a.py", 1, None, 40, 90),
    Section("b.py", "src/b.py", 0, None, 1, 100),
    Section("t.py", "tests/t.py", 0, None, 1, 600),
    Section("notes.txt", "notes.txt", 0, None, 1, 40),
)
COUNTED = DocumentCounted("code", ("code",), SECTIONS, (), 1_050, 1_000, 200)
CUT = Drop("the end", "large", 30, "", ("notes.txt#lines 9-",))
TESTS = Drop("tests/", "tests", 600, "", ("tests/t.py",))


def part(budget: Budget, name: str) -> Node:
    return next(node for node in budget.root.below() if node.name == name)


def test_all_is_in_at_first() -> None:
    budget = Budget(COUNTED)
    assert (budget.chosen_tokens, budget.room_tokens, budget.free_tokens) == (1_050, 800, -250)
    assert budget.drop() == ()
    assert [node.name for node in budget.root.children] == ["src/", "tests/", "notes.txt"]
    assert part(budget, "src/").tokens == 400


def test_a_folder_goes_with_all_its_files() -> None:
    budget = Budget(COUNTED)
    budget.toggle(part(budget, "src/"))
    assert budget.drop() == ("src/a.py", "src/b.py")
    assert budget.chosen_tokens == 650
    assert part(budget, "src/").mark is part(budget, "inner").mark is Mark.OUT
    budget.toggle(part(budget, "src/"))
    assert (budget.drop(), budget.chosen_tokens) == ((), 1_050)


def test_a_file_takes_the_place_of_its_chapters() -> None:
    budget = Budget(COUNTED)
    budget.toggle(part(budget, "inner"))
    assert budget.drop() == ("src/a.py#inner@:6",)
    assert part(budget, "src/").mark is part(budget, "run").mark is Mark.PARTLY
    budget.toggle(part(budget, "a.py"))
    assert (budget.drop(), budget.chosen_tokens) == (("src/a.py",), 750)


def test_a_chapter_comes_back_alone() -> None:
    budget = Budget(COUNTED)
    budget.toggle(part(budget, "src/"))
    budget.toggle(part(budget, "inner"))
    assert budget.drop() == ("src/a.py#stop@:40", "src/b.py")
    assert part(budget, "run").mark is Mark.IN
    assert budget.chosen_tokens == 1_050 - 190


def test_a_proposal_is_taken_out_with_its_ranges() -> None:
    budget = Budget(COUNTED)
    budget.accept((TESTS, CUT))
    budget.accept((TESTS, CUT))
    assert budget.drop() == ("tests/t.py", "notes.txt#lines 9-")
    assert (budget.chosen_tokens, budget.free_tokens) == (420, 380)
    assert part(budget, "notes.txt").mark is Mark.PARTLY
    budget.toggle(part(budget, "notes.txt"))
    assert budget.drop() == ("tests/t.py", "notes.txt")
    assert budget.chosen_tokens == 410


def test_keys_out_at_first_are_marked() -> None:
    budget = Budget(COUNTED, ("src/b.py", "gone.txt"))
    assert budget.drop() == ("src/b.py",)


def test_empty_says_that_nothing_is_left() -> None:
    budget = Budget(COUNTED)
    for child in budget.root.children:
        budget.take_out(child)
    assert budget.empty
    budget.take_all_in()
    assert (budget.empty, budget.chosen_tokens) == (False, 1_050)


@given(st.lists(st.integers(0, 9), max_size=30))
def test_every_token_counts_once(presses: list[int]) -> None:
    budget = Budget(COUNTED)
    nodes = list(budget.root.below())
    for index in presses:
        budget.toggle(nodes[index % len(nodes)])
    by_key = {section.key: section.tokens for section in SECTIONS}
    assert budget.root.gone == sum(by_key[key] for key in budget.drop())
    assert Budget(COUNTED, budget.drop()).chosen_tokens == budget.chosen_tokens


def test_ten_thousand_files_go_in_and_out() -> None:
    sections = tuple(
        Section("f", f"d{index % 100}/s{index % 7}/f{index}.py", 0, None, 1, 10)
        for index in range(10_000)
    )
    budget = Budget(replace(COUNTED, sections=sections, prompt_tokens=100_000))
    for folder in budget.root.children:
        budget.toggle(folder)
    assert budget.chosen_tokens == 0
