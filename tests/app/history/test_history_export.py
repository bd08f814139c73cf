"""A conversation as a file: hostile text stays text, nothing is overwritten."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from history_values import BOOK, OPENED, answered, turn
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.app.history import Document, Info, Saved, SavedTurn
from sa_chat.app.history.export import file_name, to_json, to_markdown, write_new
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import UsageError

SIGNS = st.characters(codec=None, exclude_categories=())
INFO = Info(1, "Who speaks?", BOOK, "embedded", "sparse", OPENED, 1)


def saved(*turns: SavedTurn, **changes: object) -> Saved:
    return Saved(replace(INFO, turns=len(turns), **changes), turns, "a draft")


def test_markdown_says_it_all() -> None:
    compared = replace(answered("> Call me.\n"), citations=(), stop_reason="length", tokens=1)
    assert to_markdown(saved(replace(turn(), compared=compared))) == (
        "# Who speaks?\n"
        "\n"
        "- Document: Moby-Dick, 300,000 tokens, opened 2025-03-04T05:06:07+00:00\n"
        "- Path: /books/moby.txt\n"
        "- Model: embedded\n"
        "- Attention: sparse\n"
        "- Last turn: 2025-03-04T05:06:07+00:00\n"
        "\n"
        "## 1. Who speaks?\n"
        "\n"
        "> Call me Ishmael.\n"
        "\n"
        "Quotations:\n"
        "\n"
        "- “Call me Ishmael.” (/books/moby.txt, page 3, line 7; verified)\n"
        "- “Nobody said this.” (not found in the document)\n"
        "\n"
        "*first token after 84 ms · of a cold start after 12.0 s · 42 tokens · 31.5 tok/s*\n"
        "\n"
        "### In the other attention mode\n"
        "\n"
        "> Call me.\n"
        "\n"
        "*first token after 84 ms · of a cold start after 12.0 s · 1 token · 31.5 tok/s"
        " · ended by length*\n"
    )


def test_a_question_without_an_answer() -> None:
    text = to_markdown(saved(SavedTurn("Who?", "queued", "", None)))
    assert text.endswith("## 1. Who?\n\n*queued*\n")


def headings(markdown: str) -> list[str]:
    """Headings outside of fenced blocks."""
    found, fence = [], ""
    for line in markdown.split("\n"):
        run = re.match(r"(`{3,}|~{3,})", line)
        if fence:
            fence = "" if run and run[0].startswith(fence) and line == run[0] else fence
        elif run:
            fence = run[0]
        elif re.match("#+ ", line):
            found.append(line)
    return found


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("# Title `code` <b>", r"## 1. \# Title \`code\` \<b\>"),
        ("a*b_c[d](e)&amp;|~$\\", r"## 1. a\*b\_c\[d\](e)\&amp;\|\~\$\\"),
        ("<script>alert(1)</script>", r"## 1. \<script\>alert(1)\</script\>"),
        ("red \x1b[31mtext\x07", "## 1. red text"),
        ("", "## 1. "),
    ],
)
def test_a_question_is_shown_as_text(question: str, heading: str) -> None:
    assert headings(to_markdown(saved(turn(question))))[-1] == heading


def test_a_question_of_many_lines_stands_in_a_fence_of_its_own() -> None:
    question = "Why?\n```\n# no heading\n````\n<b>"
    text = to_markdown(saved(turn(question), turn("Next?")))
    assert f"\n`````text\n{question}\n`````\n" in text
    assert headings(text) == ["# Who speaks?", "## 1. Question", "## 2. Next?"]


@pytest.mark.parametrize(
    "answer",
    ["Code:\n```python\nx = 1", "~~~\n```\n# no", "````\n```\n", "   ```\nindented", "```\n``` x"],
)
def test_a_block_that_an_answer_leaves_open_ends_with_it(answer: str) -> None:
    text = to_markdown(saved(turn("One?", answer), turn("Two?")))
    assert headings(text.replace("\n   `", "\n`"))[-1] == "## 2. Two?"
    assert answer.rstrip("\n") in text


@pytest.mark.parametrize("answer", ["```\nx\n```", "a `b` ```c``` d", "``` a`b", "| a |\n|---|"])
def test_an_answer_stays_as_it_is(answer: str) -> None:
    assert f"\n\n{answer}\n\nQuotations:" in to_markdown(saved(turn("One?", answer)))


@given(st.text(SIGNS), st.text(SIGNS))
def test_no_text_adds_a_heading_or_a_control_character(question: str, name: str) -> None:
    document = Document(OpenOptions((name,)), name, 1, OPENED)
    conversation = saved(turn(question), name=name, document=document, model=name, attention=name)
    text = to_markdown(conversation)
    assert len(headings(text)) == 2
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)


def test_json_has_every_figure_and_no_password() -> None:
    options = replace(BOOK.options, password="hunter2", pages="1-20")
    conversation = saved(
        replace(turn(), compared=answered()), document=replace(BOOK, options=options)
    )
    text = to_json(conversation)
    answer = {
        "text": "> Call me Ishmael.\n",
        "citations": [
            {
                "quote": "Call me Ishmael.",
                "path": "/books/moby.txt",
                "page": "3",
                "line": 7,
                "verified": True,
            },
            {"quote": "Nobody said this.", "path": "", "page": None, "line": 0, "verified": False},
        ],
        "tokens": 42,
        "tokens_per_s": 31.5,
        "question_ttft_s": 0.084,
        "stop_reason": "stop",
        "ttft": {
            "parse_s": 0.5,
            "tokenize_s": 0.25,
            "select_s": 1.0,
            "prefill_s": 10.0,
            "first_token_s": 0.25,
            "total_s": 12.0,
        },
    }
    assert json.loads(text) == {
        "format": "sa-chat conversation 1",
        "name": "Who speaks?",
        "document": {
            "title": "Moby-Dick",
            "tokens": 300_000,
            "opened": "2025-03-04T05:06:07.000089+00:00",
            "paths": ["/books/moby.txt"],
            "pages": "1-20",
            "include": [],
            "exclude": [],
            "drop": [],
            "fit": False,
            "ocr": False,
        },
        "model": "embedded",
        "attention": "sparse",
        "updated": "2025-03-04T05:06:07.000089+00:00",
        "turns": [
            {
                "question": "Who speaks?",
                "status": "done",
                "text": "> Call me Ishmael.\n",
                "answer": answer,
                "compared": answer,
            }
        ],
    }
    assert "hunter2" not in text


@given(st.text(st.characters()))
def test_any_text_survives_json(text: str) -> None:
    (back,) = json.loads(to_json(saved(turn(text, text))))["turns"]
    assert (back["question"], back["answer"]["text"]) == (text, text)


def test_a_path_that_is_no_utf8_survives_json(tmp_path: Path) -> None:
    document = replace(BOOK, options=OpenOptions(("/books/\udce9t\udce9.txt",)))
    text = to_json(saved(document=document))
    write_new(tmp_path / "x.json", text)
    back = json.loads((tmp_path / "x.json").read_bytes())
    assert back["document"]["paths"] == ["/books/\udce9t\udce9.txt"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Who speaks?", "2025-03-04-Who-speaks.md"),
        ("../../etc/passwd", "2025-03-04-etc-passwd.md"),
        ("Wer spricht im Kapitel „Öl“?", "2025-03-04-Wer-spricht-im-Kapitel-Öl.md"),
        ("?!", "2025-03-04-conversation.md"),
    ],
)
def test_file_names(name: str, expected: str) -> None:
    assert file_name(saved(name=name), ".md") == expected


@given(st.text(SIGNS))
def test_every_file_name_is_safe(name: str) -> None:
    made = file_name(saved(name=name), ".json")
    assert len(made.encode("utf-8")) <= 255
    assert re.fullmatch(r"2025-03-04-[\w-]+\.json", made)


def test_a_new_file(tmp_path: Path) -> None:
    write_new(tmp_path / "x.md", "Öl \udce9\r\nend")
    assert (tmp_path / "x.md").read_bytes() == "Öl ?\r\nend".encode()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path, link = tmp_path / "x.md", tmp_path / "link.md"
    path.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for there in (path, link):
        with pytest.raises(UsageError, match="is there already") as caught:
            write_new(there, "theirs")
        assert "nothing was overwritten" in caught.value.hint
    assert path.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere/x.md", "No such file or directory"),
        ("file/x.md", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("a\x00b", "No file can be called"),
    ],
)
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=why):
        write_new(tmp_path / name, "text")
    assert os.listdir(tmp_path) == ["file"]


def test_half_a_file_does_not_stay(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is full")
    import resource
    import signal

    path = tmp_path / "x.md"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(UsageError, match="File too large"):
            write_new(path, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not path.exists()
