"""Counted, proposed, fitted: with the reader's own tokenizer, down to the last token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pdfs import write_pdf

from sa_chat.engine.session.local import LocalEngine
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import ContextOverflow
from sa_chat.protocol.events import DocumentCounted, DocumentText, Event


def put(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def prose(lines: int, word: str = "harbour") -> str:
    return "".join(f"Line {n} of the {word} book, and no more of it.\n" for n in range(lines))


class Counter:
    """An engine of small context that only counts."""

    def __init__(self, context: int = 4096, reserve: int = 256) -> None:
        self.events: list[Event] = []
        config = EngineConfig(max_context=context, reserve_tokens=reserve)
        self.engine = LocalEngine(config, self.events.append)

    def count(self, *paths: Path, text: bool = False, **options: Any) -> DocumentCounted:
        self.events.clear()
        names = tuple(map(str, paths))
        self.engine.count(OpenOptions(names, **options), text)
        (counted,) = [event for event in self.events if isinstance(event, DocumentCounted)]
        return counted

    @property
    def text(self) -> str:
        return "".join(each.head + each.text for each in self.texts)

    @property
    def texts(self) -> list[DocumentText]:
        return [event for event in self.events if isinstance(event, DocumentText)]


@pytest.fixture(scope="module")
def counter() -> Counter:
    return Counter()


def test_every_token_is_in_one_file_or_in_head_and_title(counter: Counter, tmp_path: Path) -> None:
    root = put(tmp_path / "r", {"a.md": "# A\nx\n# B\ny\n", "b/c.py": "def f(): ...\n"})
    counted = counter.count(root, text=True)
    files = [section for section in counted.sections if section.level == 0]
    assert [section.path for section in files] == ["r/a.md", "r/b/c.py"]
    tokenizer = counter.engine.tokenizer
    title = len(tokenizer.encode("r\n"))
    assert counted.prompt_tokens == len(tokenizer.chat.head) + title + sum(s.tokens for s in files)
    assert counted.excess_tokens < 0
    assert counted.proposal == ()
    assert counter.text == "r\n=== r/a.md ===\n# A\nx\n# B\ny\n=== r/b/c.py ===\ndef f(): ...\n"


def test_each_stretch_of_text_has_its_place_and_its_markers(
    counter: Counter, tmp_path: Path
) -> None:
    root = put(tmp_path / "r", {"a.md": "one\ntwo", "b.py": "x = 1\n", "c.md": "# C\nend"})
    counter.count(root, text=True)
    assert counter.texts == [
        DocumentText("one\ntwo\n", False, "r/a.md", None, 1, "r\n=== r/a.md ===\n"),
        DocumentText("x = 1\n", False, "r/b.py", None, 1, "=== r/b.py ===\n"),
        DocumentText("# C\nend", True, "r/c.md", None, 1, "=== r/c.md ===\n"),
    ]
    counter.count(root / "c.md", text=True)
    assert counter.texts == [DocumentText("# C\nend", True, "c.md", None, 1, "c\n")]


def test_pages_are_told_one_by_one_also_empty_ones(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(write_pdf([["Page one has words."], [], ["Page three has some, too."]]))
    counter.count(path, text=True)
    assert [(each.page, each.line, each.head, each.last) for each in counter.texts] == [
        ("1", 1, "book\n[page 1]\n", False),
        ("2", 1, "[page 2]\n", False),
        ("3", 1, "[page 3]\n", True),
    ]
    assert [each.text for each in counter.texts] == [
        "Page one has words.\n",
        "",
        "Page three has some, too.\n",
    ]


def test_a_long_text_is_told_in_pieces_that_know_their_lines(
    counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sa_chat.engine.session.counting.TEXT_CHARS", 100)
    path = tmp_path / "book.md"
    path.write_text(prose(30))
    counter.count(path, text=True)
    assert counter.text == f"book\n{prose(30)}"
    assert all(len(each.text) <= 100 for each in counter.texts)
    assert [bool(each.head) for each in counter.texts] == [True] + [False] * (
        len(counter.texts) - 1
    )
    assert [each.last for each in counter.texts] == [False] * (len(counter.texts) - 1) + [True]
    said = 0
    for each in counter.texts:
        assert each.line == 1 + prose(30)[:said].count("\n")
        said += len(each.text)


def test_opening_tells_the_text_between_counting_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "book.md"
    path.write_text("# One\nwords\n")
    for text in (False, True):
        counter = Counter()
        counter.engine.open(OpenOptions((str(path),)), text=text)
        names = [type(event).__name__ for event in counter.events]
        assert ("DocumentText" in names) == text
        assert counter.text == ("book\n# One\nwords\n" if text else "")
        if text:
            assert names.index("DocumentText") == names.index("DocumentReady") + 1


def test_what_is_proposed_is_what_fit_does(counter: Counter, tmp_path: Path) -> None:
    root = put(
        tmp_path / "r",
        {"main.py": "x = 1\n" * 700, "tests/a.py": prose(80), "tests/b.py": prose(90)},
    )
    counted = counter.count(root)
    assert counted.excess_tokens > 0
    (step,) = counted.proposal
    assert (step.name, step.why) == ("r/tests/", "tests")
    fitted = counter.count(root, fit=True, text=True)
    assert fitted.excess_tokens <= 0
    assert fitted.dropped_tokens == counted.prompt_tokens - fitted.prompt_tokens
    # A file that is left alone needs no marker, so a little more may go than the tests had.
    assert step.tokens <= fitted.dropped_tokens < step.tokens + 20
    assert "harbour" not in counter.text
    reasons = {item.path: item.reason for item in fitted.left_out}
    assert reasons.keys() == {"r/tests/a.py", "r/tests/b.py"}
    assert all(reason.startswith("left out to fit (") for reason in reasons.values())


@pytest.mark.parametrize("lines", [400, 1000, 5000])
def test_a_text_without_chapters_keeps_its_beginning(
    counter: Counter, tmp_path: Path, lines: int
) -> None:
    path = tmp_path / "book.txt"
    path.write_text(prose(lines))
    counted = counter.count(path)
    (step,) = counted.proposal
    (key,) = step.keys
    assert step.flag == f"--exclude '{key}'"
    fitted = counter.count(path, fit=True, text=True)
    room = fitted.context_tokens - fitted.reserve_tokens
    assert room - 20 < fitted.prompt_tokens <= room
    assert fitted.dropped_tokens == step.tokens
    read = counter.text.removeprefix("book\n")
    assert read.endswith(".\n")
    assert prose(lines).startswith(read)
    by_flag = counter.count(path, exclude=(key,))
    assert by_flag.prompt_tokens == fitted.prompt_tokens


def test_chapters_are_dropped_by_their_keys(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "book.md"
    path.write_text(f"# One\n{prose(10)}# Two\n{prose(10, 'mountain')}# Index\nentry\n")
    counted = counter.count(path)
    two = next(section for section in counted.sections if section.title == "Two")
    fewer = counter.count(path, drop=(two.key,), text=True)
    assert "mountain" not in counter.text
    assert "entry" in counter.text
    assert fewer.dropped_tokens == counted.prompt_tokens - fewer.prompt_tokens
    assert abs(fewer.dropped_tokens - two.tokens) <= 1
    assert [s.title for s in fewer.sections] == ["book", "One", "Index"]
    index = next(section for section in fewer.sections if section.title == "Index")
    assert index.line == next(s for s in counted.sections if s.title == "Index").line


def test_an_overflow_is_told_before_it_fails(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text(prose(1000))
    counter.events.clear()
    with pytest.raises(ContextOverflow) as raised:
        counter.engine.open(OpenOptions((str(path),)))
    (counted,) = [event for event in counter.events if isinstance(event, DocumentCounted)]
    assert f"{counted.excess_tokens:,} tokens too long" in raised.value.message
    assert counted.proposal[0].flag in raised.value.hint


def test_nothing_can_be_proposed_for_one_long_line(counter: Counter, tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    path.write_text("word " * 20_000)
    assert counter.count(path).proposal == ()
    with pytest.raises(ContextOverflow, match="too long"):
        counter.engine.open(OpenOptions((str(path),), fit=True))


def test_the_end_of_the_last_file_of_several(counter: Counter, tmp_path: Path) -> None:
    root = put(tmp_path / "r", {"a.txt": prose(600), "b.txt": prose(900)})
    counted = counter.count(root)
    assert [step.why for step in counted.proposal] == ["large", "the end"]
    fitted = counter.count(root, fit=True)
    assert fitted.excess_tokens <= 0
    assert fitted.prompt_tokens > 3000


def test_the_pages_that_fit_are_those_that_stay_to_the_token(tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(write_pdf([[f"Page {n} has words of its own {n}."] * 12 for n in range(1, 5)]))
    whole = Counter().count(path)
    total, last = whole.prompt_tokens, whole.sections[-1].tokens

    def flags(room: int) -> list[str]:
        reserve = 256
        counted = Counter(room + reserve, reserve).count(path)
        assert all(step.tokens >= counted.excess_tokens for step in counted.proposal)
        return [step.flag for step in counted.proposal]

    assert flags(total) == []
    assert flags(total - 1) == ["--pages 1-3"]
    assert flags(total - last) == ["--pages 1-3"]
    assert flags(total - last - 1) == ["--pages 1-2"]
    assert flags(10) == []  # not even the first page fits
