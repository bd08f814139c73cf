"""The keys of the main screen, and when each of them has an effect.

The ids of the bindings are what the settings bind to other keys.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.binding import Binding, BindingType

from ...session.session import Session
from ...session.state import Phase

MAIN_KEYS: list[BindingType] = [
    Binding("f1", "app.help", "Help", key_display="F1", priority=True, id="help",
            tooltip="the keys at the place where you are, and what each number means"),
    Binding("escape", "stop", "Stop", priority=True, id="stop",
            tooltip="stop the answer being written, or else the reading; what came stays"),
    Binding("ctrl+o", "copy_answer", "Copy answer", priority=True, id="copy-answer",
            tooltip="copy the last answer to the clipboard"),
    Binding("ctrl+b", "copy", "Copy a part", show=False, priority=True, id="copy",
            tooltip="copy a quotation or a block of code"),
    Binding("ctrl+g", "ask_again", "Ask again", show=False, priority=True, id="ask-again",
            tooltip="ask the last question again, in the place of its answer"),
    Binding("ctrl+l", "edit_last", "Edit", show=False, priority=True, id="edit-last",
            tooltip="edit the last question and ask again; Up in an empty box does the same"),
    Binding("ctrl+t", "citations", "Quotations", show=False, priority=True, id="citations",
            tooltip="go to the quotations of the last answer; Enter shows one's place"),
    Binding("ctrl+r", "read_again", "Read again", priority=True, id="read-again",
            tooltip="read the document again; restart the engine if it has ended"),
    Binding("f2", "app.next_theme", "Theme", key_display="F2", show=False, priority=True,
            id="theme", tooltip="dark, light or high contrast"),
    Binding("f3", "figures", "Figures", key_display="F3", priority=True, id="figures",
            tooltip="hide or show the panel"),
    Binding("f4", "choose_parts", "Parts", key_display="F4", priority=True, id="parts",
            tooltip="what is read, with its tokens, and everything that is left out"),
    Binding("f5", "document", "Document", key_display="F5", priority=True, id="document",
            tooltip="the text as the model read it, with its outline and a search"),
    Binding("f6", "compare", "Dense/sparse", key_display="F6", priority=True, id="compare",
            tooltip="ask the last question again in the other attention mode, and compare; "
            "the cost is shown first"),
    Binding("f7", "app.sessions", "Sessions", key_display="F7", priority=True, id="sessions",
            tooltip="earlier conversations: search, continue, rename, export, delete"),
    Binding("f8", "app.model", "Model", key_display="F8", show=False, priority=True,
            id="model", tooltip="another model reads the document"),
    Binding("f9", "app.open", "Open", key_display="F9", show=False, priority=True, id="open",
            tooltip="open another document"),
    Binding("pageup", "scroll_conversation(-1)", "Scroll up", show=False, priority=True,
            id="scroll-up", tooltip="scroll the conversation"),
    Binding("pagedown", "scroll_conversation(1)", "Scroll down", show=False, priority=True,
            id="scroll-down", tooltip="scroll the conversation"),
    Binding("ctrl+end", "follow", "Newest", show=False, priority=True, id="newest",
            tooltip="return to the newest text, and follow it"),
]  # fmt: skip


def _can_read_again(session: Session) -> bool:
    return session.state.phase in (Phase.PAUSED, Phase.FAILED, Phase.DEAD)


def _can_choose_parts(session: Session) -> bool:
    counting = session.state.phase in (Phase.STARTING, Phase.LOADING)
    return session.opening.budget is not None and not counting


def _can_compare(session: Session) -> bool:
    return session.comparable is not None or session.state.comparison is not None


def _has_answer(session: Session) -> bool:
    return session.state.last_answer is not None


def _has_finished_turn(session: Session) -> bool:
    return session.state.last_turn is not None and not session.state.last_turn.status.open


CONDITIONS: dict[str, Callable[[Session], bool]] = {
    "copy_answer": _has_answer,
    "copy": _has_answer,
    "read_again": _can_read_again,
    "choose_parts": _can_choose_parts,
    "document": lambda session: session.state.document is not None,
    "compare": _can_compare,
    "ask_again": _has_finished_turn,
    "edit_last": _has_finished_turn,
}
"""By action; an action without a condition is always available."""
