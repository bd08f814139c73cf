"""The conversation: the document, then questions, answers and failures in their order.

Only the end of a long conversation is mounted; earlier turns are mounted when they are scrolled to.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ...report.text import plural
from ...session.state import ChatState, Notice, Phase, Turn
from .document_card import DocumentCard
from .notice import NoticeView
from .turn import TurnView

_INVITATION = "Ask anything about it. Every quotation is looked up in the document."
_INVITATION_EARLY = "You can ask already: questions wait until the document is read."
_SHOWN = 10  # entries that are mounted at first
_MORE = 4  # entries that are added when an end is scrolled to
_MOST = 20  # with more, laying out each new line of an answer would take noticeable time

View = TurnView | NoticeView


class Conversation(VerticalScroll, can_focus=True):
    """Follows the newest text until the user scrolls up, and again once the end is reached."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="conversation.down"),
        Binding("k", "scroll_up", "Up", show=False, id="conversation.up"),
        Binding("ctrl+d", "page_down", "Page down", show=False, id="conversation.page-down"),
        Binding("ctrl+u", "page_up", "Page up", show=False, id="conversation.page-up"),
        Binding("g,home", "first", "First", show=False, id="conversation.first"),
        Binding("G,end", "follow", "Newest", show=False, id="conversation.newest"),
        Binding("i", "screen.focus_question", "Ask", show=False, id="conversation.ask",
                tooltip="back to the question box"),
        Binding("y", "screen.copy_answer", "Copy", show=False, id="conversation.copy",
                tooltip="copy the last answer"),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._views: dict[object, View] = {}  # in the order on the screen
        self._first = 0  # index of the first entry that has a view
        self._last: int | None = None  # end of the entries that have one; None: all later have
        self._state = ChatState()
        self._moving = False  # the mounted part of the conversation is being changed

    def compose(self) -> ComposeResult:
        with Vertical(id="entries"):
            yield DocumentCard(id="document")
            yield Static(id="invitation", markup=False)
            yield Static(id="earlier", markup=False)
            yield Static(id="later", markup=False)

    def on_mount(self) -> None:
        self.anchor()
        self.watch(self, "scroll_y", self._scrolled, init=False)

    async def follow(self) -> None:
        """Scroll to the end, and follow it."""
        entries = len(self._state.entries)
        if self._last is not None or entries - self._first > _SHOWN:
            await self._mount_part(entries - _SHOWN, None)
        self.scroll_end(animate=False)
        self.anchor()

    async def action_follow(self) -> None:
        await self.follow()

    async def action_first(self) -> None:
        if self._first:
            await self._mount_part(0, _SHOWN)
        self.scroll_home(animate=False)

    async def show(self, state: ChatState) -> None:
        """Mount new entries, remove old ones, and update the view of each entry."""
        self._state = state
        self.query_one(DocumentCard).show(state.document)
        invitation = self.query_one("#invitation", Static)
        invitation.display = state.document is not None and not state.entries
        early = state.phase is not Phase.READY
        invitation.update(Content(_INVITATION_EARLY if early else _INVITATION))
        self._select_part(len(state.entries))
        await self._mount_entries(state.entries[self._first : self._last])
        several_files = state.document is not None and len(_files(state)) > 1
        wait_s, in_hand = state.wait_s, state.writing
        for entry in state.entries[self._first : self._last]:
            view = self._views[_key(entry)]
            if isinstance(view, TurnView) and isinstance(entry, Turn):
                await view.show(
                    entry,
                    in_hand=entry is in_hand,
                    several_files=several_files,
                    wait_s=wait_s,
                )

    def _select_part(self, entries: int) -> None:
        """Select the end of a conversation that was opened, or has become too long."""
        many = _MOST if self._views and self._last is None else _SHOWN
        too_many = entries - self._first > many and self._last is None
        if self._first > entries or (too_many and (self.is_vertical_scroll_end or not self._views)):
            self._first, self._last = max(entries - _SHOWN, 0), None

    async def _mount_entries(self, entries: tuple[Turn | Notice, ...]) -> None:
        wanted = {_key(entry): entry for entry in entries}
        for key in [key for key in self._views if key not in wanted]:
            await self._views.pop(key).remove()
        old = next((n for n, key in enumerate(wanted) if key in self._views), 0)
        new = {key: _view(entry) for key, entry in wanted.items() if key not in self._views}
        box = self.query_one("#entries")
        above = [new[key] for key in list(wanted)[:old]]
        below = [view for view in new.values() if view not in above]
        if above:
            await box.mount_all(above, after=self.query_one("#earlier"))
        if below:
            await box.mount_all(below, before=self.query_one("#later"))
        self._views = {key: self._views.get(key) or new[key] for key in wanted}
        self._show_hidden_counts()

    def _show_hidden_counts(self) -> None:
        later = 0 if self._last is None else len(self._state.entries) - self._last
        for name, mark, number in (("earlier", "▲", self._first), ("later", "▼", later)):
            line = self.query_one(f"#{name}", Static)
            line.display = number > 0
            text = f"{mark} {plural(number, f'{name} entry', f'{name} entries')}"
            line.update(Content.styled(text, "$faint"))

    async def _scrolled(self) -> None:
        if self._moving or self.max_scroll_y <= 0:
            return
        if self.scroll_y <= 0 and self._first:
            await self._mount_earlier()
        elif self._last is not None and self.is_vertical_scroll_end:
            await self._mount_later(self._last)

    async def _mount_earlier(self) -> None:
        """Mount more entries above, and remove those far below."""
        height, at = self.virtual_size.height, self.scroll_y
        first, last = max(self._first - _MORE, 0), self._last
        await self._mount_part(first, last)
        self.call_after_refresh(self._keep_place, height, at)
        if (last or len(self._state.entries)) - first > _MOST:
            self.call_after_refresh(self._mount_part, first, first + _MOST)

    async def _mount_later(self, last: int) -> None:
        """Mount more entries below; those far above are removed once the end is reached."""
        last += _MORE
        whole = last >= len(self._state.entries)
        await self._mount_part(self._first, None if whole else last)

    async def _mount_part(self, first: int, last: int | None) -> None:
        self._moving = True
        try:
            self._first, self._last = max(first, 0), last
            await self.show(self._state)
        finally:
            self._moving = False

    def _keep_place(self, height: int, at: float) -> None:
        """Keep the visible lines in place after entries were mounted above them."""
        self.scroll_to(y=at + self.virtual_size.height - height, animate=False, immediate=True)


def _key(entry: Turn | Notice) -> object:
    return entry.request_id if isinstance(entry, Turn) else id(entry)


def _view(entry: Turn | Notice) -> View:
    return NoticeView(entry) if isinstance(entry, Notice) else TurnView(entry)


def _files(state: ChatState) -> set[str]:
    document = state.document
    return {section.path for section in document.sections} if document else set()
