"""How far the document has been read: a bar, exact tokens, and the time that is left."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from ..state import ChatState, Phase
from ..text import count, duration, rate, seconds

_STAGES = {
    "parse": "Parsing the document",
    "tokenize": "Counting tokens",
    "model": "Loading the model",
}
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(fraction: float, width: int) -> tuple[str, str]:
    """A bar of `width` cells in eighths of a cell: the filled part, and the empty rest."""
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[part] if part else "")
    return filled, " " * (width - len(filled))


class PrefillBar(Static):
    """One line; empty once the document is read."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._state = ChatState()

    def show(self, state: ChatState) -> None:
        self._state = state
        self.display = state.phase is not Phase.READY
        self.refresh()

    def render(self) -> Content:
        label, fraction, figures = _parts(self._state)
        style = "$accent" if self._state.phase in (Phase.LOADING, Phase.PREFILLING) else "$label"
        width = self.size.width - len(label) - len(figures) - 4
        if fraction is None or width < 8:
            return Content.assemble((label, style), "  ", (figures, "$label"))
        filled, empty = bar(fraction, width)
        return Content.assemble(
            (label, style), "  ", (filled, f"{style} on $panel"), (empty, "on $panel"),
            "  ", (figures, "$label"),
        )  # fmt: skip


def _parts(state: ChatState) -> tuple[str, float | None, str]:
    """Label, fraction done (None: no bar), figures."""
    match state.phase:
        case Phase.STARTING:
            return "Starting the engine", None, ""
        case Phase.LOADING if state.load is not None:
            label = _STAGES.get(state.load.stage, "Loading")
            return label, state.load.fraction, seconds(state.load.seconds)
        case Phase.LOADING:
            return "Loading", None, ""
        case Phase.CHOOSING:
            return "Nothing is read yet", None, "F4 chooses the parts"
        case Phase.PREFILLING:
            return _reading(state)
        case Phase.PAUSED:
            return "Reading stopped", _fraction(state), "Ctrl+R or a question starts over"
        case Phase.FAILED if state.too_long:
            return "The document was not read", None, "F4 chooses the parts"
        case Phase.FAILED:
            return "No document is open", None, "Ctrl+R tries again"
        case Phase.DEAD:
            return "The engine has ended", None, "Ctrl+R starts it again; the chat stays"
        case Phase.READY:
            return "", None, ""


def _fraction(state: ChatState) -> float | None:
    progress = state.progress
    return progress.tokens_done / max(progress.tokens_total, 1) if progress else None


def _reading(state: ChatState) -> tuple[str, float | None, str]:
    progress, document = state.progress, state.document
    if progress is None:
        total = document.prompt_tokens if document else 0
        return "Reading", 0.0, f"0 / {count(total)} tokens"
    figures = [f"{count(progress.tokens_done)} / {count(progress.tokens_total)} tokens"]
    if progress.seconds > 0:
        figures.append(rate(progress.tokens_done / progress.seconds))
    if state.eta_s is not None:
        figures.append(f"{duration(state.eta_s)} left")
    return "Reading", _fraction(state), " · ".join(figures)
