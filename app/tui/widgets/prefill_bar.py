"""How far the document has been read: a bar, exact tokens, and the time that is left."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget

from ...report.text import count, duration, rate, seconds
from ...session.state import ChatState, Phase
from .lines import fitting

_STAGES = {
    "parse": "Parsing the document",
    "tokenize": "Counting tokens",
    "model": "Loading the model",
}
EIGHTHS = " ▏▎▍▌▋▊▉"

_GAP = 2  # cells
_LEAST_BAR = 8


def bar(fraction: float, width: int) -> tuple[str, str]:
    """A bar of `width` cells in eighths of a cell: the filled part, and the empty rest."""
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    filled = "█" * full + (EIGHTHS[part] if part else "")
    return filled, " " * (width - len(filled))


class PrefillBar(Widget):
    """One line; empty once the document is read."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._told = Told("")
        self._phase = Phase.STARTING

    def show(self, state: ChatState) -> None:
        told = told_of(state)
        if (told, state.phase) == (self._told, self._phase):
            return
        self._told, self._phase = told, state.phase
        self.display = state.phase is not Phase.READY
        self.refresh()

    def render(self) -> Content:
        told, width = self._told, self.size.width
        style = "$accent" if self._phase in (Phase.LOADING, Phase.PREFILLING) else "$label"
        label = Content.styled(told.label, style)
        room = width - len(told.label) - _GAP
        if told.fraction is not None:
            figures = fitting(told.figures, room - _LEAST_BAR - _GAP)
            cells = room - (len(figures) + _GAP if figures else 0)
            if cells >= _LEAST_BAR and (figures or not told.figures):
                filled, empty = bar(told.fraction, cells)
                return Content.assemble(
                    label, "  ", (filled, f"{style} on $panel"), (empty, "on $panel"),
                    "  " if figures else "", (figures, "$label"),
                )  # fmt: skip
        return Content.assemble(label, "  ", (fitting(told.figures, room), "$label"))


@dataclass(frozen=True)
class Told:
    """A label, the fraction done (None: no bar), and figures: the longest way to tell them
    first, the shortest last."""

    label: str
    fraction: float | None = None
    figures: tuple[str, ...] = ()


def told_of(state: ChatState) -> Told:
    """What the line says of the state."""
    match state.phase:
        case Phase.STARTING:
            return Told("Starting the engine")
        case Phase.LOADING if state.load is not None:
            label = _STAGES.get(state.load.stage, "Loading")
            return Told(label, state.load.fraction, (seconds(state.load.seconds),))
        case Phase.LOADING:
            return Told("Loading")
        case Phase.CHOOSING:
            return Told("Nothing is read yet", None, ("F4 chooses the parts", "F4: parts"))
        case Phase.PREFILLING:
            return _reading(state)
        case Phase.PAUSED:
            return Told(
                "Reading stopped",
                _fraction(state),
                ("Ctrl+R or a question starts over",),
            )
        case Phase.FAILED if state.too_long:
            return Told("The document was not read", None, ("F4 chooses the parts", "F4: parts"))
        case Phase.FAILED:
            return Told("No document is open", None, ("Ctrl+R tries again",))
        case Phase.DEAD:
            return Told(
                "The engine has ended",
                None,
                ("Ctrl+R starts it again; the chat stays", "Ctrl+R starts it again", "Ctrl+R"),
            )
        case Phase.READY:
            return Told("")


def _fraction(state: ChatState) -> float | None:
    progress = state.progress
    return progress.tokens_done / max(progress.tokens_total, 1) if progress else None


def _reading(state: ChatState) -> Told:
    progress, document = state.progress, state.document
    if progress is None:
        total = document.prompt_tokens if document else 0
        return Told("Reading", 0.0, (f"0 / {count(total)} tokens", f"0 / {count(total)}"))
    done = f"{count(progress.tokens_done)} / {count(progress.tokens_total)}"
    speed = rate(state.reading_rate) if state.reading_rate else ""
    left = f"{duration(state.eta_s)} left" if state.eta_s is not None else ""
    ways: tuple[tuple[str, ...], ...] = (
        (f"{done} tokens", speed, left),
        (f"{done} tokens", left),
        (done, left),
        (left or done,),
    )
    return Told("Reading", _fraction(state), tuple(" · ".join(filter(None, way)) for way in ways))
