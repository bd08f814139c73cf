"""Choose another model: the embedded reader, one used before, one on disk, or any other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static
from textual.widgets.option_list import Option

from sa_chat.protocol.config import EMBEDDED_MODEL

from ...history import HistoryError
from ...report.text import one_line
from ...session.recorder import Recorder
from ..widgets.choice_list import ChoiceList

_NOTE = "Another model reads the document again; the conversation stays."


class ModelScreen(ModalScreen[str | None]):
    """The result is a folder, a hub id, or "embedded"; None if the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f8", "dismiss(None)", "Leave", id="model.back")
    ]

    def __init__(self, current: str, recorder: Recorder) -> None:
        super().__init__()
        self._current = current
        self._models = _models(current, recorder)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as page:
            page.border_title = "model"
            page.border_subtitle = "Enter takes it · Esc leaves"
            yield ChoiceList(
                *(Option(_line(model, why, self._current)) for model, why in self._models),
                id="model-list",
                markup=False,
            )
            yield Input(placeholder="A folder, or a hub id such as Qwen/Qwen3-4B")
            yield Static(Content.styled(_NOTE, "$label"), markup=False)

    def on_mount(self) -> None:
        self.query_one(ChoiceList).focus()

    @on(ChoiceList.OptionSelected)
    def _chosen(self, event: ChoiceList.OptionSelected) -> None:
        self.dismiss(self._models[event.option_index][0])

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        event.stop()
        if model := event.value.strip():
            folder = Path(model).expanduser()
            self.dismiss(str(folder) if folder.is_dir() else model)


def _line(model: str, why: str, current: str) -> Content:
    mark = "● " if model == current else "  "
    name = "the embedded reader" if model == EMBEDDED_MODEL else one_line(model)
    return Content.assemble((mark, "$success"), name, (f"  {why}", "$label"))


def _models(current: str, recorder: Recorder) -> list[tuple[str, str]]:
    """Distinct model names, each with the reason why it is listed."""
    found = {EMBEDDED_MODEL: "finds and quotes, on any machine"}
    found.setdefault(current, "in use")
    for model in _used_models(recorder):
        found.setdefault(model, "used before")
    for model in _downloaded_models():
        found.setdefault(model, "on this disk")
    return list(found.items())


def _used_models(recorder: Recorder) -> list[str]:
    if recorder.history is None:
        return []
    try:
        return [info.model for info in recorder.history.sessions()]
    except HistoryError:
        return []  # the list is a convenience; a broken history is reported where it is written


def _downloaded_models() -> list[str]:
    """Hub ids with weights in the Hugging Face cache."""
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
    folders = sorted(hub.glob("models--*/snapshots/*/*.safetensors"))
    names = (folder.parents[2].name.removeprefix("models--") for folder in folders)
    return list(dict.fromkeys(name.replace("--", "/") for name in names))
