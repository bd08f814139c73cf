"""Which leaf of the document a view shows, and which passage is marked in it."""

from __future__ import annotations

from ...document.text import Position, Span, TextIndex
from .document_view import Direction, DocumentView


class TextNavigator:
    """Moves a `DocumentView` through the leaves of a `TextIndex`."""

    def __init__(self, view: DocumentView) -> None:
        self._view = view
        self._text = TextIndex()
        self._leaf = 0
        self._mark: Span | None = None

    @property
    def cursor(self) -> Position:
        return Position(self._leaf, *self._view.cursor_location)

    def load(self, text: TextIndex) -> None:
        """Show the first leaf of a text, without a mark."""
        self._text, self._mark = text, None
        self._open(0)

    def go_to(self, span: Span, *, mark: bool = True) -> None:
        """Show where the span begins: marked at a third of the height, or unmarked at the top."""
        self._open(span.begin.leaf)
        self.mark(span if mark else None)
        column = span.begin.column if mark else 0
        self._view.go_to((span.begin.row, column), top=not mark)

    def mark(self, span: Span | None) -> None:
        """Mark what this leaf shows of a span, or with None remove the mark."""
        self._mark = span
        leaf = self._view.leaf
        self._view.mark(span.within(self._leaf, leaf) if span and leaf else None)

    def turn(self, direction: Direction) -> None:
        """Show another leaf: from its first row, or, going backwards, from its last."""
        last = len(self._text.leaves) - 1
        if last < 0:
            return
        targets = {
            Direction.FIRST: 0,
            Direction.LAST: last,
            Direction.NEXT: self._leaf + 1,
            Direction.PREVIOUS: self._leaf - 1,
        }
        self._open(min(max(targets[direction], 0), last))
        if direction in (Direction.LAST, Direction.PREVIOUS):
            self._view.go_to((self._text.leaves[self._leaf].rows - 1, 0))
        else:
            self._view.go_to((0, 0))

    def _open(self, index: int) -> None:
        leaves = self._text.leaves
        leaf = leaves[index] if leaves else None
        self._leaf = index
        if leaf is not self._view.leaf:
            there = {Direction.NEXT: index + 1 < len(leaves), Direction.PREVIOUS: index > 0}
            neighbours = frozenset(direction for direction, exists in there.items() if exists)
            self._view.show_leaf(leaf, neighbours)
            self.mark(self._mark)
