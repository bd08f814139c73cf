"""Documents become running prose and source files to make tasks from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pdfs import write_pdf

from sa_chat.engine.tools.eval.prose import is_whole, paragraphs_of, sentences_of
from sa_chat.engine.tools.eval.sources import Sources, load_sources
from sa_chat.protocol.errors import DocumentError

PROSE = "The first line says something. It is followed by another one, which says more."
WORDS = st.text("abcdefgXYZ", min_size=1, max_size=9)
SENTENCE = st.lists(WORDS, min_size=4, max_size=12).map(lambda w: " ".join(w).capitalize() + ".")


@pytest.fixture(scope="module")
def demonstration() -> Sources:
    return load_sources()


def write(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return str(folder)


def test_without_paths_the_handbook_and_the_source_code_are_read(demonstration: Sources) -> None:
    assert [path for path, _ in demonstration.prose] == ["handbook.pdf"]
    paths = [path for path, _ in demonstration.code]
    assert {"app/cli.py", "protocol/config.py", "engine/sparsity/plan.py"} <= set(paths)
    assert all(path.endswith(".py") for path in paths)
    assert dict(demonstration.code)["protocol/errors.py"].startswith('"""All errors')


def test_prose_is_running_text_without_heads_headings_and_markers(demonstration: Sources) -> None:
    text = demonstration.prose_text
    assert text == "\n\n".join(demonstration.paragraphs)
    assert "The key F1 opens the help screen." in text
    for line in ("3 The screen, and every number on it", "1.1 One document, read whole", "[page"):
        assert line not in text
    assert all(paragraph == " ".join(paragraph.split()) for paragraph in demonstration.paragraphs)


def test_a_folder_is_parted_into_prose_and_code(tmp_path: Path) -> None:
    folder = write(
        tmp_path, notes_md=f"# Notes\n\n{PROSE}\n", src__tool_py="x = 1\n", src__lib_rs="fn f() {}"
    )
    sources = load_sources((folder,))
    assert [path for path, _ in sources.prose] == [f"{tmp_path.name}/notes.md"]
    assert sources.paragraphs == (PROSE,)
    assert sources.code == (("src/lib.rs", "fn f() {}"), ("src/tool.py", "x = 1\n"))


def test_code_of_several_folders_keeps_their_names(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", a_py="a = 1\n"), write(tmp_path / "two", a_py="a = 2\n")
    assert load_sources((one, two)).code == (("one/a.py", "a = 1\n"), ("two/a.py", "a = 2\n"))


def test_paths_stay_inside_and_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of one name are shown as they were given: from above, or from the root."""
    one, two = tmp_path / "x" / ".lib", tmp_path / "y" / ".lib"
    write(one, a_py="a = 1\n")
    write(two, a_py="a = 2\n")
    monkeypatch.chdir(one)
    for first in ("../../x/.lib", str(one)):
        code = load_sources((first, "../../y/.lib")).code
        assert [text for _, text in code] == ["a = 1\n", "a = 2\n"]
        paths = [path for path, _ in code]
        assert len(set(paths)) == 2
        assert not any(part in ("", "..", ".lib") for path in paths for part in path.split("/"))


def test_what_a_folder_leaves_out_is_no_code(tmp_path: Path) -> None:
    folder = write(tmp_path, a_min_js="x();", a_js="function main() {}\n", b_py="b = 1\n")
    named = [str(tmp_path / name) for name in ("a.min.js", "a.js", "b.py")]
    expected = [("a.js", "function main() {}\n"), ("b.py", "b = 1\n")]
    assert list(load_sources(tuple(named)).code) == expected
    assert list(load_sources((folder,)).code) == expected


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no file or folder"):
        load_sources((str(tmp_path / "missing.txt"),))


def test_sentences_go_on_over_pages(tmp_path: Path) -> None:
    body = "This line of the book is long enough to be one of its usual lines, as most of them are"
    pages = [
        ["The Book of Lines", "Chapter One", f"{body}.", "Here begins a sentence that goes", "1"],
        [
            "The Book of Lines",
            "on upon the next page, as they often do in books.",
            body,
            "end.",
            "2",
        ],
    ]
    pages[0][3] = "Here begins a sentence in a line that is as long as those before it, and it goes"
    file = tmp_path / "book.pdf"
    file.write_bytes(write_pdf(pages))
    (paragraph, *_) = load_sources((str(file),)).paragraphs
    assert f"{pages[0][3]} on upon the next page, as they often do in books." in paragraph
    assert "Book of Lines" not in paragraph
    assert "Chapter One" not in paragraph


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Mr. A. Smith came, e.g. by car. He left.",
            ["Mr. A. Smith came, e.g. by car.", "He left."],
        ),
        (
            'She said "Stop!" and went. "Why?" he asked.',
            ['She said "Stop!" and went.', '"Why?" he asked.'],
        ),
        ("Press Ctrl+O. sa-chat copies it.", ["Press Ctrl+O.", "sa-chat copies it."]),
        ("It has 128. The next has 3.5 of them.", ["It has 128.", "The next has 3.5 of them."]),
        ("1. First comes this.", ["1. First comes this."]),
        ("No end", ["No end"]),
    ],
)
def test_sentences_end_where_people_end_them(text: str, sentences: list[str]) -> None:
    assert sentences_of(text) == sentences


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The door is open.", True),
        ("“Come in,” she said.", True),
        ("sa-chat reads it.", True),
        ("of the door.", False),
        ("The Door", False),
        ("3.2 Keys", False),
        ("A = 1 + 2 - 3 * 4 / 5.", False),
    ],
)
def test_whole_sentences(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


@given(st.text())
def test_sentences_make_up_their_paragraph(text: str) -> None:
    paragraph = " ".join(text.split())
    assert " ".join(sentences_of(paragraph)) == paragraph


@given(st.lists(st.lists(SENTENCE, min_size=1, max_size=6), min_size=1, max_size=5))
def test_paragraphs_are_found_between_blank_lines_however_lines_end(
    written: list[list[str]],
) -> None:
    paragraphs = [" ".join(sentences) for sentences in written]
    assert paragraphs_of("\n\n".join(paragraphs)) == paragraphs
    assert (
        paragraphs_of("\n  \n".join(f" {p.replace('. ', '.  ')}" for p in paragraphs)) == paragraphs
    )


def test_tables_listings_and_headings_are_no_paragraphs() -> None:
    text = f"""# Title

{PROSE}

| a | b |
|---|---|
| 1 | 2 |

```
for x in y:
    print(x)
```

- {PROSE}
- {PROSE}
"""
    assert paragraphs_of(text) == [PROSE, f"- {PROSE}", f"- {PROSE}"]
