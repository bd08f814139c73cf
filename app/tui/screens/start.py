"""The first screen without a document: a path, recent documents, the demonstration."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.suggester import Suggester
from textual.widgets import Footer, Input, Static
from textual.widgets.option_list import Option

from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import SaChatError

from ...history import Document, HistoryError, Saved
from ...report.text import count, one_line, plural
from ...session.recorder import Recorder
from ..widgets.choice_list import ChoiceList

_MOST_NAMES = 5_000  # names of a folder that a completion considers
_DEMO = "The demonstration"
_DEMO_WHAT = "the handbook and the source code of the engine's core, some 55 thousand tokens"
_HANDBOOK = "The handbook"
_HANDBOOK_WHAT = "the quicker look, some 38 thousand tokens"


class StartScreen(Screen[OpenOptions | Saved | None]):
    """The result is what to open, or None if the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "app.help", "Help", key_display="F1", priority=True, id="help",
                tooltip="the keys at the place where you are, and what each number means"),
        Binding("f2", "app.next_theme", "Theme", key_display="F2", show=False, priority=True,
                id="theme", tooltip="dark, light or high contrast"),
        Binding("f7", "sessions", "Sessions", key_display="F7", priority=True, id="sessions",
                tooltip="earlier conversations: search, continue, rename, export, delete"),
        Binding("slash", "path", "Path", key_display="/", id="start.path",
                tooltip="type a path"),
        Binding("delete", "forget", "Forget", id="start.forget",
                tooltip="take a document off this list"),
        Binding("escape", "leave", "Leave", id="start.leave"),
    ]  # fmt: skip

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._recent: list[Document] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="start"):
            yield Static("sa-chat", id="start-brand", markup=False)
            yield Static("Ask a whole book, PDF or codebase.", id="start-what", markup=False)
            yield PathInput(id="start-path")
            yield Static(id="start-note", markup=False)
            yield ChoiceList(id="start-list", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(PathInput).focus()
        self._fill()

    def _fill(self) -> None:
        choices = self.query_one(ChoiceList)
        choices.clear_options()
        self._recent = self._recent_documents()
        choices.add_options([
            *(Option(_document(document)) for document in self._recent),
            Option(_choice(_DEMO, _DEMO_WHAT)),
            Option(_choice(_HANDBOOK, _HANDBOOK_WHAT)),
        ])  # fmt: skip
        choices.highlighted = 0

    def _recent_documents(self) -> list[Document]:
        history = self._recorder.history
        if history is None:
            return []
        try:
            return history.recent_documents()
        except HistoryError as error:
            self._note(f"{error.message} {error.hint}")
            return []

    @on(Input.Changed)
    def _calm(self) -> None:
        self._note("")

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        path = Path(event.value.strip()).expanduser()
        if not event.value.strip():
            self.query_one(ChoiceList).focus()
        elif not path.exists():
            self._note(f"There is no {one_line(str(path))}. Tab completes a name.")
        else:
            self.dismiss(OpenOptions((str(path),)))

    @on(ChoiceList.OptionSelected)
    def _chosen(self, event: ChoiceList.OptionSelected) -> None:
        at = event.option_index - len(self._recent)
        if at < 0:
            self.dismiss(self._recent[event.option_index].options)
            return
        from ...document.demo import SOURCE_FILES, demo_paths

        try:
            paths = demo_paths()
        except SaChatError as error:
            self._note(f"{error.message} {error.hint}")
            return
        self.dismiss(OpenOptions(paths[:1]) if at else OpenOptions(paths, include=SOURCE_FILES))

    def action_sessions(self) -> None:
        from .sessions import SessionsScreen

        self.app.push_screen(SessionsScreen(self._recorder), self._go_on)

    def _go_on(self, saved: Saved | None) -> None:
        if saved is not None:
            self.dismiss(saved)

    def action_path(self) -> None:
        self.query_one(PathInput).focus()

    def action_forget(self) -> None:
        at, history = self.query_one(ChoiceList).highlighted, self._recorder.history
        if at is None or at >= len(self._recent) or history is None:
            return
        try:
            history.forget_document(self._recent[at].options)
        except HistoryError as error:
            self._note(f"{error.message} {error.hint}")
        self._fill()

    def action_leave(self) -> None:
        """Close the screen; without a document that ends the program."""
        self.dismiss(None)

    def _note(self, text: str) -> None:
        self.query_one("#start-note", Static).update(Content.styled(text, "$warning"))


class PathInput(Input):
    """A path input with a suggested completion, which Tab accepts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", id="start.complete",
                tooltip="complete the path; with nothing to complete, go on"),
        Binding("down", "app.focus_next", "List", show=False, id="start.list",
                tooltip="to the list of documents"),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            placeholder="Path of a book, a PDF or a folder…", suggester=PathSuggester(), id=id
        )

    def action_complete(self) -> None:
        if self._suggestion and self._suggestion != self.value:
            self.action_cursor_right()
        elif not self.value:
            self.screen.focus_next()


class PathSuggester(Suggester):
    """Suggests completions of the last name of a path."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The completed path, or None if there is none."""
        return completed(value)


def completed(value: str) -> str | None:
    """The path with its last name completed: the common prefix of all candidates if that is
    longer than what was typed, else the first candidate; None if there are none, or if several
    names of a folder are left and none of it is typed."""
    if not value or "\0" in value:
        return None
    head, _, start = value.rpartition("/")
    folder = Path(head + "/" if "/" in value else ".").expanduser()
    names = []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_MOST_NAMES), entries, strict=False):
                if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
                    names.append(entry.name + ("/" if entry.is_dir() else ""))
    except OSError:
        return None  # no such folder, or none of ours: nothing to complete
    if not names or (value.endswith("/") and len(names) > 1):
        return None
    common = os.path.commonprefix(names)  # noqa: RUF071 - letters, not folders
    name = common if len(common) > len(start) else min(names)
    return value[: len(value) - len(start)] + name


def _document(document: Document) -> Content:
    options = document.options
    day = document.opened.astimezone()
    when = day.strftime("%H:%M" if day.date() == datetime.now().date() else "%Y-%m-%d")
    more = [f"pages {one_line(options.pages)}"] if options.pages else []
    more += [f"{plural(len(options.drop), 'part')} out"] if options.drop else []
    what = " · ".join([f"{count(document.tokens)} tokens", *more, when])
    where = ", ".join(one_line(path) for path in options.paths)
    return Content.assemble((one_line(document.title), "bold"), (f"  {what}\n  {where}", "$label"))


def _choice(name: str, what: str) -> Content:
    return Content.assemble((name, "bold"), (f"\n  {what}", "$label"))
