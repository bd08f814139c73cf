"""The document as the model read it: its outline, its text, and a search through all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.message import Message
from textual.widgets import Input, TextArea

from sa_chat.protocol.events import Citation, DocumentReady, DocumentText

from ...document.text import BookText, Position, Span
from .document_status import DocumentStatus
from .document_view import DocumentView, Way
from .outline_tree import OutlineTree
from .search_line import SearchLine

NOT_HERE = "This passage is not in the text that is open."
_NO_TEXT = "No text is open. It comes with a document, once that is counted."
_NOTHING_SELECTED = "Nothing is selected: Shift and the arrow keys select."
_NARROW_CELLS = 90
_START = Position(0, 0, 0)


class DocumentPane(Vertical):
    """Holds text as it comes, and draws it only when it is shown."""

    DEFAULT_CSS = """
    DocumentPane {
        background: $background;
        color: $foreground;
        & #document-body { height: 1fr; }
        & OutlineTree { width: 32%; max-width: 56; padding: 0 1; border-right: solid $rule; }
        &.-outline OutlineTree, &.-narrow OutlineTree { display: none; }
        &.-narrow.-outline OutlineTree {
            display: block; width: 1fr; max-width: 100%; border-right: none;
        }
        &.-narrow.-outline DocumentView { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash,ctrl+f", "search", "Search", key_display="/", id="document.search"),
        Binding("n,enter", "next(1)", "Next", show=False, id="document.search_next"),
        Binding("N", "next(-1)", "Previous", show=False, id="document.search_previous"),
        Binding("o", "outline", "Outline", id="document.outline"),
        Binding("tab,shift+tab", "swap", "Outline/text", show=False, id="document.swap"),
        Binding("escape", "close", "Close", key_display="Esc", id="document.close"),
    ]

    class Closed(Message):
        """The user has done with the pane."""

    @dataclass
    class Copied(Message):
        """Put this into the clipboard."""

        text: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._document: DocumentReady | None = None
        self._book = BookText()
        self._in_sight = False
        self._outline_drawn = self._text_drawn = True
        self._leaf = 0
        self._span: Span | None = None  # what is marked
        self._found: tuple[str, Position] | None = None  # words and where they were found last
        self._said = ""  # in the status line, until the cursor is elsewhere than here:
        self._said_at = _START

    def compose(self) -> ComposeResult:
        with Horizontal(id="document-body"):
            yield OutlineTree(id="document-outline")
            yield DocumentView(_NO_TEXT, id="document-text")
        yield SearchLine(id="document-search")
        yield DocumentStatus(id="document-status")

    def on_mount(self) -> None:
        self.watch(self._view, "scroll_y", self._show_place, init=False)

    @property
    def _view(self) -> DocumentView:
        return self.query_one(DocumentView)

    def show_document(self, document: DocumentReady | None) -> None:
        """Another document than before begins without text; the same one changes nothing."""
        if document is self._document:
            return
        self._document, self._book = document, BookText()
        self._changed(outline=True)

    def add_text(self, event: DocumentText) -> None:
        """Collected; shown when it is complete."""
        if self._book.complete:
            self._book = BookText()
        self._book.add(event)
        if event.last:
            self._changed()

    def clear(self) -> None:
        """Forget document, text and search."""
        self._document, self._book = None, BookText()
        self.query_one(SearchLine).forget()
        self._changed(outline=True)

    def _changed(self, *, outline: bool = False) -> None:
        self._span, self._found, self._said, self._leaf = None, None, "", 0
        self._text_drawn = False
        if outline:
            self._outline_drawn = False
        if self._in_sight:
            self._draw()

    def on_show(self) -> None:
        self._in_sight = True
        self._draw()

    def on_hide(self) -> None:
        self._in_sight = False

    def _draw(self) -> None:
        if not self._outline_drawn:
            self._outline_drawn = True
            self.query_one(OutlineTree).show(self._document)
        if not self._text_drawn:
            self._text_drawn = True
            self._open_leaf(0)
            self._show_place()

    def on_resize(self, event: Resize) -> None:
        narrow = event.size.width < _NARROW_CELLS
        if narrow != self.has_class("-narrow"):
            self.set_class(narrow, "-narrow")
            self.remove_class("-outline")
            if narrow and self.query_one(OutlineTree).has_focus:
                self._view.focus()

    def focus_text(self) -> None:
        self._uncover_text()
        self._view.focus()

    def _uncover_text(self) -> None:
        """Where the outline stands in its place."""
        if self.has_class("-narrow"):
            self.remove_class("-outline")

    def open_at(self, citation: Citation) -> bool:
        """Go to the passage of a citation and mark it; False, and nothing is marked, if the
        text does not have it."""
        self._draw()
        self._uncover_text()
        passage = citation.passage if citation.verified else ""
        span = self._book.locate(citation.path, citation.page, citation.line, passage)
        if span is None:
            self._mark(None)
            self._say(NOT_HERE)
        else:
            self._go(span)
        return span is not None

    def _go(self, span: Span) -> None:
        """Mark it, and show where it begins."""
        self._open_leaf(span.begin.leaf)
        self._mark(span)
        self._view.go_to((span.begin.row, span.begin.column))
        self._say("")

    def _mark(self, span: Span | None) -> None:
        self._span = span
        leaf = self._view.leaf
        self._view.mark(span.within(self._leaf, leaf) if span and leaf else None)

    def _open_leaf(self, index: int) -> None:
        leaves = self._book.leaves
        leaf = leaves[index] if leaves else None
        self._leaf = index
        if leaf is not self._view.leaf:
            ways = {Way.NEXT: index + 1 < len(leaves), Way.PREVIOUS: index > 0}
            self._view.show_leaf(leaf, frozenset(way for way, there in ways.items() if there))
            self._mark(self._span)

    @on(DocumentView.Leave)
    def _turn(self, event: DocumentView.Leave) -> None:
        event.stop()
        last = len(self._book.leaves) - 1
        if last < 0:
            return
        to = {Way.FIRST: 0, Way.LAST: last, Way.NEXT: self._leaf + 1, Way.PREVIOUS: self._leaf - 1}
        self._open_leaf(min(max(to[event.way], 0), last))
        if event.way in (Way.LAST, Way.PREVIOUS):
            leaf = self._book.leaves[self._leaf]
            self._view.go_to((leaf.rows - 1, 0))
        else:
            self._view.go_to((0, 0))
        self._say("")

    @on(OutlineTree.Chosen)
    def _go_to_section(self, event: OutlineTree.Chosen) -> None:
        event.stop()
        span = self._book.of_section(event.section)
        if span is None:
            self._say("The text of this is not open.")
            return
        self._open_leaf(span.begin.leaf)
        self._mark(None)
        self.focus_text()
        self._view.go_to((span.begin.row, 0), top=True)
        self._say("")

    @on(TextArea.SelectionChanged)
    def _moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self._show_place()

    @on(TextArea.Changed)
    def _loaded(self, event: TextArea.Changed) -> None:
        event.stop()

    @property
    def _cursor(self) -> Position:
        return Position(self._leaf, *self._view.cursor_location)

    def _say(self, words: str) -> None:
        self._said, self._said_at = words, self._cursor
        self._show_place()

    def _show_place(self) -> None:
        status = self.query_one(DocumentStatus)
        if self._said and self._said_at == self._cursor:
            status.say(self._said)
        else:
            status.show(self._view.leaf, self._view.reading_row)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without an outline beside the text, Tab goes on to what is beside the pane."""
        return action != "swap" or self.query_one(OutlineTree).display

    def action_search(self) -> None:
        self.query_one(SearchLine).open()

    @on(Input.Changed)
    def _count(self, event: Input.Changed) -> None:
        event.stop()
        line = self.query_one(SearchLine)
        line.found(self._book.count(line.words))

    @on(Input.Submitted)
    def _search(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_next(1)

    def action_next(self, direction: int) -> None:
        """To the next place that has the words, from the cursor on."""
        line = self.query_one(SearchLine)
        if not line.words.strip() or not self._book.leaves:
            return
        here = self._found != (line.words, self._cursor)
        hit = self._book.search(line.words, self._cursor, direction, here=here)
        if hit is None:
            self._mark(None)
            line.found(0)
            return
        self._go(hit.span)
        self._found = line.words, hit.span.begin
        line.found(hit.of, hit.number)
        self.focus_text()

    def action_outline(self) -> None:
        """Show the outline in place of the text where both do not fit; else hide it."""
        self.toggle_class("-outline")
        tree = self.query_one(OutlineTree)
        shown = self.has_class("-outline") == self.has_class("-narrow")
        (tree if shown else self._view).focus()

    def action_swap(self) -> None:
        tree = self.query_one(OutlineTree)
        if self._view.has_focus:
            tree.focus()
        else:
            self.focus_text()

    def action_close(self) -> None:
        """First the search, then the pane."""
        search = self.query_one(SearchLine)
        if search.is_open:
            search.close()
            self.focus_text()
        else:
            self.post_message(self.Closed())

    @on(DocumentView.CopyAsked)
    def _copy(self, event: DocumentView.CopyAsked) -> None:
        event.stop()
        if event.text:
            self.post_message(self.Copied(event.text))
        else:
            self._say(_NOTHING_SELECTED)
