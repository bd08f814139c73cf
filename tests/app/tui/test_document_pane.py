"""The document pane in an app of its own, key by key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from sa_chat.app.document import file as document_file
from sa_chat.app.tui.messages import CopyRequested
from sa_chat.app.tui.theme import THEMES
from sa_chat.app.tui.widgets.document_pane import NOT_HERE, DocumentPane
from sa_chat.app.tui.widgets.document_view import DocumentView
from sa_chat.app.tui.widgets.outline_tree import OutlineTree
from sa_chat.app.tui.widgets.search_line import SearchLine
from sa_chat.protocol.events import DocumentReady, DocumentText
from sa_chat.protocol.values import Citation, LeftOut, Section

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
CODE = "".join(f"def f{number}():\n\treturn {number}\n" for number in range(40))
CHAPTERS = (
    "One\nCall me [bold]Ishmael[/bold].\x1b[31m\nSome years ago,",
    "never mind how long\u202e precisely,\n" + "I thought I would sail about a little.\n" * 60,
    "Two\nThe [wheel] of things.\n"
    + "\n".join(f"Row {row} of the last page." for row in range(90)),
)
TEXTS = (
    DocumentText(
        CHAPTERS[0], False, "docs/book.pdf", "1", 1, "T\n=== docs/book.pdf ===\n[page 1]\n"
    ),
    DocumentText(CHAPTERS[1], False, "docs/book.pdf", "2", 1, "\n[page 2]\n"),
    DocumentText(CHAPTERS[2], False, "docs/book.pdf", "3", 1, "[page 3]\n"),
    DocumentText(CODE, True, "src/core.py", None, 1, "\n=== src/core.py ===\n"),
)
DOCUMENT = DocumentReady(
    "T",
    ("docs", "src"),
    (
        Section("A book", "docs/book.pdf", 0, "1", 1, 96_400),
        Section("One: \x1b[31mred", "docs/book.pdf", 1, "1", 1, 52_300),
        Section("Two", "docs/book.pdf", 1, "3", 1, 44_000),
        Section("core.py", "src/core.py", 0, None, 1, 602),
    ),
    (LeftOut("logo.png", "not text"), LeftOut("uv.lock", "a lock file")),
    97_010,
    131_072,
    2_048,
)
PASSAGE = "Some years ago,\nnever mind how long\u202e precisely,"
CITATION = Citation("Some years ago, never mind", "docs/book.pdf", "1", 3, True, PASSAGE)


class PaneApp(App[None]):
    """Nothing but the pane; `got` is what it says."""

    def __init__(self, theme: str = "sa-chat-dark", *, shown: bool = True) -> None:
        super().__init__()
        for known in THEMES.values():
            self.register_theme(known)
        self.theme = theme
        self.got: list[str] = []
        self._begins_shown = shown

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEMES["dark"].variables

    def compose(self) -> ComposeResult:
        pane = DocumentPane(id="pane")
        pane.display = self._begins_shown
        yield pane

    def on_copy_requested(self, message: CopyRequested) -> None:
        self.got.append(message.text)

    def on_document_pane_closed(self) -> None:
        self.got.append("closed")

    @property
    def pane(self) -> DocumentPane:
        return self.query_one(DocumentPane)

    @property
    def view(self) -> DocumentView:
        return self.query_one(DocumentView)

    @property
    def tree(self) -> OutlineTree:
        return self.query_one(OutlineTree)

    @property
    def lines(self) -> list[Strip]:
        return self.screen._compositor.render_strips()

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def status(self) -> str:
        return self.lines[-1].text.strip()

    def marked(self) -> str:
        """What is drawn as marked, without the cell of the cursor."""
        return "\n".join(
            text
            for line in self.lines
            if (
                text := "".join(
                    s.text for s in line if s.style and s.style.reverse and s.style.bold
                )
            )
        )


@asynccontextmanager
async def opened(
    size: tuple[int, int] = (120, 40), theme: str = "sa-chat-dark"
) -> AsyncIterator[tuple[PaneApp, Pilot[None]]]:
    app = PaneApp(theme)
    async with app.run_test(size=size) as pilot:
        app.pane.show_document(DOCUMENT)
        for event in TEXTS:
            app.pane.add_text(event)
        app.pane.focus_text()
        await pilot.pause()
        yield app, pilot


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await pilot.pause()


@SIZES
@pytest.mark.asyncio
async def test_the_text_is_shown_cleaned(size: tuple[int, int]) -> None:
    async with opened(size) as (app, _):
        assert "Call me [bold]Ishmael[/bold]." in app.text
        assert "never mind how long precisely," in app.text
        assert "\x1b" not in app.text
        assert app.status == "docs/book.pdf · page 1 · line 1"
        assert app.tree.display == (size[0] >= 90)
        if app.tree.display:
            assert "97,002" not in app.text
            assert "▸ docs/" in app.text
            assert "left out (2)" in app.text
            ends = {len(line.text[: app.tree.size.width + 2].rstrip()) for line in app.lines[:2]}
            assert len(ends) == 1  # the tokens end in one column


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        ((80, 24), "sa-chat-dark"),
        ((200, 60), "sa-chat-dark"),
        *(((120, 40), theme.name) for theme in THEMES.values()),
        ((120, 40), "ansi-dark"),
    ],
)
@pytest.mark.asyncio
async def test_exactly_the_passage_is_marked(size: tuple[int, int], theme: str) -> None:
    async with opened(size, theme) as (app, pilot):
        assert app.pane.open_at(CITATION)
        await pilot.pause()
        assert app.status == "docs/book.pdf · page 1 · line 3"
        await press(pilot, "down", "down", "down", "down")  # and it stays
        assert app.marked() == "Some years ago,\nnever mind how long precisely,"


@pytest.mark.asyncio
async def test_a_mark_differs_without_colour() -> None:
    async with opened() as (app, pilot):
        app.pane.open_at(CITATION)
        await press(pilot, "down", "down", "down", "down")
        styles = [s.style for line in app.lines for s in line if "Some years ago" in s.text]
        assert len(styles) == 1
        assert styles[0] is not None
        assert styles[0].bold
        assert styles[0].reverse


@SIZES
@pytest.mark.asyncio
async def test_the_passage_stands_at_a_third_of_the_height(size: tuple[int, int]) -> None:
    async with opened(size) as (app, pilot):
        row = "Row 20 of the last page."
        assert app.pane.open_at(Citation(row, "docs/book.pdf", "3", 23, True, row))
        await pilot.pause()
        at = next(y for y, line in enumerate(app.lines) if row in line.text)
        assert at == app.view.size.height // 3


@pytest.mark.parametrize(
    "citation",
    [
        replace(CITATION, passage="Some years ago, never"),
        replace(CITATION, path="other.pdf"),
        Citation("Nobody wrote this.", "", None, 0, False),
        replace(CITATION, verified=False),
    ],
)
@pytest.mark.asyncio
async def test_what_is_not_there_marks_nothing(citation: Citation) -> None:
    async with opened() as (app, pilot):
        assert app.pane.open_at(CITATION)
        assert not app.pane.open_at(citation)
        await pilot.pause()
        assert app.status == NOT_HERE
        assert app.view.marked is None
        assert app.marked() == ""
        await press(pilot, "down")
        assert app.status == "docs/book.pdf · page 2 · line 1"


@pytest.mark.asyncio
async def test_a_pane_that_is_not_shown_draws_nothing_until_it_is() -> None:
    app = PaneApp(shown=False)
    async with app.run_test(size=(120, 40)) as pilot:
        app.pane.show_document(DOCUMENT)
        for event in TEXTS:
            app.pane.add_text(event)
        await pilot.pause()
        assert app.view.leaf is None
        assert not app.tree.root.children
        app.pane.display = True
        assert app.pane.open_at(Citation("x", "src/core.py", None, 31, True, "def f15():"))
        await pilot.pause()
        assert app.status == "src/core.py · line 31"
        at = next(y for y, line in enumerate(app.lines) if "def f15():" in line.text)
        assert at == app.view.size.height // 3
        app.pane.display = False
        app.pane.clear()
        await pilot.pause()
        app.pane.display = True
        await pilot.pause()
        assert "No text is open." in app.text


@pytest.mark.asyncio
async def test_another_document_begins_anew_and_the_same_does_not() -> None:
    async with opened() as (app, pilot):
        await press(pilot, "G")
        app.pane.show_document(DOCUMENT)
        await pilot.pause()
        assert app.status == "src/core.py · line 80"
        for event in TEXTS[3:]:  # told again, as after a document was opened again
            app.pane.add_text(event)
        await pilot.pause()
        assert app.status == "src/core.py · line 1"
        assert "Ishmael" not in app.text
        app.pane.show_document(replace(DOCUMENT))
        await pilot.pause()
        assert "No text is open." in app.text
        assert not app.pane.open_at(CITATION)
        app.got.clear()
        await press(
            pilot, "j", "G", "pagedown", "n", "y", "slash", "x", "enter", "escape", "escape"
        )
        assert app.got == ["closed"]
        app.pane.show_document(None)
        await pilot.pause()
        assert not app.tree.root.children


@pytest.mark.asyncio
async def test_keys_that_go_through_the_text() -> None:
    async with opened() as (app, pilot):

        def cursor() -> tuple[int, int]:
            return app.view.cursor_location

        await press(pilot, "j", "j", "down")
        assert cursor() == (3, 0)
        await press(pilot, "k", "up")
        assert cursor() == (1, 0)
        await press(pilot, "right", "right", "left")
        assert cursor() == (1, 1)
        await press(pilot, "end")
        assert cursor() == (1, len("=== docs/book.pdf ==="))
        await press(pilot, "home", "ctrl+right")
        assert cursor() == (1, 4)
        await press(pilot, "ctrl+left", "home")
        height = app.view.size.height
        await press(pilot, "ctrl+d")
        assert cursor() == (1 + height // 2, 0)
        assert app.view.scroll_offset.y == height // 2
        await press(pilot, "ctrl+u")
        assert cursor() == (1, 0)
        assert app.view.scroll_offset.y == 0
        await press(pilot, "pagedown")
        assert app.view.scroll_offset.y == height
        assert app.status.startswith("docs/book.pdf · page 2")
        await press(pilot, "space", "pageup", "pageup")
        assert app.view.scroll_offset.y == 0
        await press(pilot, "G")
        assert app.status == "src/core.py · line 80"
        assert app.view.leaf is not None
        assert cursor() == (app.view.leaf.rows - 1, 0)
        await press(pilot, "g")
        assert cursor() == (0, 0)
        assert app.status == "docs/book.pdf · page 1 · line 1"


@pytest.mark.parametrize(("on", "back"), [("pagedown", "pageup"), ("ctrl+d", "ctrl+u")])
@pytest.mark.asyncio
async def test_past_the_end_of_a_leaf_comes_the_next(on: str, back: str) -> None:
    async with opened() as (app, pilot):
        seen = []
        for _ in range(20):
            await press(pilot, on)
            assert app.view.leaf is not None
            seen.append(app.view.leaf.path)
        assert seen[0] == "docs/book.pdf"
        assert seen[-1] == "src/core.py"
        assert app.view.cursor_location[0] == app.view.document.line_count - 1
        for _ in range(20):
            await press(pilot, back)
        assert app.view.leaf.path == "docs/book.pdf"
        assert app.view.cursor_location == (0, 0)


@pytest.mark.asyncio
async def test_rows_go_on_in_the_next_leaf_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_file, "LEAF_CHARS", 800)
    async with opened() as (app, pilot):
        assert app.status == "docs/book.pdf · page 1 · line 1 · leaf 1 of 6"
        await press(pilot, "g", "pagedown", "pageup", "pageup")
        leaf = app.view.leaf
        assert leaf is not None
        app.view.move_cursor((leaf.rows - 1, 0))
        await press(pilot, "j")
        assert "leaf 2 of 6" in app.status
        assert app.view.cursor_location == (0, 0)
        await press(pilot, "k")
        assert "leaf 1 of 6" in app.status
        assert app.view.cursor_location == (leaf.rows - 1, 0)


@pytest.mark.asyncio
async def test_code_has_the_numbers_of_its_file() -> None:
    async with opened() as (app, pilot):
        await press(pilot, "G")
        assert "80      return 39" in app.text
        assert "79  def f39():" in app.text
        await press(pilot, "g")
        assert "  1  " not in app.text


@pytest.mark.asyncio
async def test_search_counts_goes_on_and_comes_round() -> None:
    async with opened() as (app, pilot):
        search = app.query_one(SearchLine)
        await press(pilot, "slash", *"return 3")
        assert search.is_open
        assert "11 found" in app.text
        await press(pilot, "enter")
        assert "1 of 11" in app.text
        assert app.status == "src/core.py · line 8"
        await press(pilot, "down", "down", "down", "down")
        assert app.marked() == "return 3"
        await press(pilot, "n", "enter")
        assert "3 of 11" in app.text
        assert app.status == "src/core.py · line 64"
        await press(pilot, "N", "N", "N")
        assert "11 of 11" in app.text
        await press(pilot, "n")
        assert "1 of 11" in app.text
        await press(pilot, "slash", *"return 30", "enter")
        assert "1 of 1" in app.text
        await press(pilot, "slash", *"return 3", "enter")
        assert "2 of 11" in app.text  # where the cursor is, they begin, too
        await press(pilot, "ctrl+f", *"Nobody", "enter")
        assert "not found" in app.text
        assert app.view.marked is None
        assert isinstance(app.focused, Input)
        await press(pilot, "escape")
        assert not search.is_open
        assert app.got == []
        assert app.focused is app.view
        await press(pilot, "escape")
        assert app.got == ["closed"]


@pytest.mark.asyncio
async def test_a_search_runs_over_line_ends_and_pages() -> None:
    async with opened() as (app, pilot):
        await press(pilot, "slash", *"AGO,  never", "enter")
        assert "1 of 1" in app.text
        await press(pilot, "down", "down", "down")
        assert app.marked() == "ago,\nnever"
        await press(pilot, "slash", *"[wheel]", "enter")
        assert app.status == "docs/book.pdf · page 3 · line 2"


@pytest.mark.asyncio
async def test_the_outline_goes_to_chapters_and_files() -> None:
    async with opened() as (app, pilot):
        await press(pilot, "tab")
        assert app.focused is app.tree
        await press(pilot, "right", "right", "right", "down")
        assert "One: red" in app.text
        await press(pilot, "j", "enter")
        assert app.focused is app.view
        assert app.status == "docs/book.pdf · page 3 · line 1"
        assert app.lines[0].text[app.tree.size.width :].split()[-1] == "Two"
        await press(pilot, "tab", "k", "k", "enter")
        assert app.status == "docs/book.pdf · page 1 · line 1"
        assert app.view.cursor_location == (0, 0)
        await press(pilot, "shift+tab")
        assert app.focused is app.tree
        await press(pilot, "left", "left", "end", "enter", "down")
        assert "logo.png: not text" in app.text
        await press(pilot, "enter", "up", "enter")
        assert "logo.png" not in app.text
        await press(pilot, "up", "enter")
        assert "core.py" in app.text
        await press(pilot, "down", "enter")
        assert app.status == "src/core.py · line 1"


@pytest.mark.asyncio
async def test_the_outline_takes_turns_in_a_narrow_pane() -> None:
    async with opened((80, 24)) as (app, pilot):
        await press(pilot, "o")
        assert app.tree.display
        assert app.tree.size.width > 70
        assert not app.view.display
        assert app.focused is app.tree
        await press(pilot, "o")
        assert app.focused is app.view
        await press(pilot, "tab")
        assert app.focused is app.view
        await press(pilot, "o", "right", "down", "enter")
        assert app.view.display
        assert app.focused is app.view
        assert app.pane.open_at(CITATION)
        await press(pilot, "o")
        app.pane.open_at(CITATION)
        await pilot.pause()
        assert app.view.display


@pytest.mark.asyncio
async def test_the_outline_hides_beside_the_text() -> None:
    async with opened() as (app, pilot):
        await press(pilot, "o")
        assert not app.tree.display
        assert app.view.size.width > 110
        await press(pilot, "o")
        assert app.tree.display
        assert app.focused is app.tree
        await pilot.resize_terminal(80, 40)
        await pilot.pause()
        assert app.view.display
        assert app.focused is app.view


@pytest.mark.asyncio
async def test_copying_what_is_selected_or_marked() -> None:
    async with opened() as (app, pilot):
        await press(pilot, "y")
        assert "Nothing is selected" in app.status
        await press(pilot, "j", "j", "j", "shift+end", "y")
        await press(pilot, "home", "j", "shift+right", "shift+right", "shift+left", "ctrl+c")
        await press(
            pilot, "home", "shift+down", "shift+up", "shift+down", "y", "end", "shift+home", "y"
        )
        app.pane.open_at(CITATION)
        await press(pilot, "y")
        assert app.got == [
            "One",
            "C",
            "Call me [bold]Ishmael[/bold].\n",
            "Some years ago,",
            "Some years ago,\nnever mind how long precisely,",
        ]


@pytest.mark.asyncio
async def test_the_reading_place_stays_when_the_width_changes() -> None:
    async with opened((200, 40)) as (app, pilot):
        row = "Row 30 of the last page."
        assert app.pane.open_at(Citation(row, "docs/book.pdf", "3", 33, True, row))
        await pilot.pause()
        top = app.lines[0].text[app.tree.size.width + 3 :].strip()
        for width in (40, 150, 85, 200):
            await pilot.resize_terminal(width, 40)
            await pilot.pause()
            shown = [line.text for line in app.lines]
            assert top in shown[0]
            assert any(row in line for line in shown)


@pytest.mark.asyncio
async def test_a_row_of_any_length_is_drawn_whole() -> None:
    words = [f"w{number}" for number in range(20_000)]
    app = PaneApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.show_document(DOCUMENT)
        app.pane.add_text(DocumentText("\t一二" + " ".join(words), True, "a.txt", None, 1, "T\n"))
        await pilot.pause()
        assert app.lines[1].text.startswith("     一二w0 w1 w2")
        seen = " ".join(line.text for line in app.lines[1:-1]).split()[1:]
        assert seen == words[1 : len(seen) + 1]
        passage = " ".join(words[9_000:9_004])
        assert app.pane.open_at(Citation("", "a.txt", None, 1, True, passage))
        app.view.focus()
        await press(pilot, "down", "down")
        assert app.marked().split() == passage.split()


def test_every_key_can_be_bound_anew() -> None:
    for widget in (DocumentPane, DocumentView, OutlineTree):
        for binding in widget.BINDINGS:
            assert isinstance(binding, Binding)
            assert binding.id
            assert binding.description
