"""HTML as a browser shows it, with headings as outline."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import read

from sa_chat.engine.documents.readers import Source
from sa_chat.engine.documents.readers.flow import Flow
from sa_chat.engine.documents.readers.html import HtmlReader
from sa_chat.engine.documents.readers.html.markup import parse_html, write
from sa_chat.protocol.errors import DocumentError


def text_of(page: str) -> str:
    flow = Flow("page.html")
    root = parse_html(page, "page.html")
    if root is not None:
        write(root, flow)
    return flow.finish()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>One\n  two</p>\n<p>three<br>four</p>", "One two\n\nthree\nfour"),
        ("<p>a<b> b</b><i>c </i>d</p>", "a bc d"),
        ("<ul><li>a<li><p>b</p><ol start=3><li>c<li>d</ol></ul>", "- a\n- b\n  3. c\n  4. d"),
        ("<pre>\n a\n   b\n</pre><p>c", " a\n   b\n\nc"),
        ("<p>so<script>x()</script><style>p{}</style> on <img alt='a  cat'><img></p>",
         "so on [image: a cat]"),
        ("<p>co&shy;op&nbsp;1 &lt;x&gt; &eacute;", "coop 1 <x> é"),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字", "漢(かん)字"),
        ("<p>m<sup>2</sup>, 1<sup>st</sup>, so<sup><a href=#n>4</a></sup>", "m^2, 1st, so[4]"),
        ("<p>seen</p><div hidden>unseen</div><nav>menu</nav>", "seen\n\nmenu"),
        ("<!-- a -->b<!-- c -->d", "bd"),
    ],
)  # fmt: skip
def test_the_text_is_what_a_browser_shows(page: str, text: str) -> None:
    assert text_of(page) == text


def test_cells_stand_beside_each_other_and_paragraphs_in_them_do_not_end_the_row() -> None:
    page = (
        "<p>before</p><table><tr><th>a<th>b</tr><tr><td><p>1</p></td><td><p>2</p></td></tr>"
        "<tr><td></td><td>3</td></tr><tr><td><p>x</p><p>y</p></td><td>z</td></tr></table>after"
    )
    assert text_of(page) == "before\n\na | b\n1 | 2\n| 3\nx\n\ny\nz\n\nafter"


def test_headings_are_entries_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<title>The page</title><h2>One <a href='#one'>¶</a></h2><p>a<br>b</p><h3>Two</h3>c"
    )
    parsed = read(path)
    lines = parsed.parts[0].text.split("\n")
    assert parsed.title == "The page"
    assert [(e.title, e.level, lines[e.line - 1]) for e in parsed.outline] == [
        ("One", 1, "One"),
        ("Two", 2, "Two"),
    ]


def test_a_page_is_recognised_without_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_bytes(b'<!DOCTYPE html><meta charset="koi8-r"><p>' + "мир".encode("koi8-r"))
    assert read(path).parts[0].text == "мир"


def test_xhtml_takes_empty_elements_and_entities_without_a_declaration(tmp_path: Path) -> None:
    path = tmp_path / "a.xhtml"
    path.write_text(
        '<!DOCTYPE html PUBLIC "a" "b" [<!ENTITY own "x">]><html xmlns="http://www.w3.org/1999/xhtml"><head>'
        "<title/></head><body><p>a&nbsp;b &eacute; &own;</p><script/><p>c</p></body></html>"
    )
    assert read(path).parts[0].text == "a b é &own;\n\nc"


def test_deep_elements_are_read_to_a_limit() -> None:
    assert text_of("<div>" * 1000 + "x" + "</div>" * 1000 + "y") == "x\ny"
    with pytest.raises(DocumentError, match="nests more than"):
        text_of("<div>" * 5000 + "x")


def test_a_page_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<script>everything()</script>")
    with pytest.raises(DocumentError, match="shows no text"):
        read(path)


@given(st.lists(st.sampled_from(
    ["<p>", "</p>", "<li>", "<ul>", "</ul>", "<td>", "<tr>", "</table>", "<table>", "<pre>",
     "</pre>", "<br>", "<h1>", "</h1>", "<q>", "<sup>", "</a>", "<a id=x>", "one", " ", "two"]
)))  # fmt: skip
def test_every_word_stays_in_order_whatever_the_tags(pieces: list[str]) -> None:
    shown = text_of("".join(pieces))
    words = "".join(c if c.isalpha() else "" for c in shown)
    assert words == "".join(piece for piece in pieces if piece.isalpha())


def test_a_heading_of_blanks_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<h1>\x1f \x0b</h1><h2>Two</h2><p>" + "text " * 200)
    parsed = HtmlReader().read(Source(path, "a.html"))
    assert [entry.title for entry in parsed.outline] == ["Two"]
