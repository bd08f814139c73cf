"""The document as the model reads it: its outline, its text, and a search through all of it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.message import Message
from textual.widgets import Input, TextArea

from sa_chat.protocol.events import DocumentReady, DocumentText
from sa_chat.protocol.values import Citation

from ...document.text import Position, TextIndex
from .document_status import DocumentStatus
from .document_view import DocumentView
from .outline_tree import OutlineTree
from .search_line import SearchLine
from .text_navigator import TextNavigator

NOT_HERE = "This passage is not in the text that is open."
_NO_TEXT = "No text is open. It comes with a document, once that is counted."
_NOTHING_SELECTED = "Nothing is selected: Shift and the arrow keys select."
_NARROW_CELLS = 90
_START = Position(0, 0, 0)


class DocumentPane(Vertical):
    """Collects the text as it arrives; draws it only while the pane is shown."""

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
        """The user closed the pane."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._document: DocumentReady | None = None
        self._text = TextIndex()
        self._incoming = TextIndex()
        self._view = DocumentView(_NO_TEXT, id="document-text")
        self._navigator = TextNavigator(self._view)
        self._visible = False
        self._outline_drawn = self._text_drawn = True
        self._found: tuple[str, Position] | None = None  # words, and where they were found last
        self._notice = ""  # in the status line, until the cursor leaves this position:
        self._noticed_at = _START

    def compose(self) -> ComposeResult:
        with Horizontal(id="document-body"):
            yield OutlineTree(id="document-outline")
            yield self._view
        yield SearchLine(id="document-search")
        yield DocumentStatus(id="document-status")

    def on_mount(self) -> None:
        self.watch(self._view, "scroll_y", self._show_status, init=False)

    def show_document(self, document: DocumentReady | None) -> None:
        """Show a document, without text at first; the one that is shown already stays as it is."""
        if document is self._document:
            return
        self._document = document
        self._text, self._incoming = TextIndex(), TextIndex()
        self._changed(outline=True)

    def add_text(self, event: DocumentText) -> None:
        """Collect a stretch of text; the text is shown once it is complete."""
        self._incoming.add(event)
        if self._incoming.complete:
            self._text, self._incoming = self._incoming, TextIndex()
            self._changed()

    def clear(self) -> None:
        """Remove the document, its text and the words of the search."""
        self.query_one(SearchLine).clear()
        self.show_document(None)

    def _changed(self, *, outline: bool = False) -> None:
        self._found, self._notice = None, ""
        self._text_drawn = False
        if outline:
            self._outline_drawn = False
        if self._visible:
            self._draw()

    def on_show(self) -> None:
        self._visible = True
        self._draw()

    def on_hide(self) -> None:
        self._visible = False

    def _draw(self) -> None:
        if not self._outline_drawn:
            self._outline_drawn = True
            self.query_one(OutlineTree).show(self._document)
        if not self._text_drawn:
            self._text_drawn = True
            self._navigator.load(self._text)
            self._show_status()

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
        """In a narrow pane the outline stands in place of the text."""
        if self.has_class("-narrow"):
            self.remove_class("-outline")

    def open_at(self, citation: Citation) -> bool:
        """Go to the passage of a citation and mark it.

        Returns False, and marks nothing, if the text does not have the passage.
        """
        self._draw()
        self._uncover_text()
        passage = citation.passage if citation.verified else ""
        span = self._text.locate(citation.path, citation.page, citation.line, passage)
        if span is None:
            self._navigator.mark(None)
            self._show_notice(NOT_HERE)
        else:
            self._navigator.go_to(span)
            self._show_notice("")
        return span is not None

    @on(DocumentView.TurnRequested)
    def _turn(self, event: DocumentView.TurnRequested) -> None:
        event.stop()
        self._navigator.turn(event.direction)
        self._show_notice("")

    @on(OutlineTree.SectionChosen)
    def _go_to_section(self, event: OutlineTree.SectionChosen) -> None:
        event.stop()
        span = self._text.locate_section(event.section)
        if span is None:
            self._show_notice("The text of this is not open.")
            return
        self.focus_text()
        self._navigator.go_to(span, mark=False)
        self._show_notice("")

    @on(TextArea.SelectionChanged)
    def _moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self._show_status()

    @on(TextArea.Changed)
    def _loaded(self, event: TextArea.Changed) -> None:
        event.stop()

    def _show_notice(self, text: str) -> None:
        self._notice, self._noticed_at = text, self._navigator.cursor
        self._show_status()

    def _show_status(self) -> None:
        status = self.query_one(DocumentStatus)
        if self._notice and self._noticed_at == self._navigator.cursor:
            status.show_text(self._notice)
        else:
            status.show_place(self._view.leaf, self._view.reading_row)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without an outline beside the text, Tab moves the focus out of the pane."""
        return action != "swap" or self.query_one(OutlineTree).display

    def action_search(self) -> None:
        self.query_one(SearchLine).open()

    @on(Input.Changed)
    def _count(self, event: Input.Changed) -> None:
        event.stop()
        line = self.query_one(SearchLine)
        line.show_count(self._text.count(line.words))

    @on(Input.Submitted)
    def _search(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_next(1)

    def action_next(self, direction: int) -> None:
        """Go to the next match after the cursor, or with -1 to the one before it."""
        line = self.query_one(SearchLine)
        if not line.words.strip() or not self._text.leaves:
            return
        cursor = self._navigator.cursor
        here = self._found != (line.words, cursor)
        hit = self._text.search(line.words, cursor, direction, here=here)
        if hit is None:
            self._navigator.mark(None)
            line.show_count(0)
            return
        self._navigator.go_to(hit.span)
        self._show_notice("")
        self._found = line.words, hit.span.begin
        line.show_count(hit.total, hit.number)
        self.focus_text()

    def action_outline(self) -> None:
        """Show the outline in place of the text where both do not fit; else hide it."""
        self.toggle_class("-outline")
        tree = self.query_one(OutlineTree)
        shown = self.has_class("-outline") == self.has_class("-narrow")
        (tree if shown else self._view).focus()

    def action_swap(self) -> None:
        if self._view.has_focus:
            self.query_one(OutlineTree).focus()
        else:
            self.focus_text()

    def action_close(self) -> None:
        """Close the search if it is open, else the pane."""
        search = self.query_one(SearchLine)
        if search.is_open:
            search.close()
            self.focus_text()
        else:
            self.post_message(self.Closed())

    @on(DocumentView.NothingSelected)
    def _explain_selection(self, event: DocumentView.NothingSelected) -> None:
        event.stop()
        self._show_notice(_NOTHING_SELECTED)
