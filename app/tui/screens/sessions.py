"""Earlier conversations: search, continue, rename, export, delete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.widgets.option_list import Option

from sa_chat.protocol.errors import SaChatError

from ...history import History, HistoryError, Info, Saved
from ...report.text import count, one_line, plural
from ...session.recorder import Recorder
from ..widgets.choice_list import ChoiceList
from .prompt import PromptScreen

_NONE_YET = "No conversation is kept yet. A conversation is kept from its first question on."
_NO_HISTORY = "Conversations are not kept: history is turned off, or its folder cannot be used."
_NOT_FOUND = "No conversation has these words."


class SessionsScreen(Screen[Saved | None]):
    """The result is the conversation to continue; None if the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "resume", "Continue", id="sessions.resume"),
        Binding("slash", "search", "Search", key_display="/", id="sessions.search"),
        Binding("r", "rename", "Rename", id="sessions.rename"),
        Binding("e", "export('md')", "Markdown", id="sessions.export-markdown"),
        Binding("J", "export('json')", "JSON", id="sessions.export-json"),
        Binding("d,delete", "delete", "Delete", key_display="d", id="sessions.delete"),
        Binding("escape,f7", "leave", "Back", key_display="Esc", id="sessions.back"),
        Binding("f1", "app.help", "Help", show=False, key_display="F1", id="sessions.help",
                tooltip="the keys at the place where you are, and what each number means"),
    ]  # fmt: skip

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._shown: list[Info] = []
        self._confirming: int | None = None  # a second press deletes this index

    def compose(self) -> ComposeResult:
        yield Static("sessions", classes="page-title", markup=False)
        yield Input(placeholder="Search in questions and answers…", id="sessions-search")
        yield ChoiceList(id="sessions-list", markup=False)
        yield Static(id="sessions-note", classes="page-note", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(ChoiceList).focus()
        self._fill("")

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        self._fill(event.value)

    @on(Input.Submitted)
    def _found(self) -> None:
        if self._shown:
            self.query_one(ChoiceList).focus()

    @on(ChoiceList.OptionHighlighted)
    def _cancel_delete(self, event: ChoiceList.OptionHighlighted) -> None:
        if event.option_index != self._confirming:
            self._confirming = None
            self._note("")

    @on(ChoiceList.OptionSelected)
    def _resume(self, event: ChoiceList.OptionSelected) -> None:
        saved = self._load(self._shown[event.option_index])
        if saved is not None:
            self.dismiss(saved)

    def action_resume(self) -> None:
        self.query_one(ChoiceList).action_select()

    def action_search(self) -> None:
        self.query_one(Input).focus()

    def action_leave(self) -> None:
        """Close the screen; in the search field, clear it and go back to the list."""
        search = self.query_one(Input)
        if search.has_focus:
            search.value = ""
            self.query_one(ChoiceList).focus()
        else:
            self.dismiss(None)

    def action_rename(self) -> None:
        info = self._chosen
        if info is not None:
            self.app.push_screen(PromptScreen("rename", info.name), self._rename)

    def _rename(self, name: str | None) -> None:
        info, history = self._chosen, self._recorder.history
        if name is not None and info is not None and history is not None:
            self._write(lambda: history.rename(info.id, one_line(name)))
            self._fill(self.query_one(Input).value)

    def action_delete(self) -> None:
        """Delete the conversation on the second press in a row."""
        info, history = self._chosen, self._recorder.history
        at = self.query_one(ChoiceList).highlighted
        if info is None or history is None:
            return
        if info.id == self._recorder.session:
            self._note("This conversation is open. Open another one first.")
        elif self._confirming != at:
            self._confirming = at
            self._note(f"Press d again to delete “{one_line(info.name)}”. It cannot be undone.")
        else:
            self._confirming = None
            self._write(lambda: history.delete(info.id))
            self._fill(self.query_one(Input).value)

    def action_export(self, kind: str) -> None:
        """Ask for a path, and write a new file there."""
        info = self._chosen
        saved = self._load(info) if info is not None else None
        if saved is None:
            return
        from ...history.export import file_name, to_json, to_markdown, write_new

        def write(path: str | None) -> None:
            if path is None:
                return
            target = Path(path).expanduser()
            text = to_markdown(saved) if kind == "md" else to_json(saved)
            if self._write(lambda: write_new(target, text)):
                self._note(f"Written to {one_line(str(target.absolute()))}.")

        title = "export as Markdown" if kind == "md" else "export as JSON"
        self.app.push_screen(PromptScreen(title, file_name(saved, f".{kind}")), write)

    @property
    def _chosen(self) -> Info | None:
        at = self.query_one(ChoiceList).highlighted
        return None if at is None or at >= len(self._shown) else self._shown[at]

    def _fill(self, words: str) -> None:
        history = self._recorder.history
        if history is None:
            self._note(_NO_HISTORY)
            return
        choices = self.query_one(ChoiceList)
        at = choices.highlighted or 0
        choices.clear_options()
        try:
            found = _found(history, words)
        except HistoryError as error:
            self._note(f"{error.message} {error.hint}")
            return
        self._shown = [info for info, _ in found]
        choices.add_options(Option(_line(info, snippet)) for info, snippet in found)
        if found:
            choices.highlighted = min(at, len(found) - 1)
            self._note("")
        else:
            self._note(_NOT_FOUND if words.strip() else _NONE_YET)

    def _load(self, info: Info) -> Saved | None:
        history = self._recorder.history
        if history is None:
            return None
        try:
            return history.load(info.id)
        except HistoryError as error:
            self._note(f"{error.message} {error.hint}")
            return None

    def _write(self, write: Callable[[], None]) -> bool:
        """Call `write`; show its error and return False if it fails."""
        try:
            write()
        except SaChatError as error:
            self._note(f"{error.message} {error.hint}")
            return False
        return True

    def _note(self, text: str) -> None:
        self.query_one("#sessions-note", Static).update(Content(text))


def _found(history: History, words: str) -> list[tuple[Info, str]]:
    if words.strip():
        return [(hit.info, hit.snippet) for hit in history.search(words)]
    return [(info, "") for info in history.sessions()]


def _line(info: Info, snippet: str) -> Content:
    """Name, and below it document, turns and day, and the snippet of a search."""
    document = info.document
    head = Content.assemble((one_line(info.name), "bold"))
    day = info.updated.astimezone().strftime("%Y-%m-%d %H:%M")
    tokens = [f"{count(document.tokens)} tokens"] if document.tokens else []
    questions = plural(info.turns, "question")
    facts = " · ".join([one_line(document.title), questions, *tokens, one_line(info.model), day])
    lines = [head, Content.styled(f"  {facts}", "$label")]
    if snippet:
        lines.append(Content.assemble("  ", _marked(snippet)))
    return Content("\n").join(lines)


def _marked(snippet: str) -> Content:
    """A snippet with its matches, which stand between \\x02 and \\x03, highlighted."""
    parts = []
    for at, piece in enumerate(snippet.replace("\x03", "\x02").split("\x02")):
        style = "bold $accent" if at % 2 else "$label"
        blank = " " if piece[:1].isspace() else ""
        end = " " if piece[1:][-1:].isspace() else ""
        parts.append((f"{blank}{one_line(piece)}{end}", style))
    return Content.assemble(*parts)
