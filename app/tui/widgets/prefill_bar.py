"""The progress of the prefill: a bar, exact tokens, and the remaining time."""

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
_CHOOSE_PARTS = ("F4 chooses the parts", "F4: parts")
EIGHTHS = " ▏▎▍▌▋▊▉"

_GAP = 2  # cells
_LEAST_BAR = 8


def bar(fraction: float, width: int) -> tuple[str, str]:
    """A bar of `width` cells, drawn in eighths of a cell: the filled part, and the rest."""
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    filled = "█" * full + (EIGHTHS[part] if part else "")
    return filled, " " * (width - len(filled))


class PrefillBar(Widget):
    """One line; hidden once the document is read."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._status = PrefillStatus("")
        self._phase = Phase.STARTING

    def show(self, state: ChatState) -> None:
        status = prefill_status(state)
        if (status, state.phase) == (self._status, self._phase):
            return
        self._status, self._phase = status, state.phase
        self.display = state.phase is not Phase.READY
        self.refresh()

    def render(self) -> Content:
        status, width = self._status, self.size.width
        style = "$accent" if self._phase in (Phase.LOADING, Phase.PREFILLING) else "$label"
        label = Content.styled(status.label, style)
        room = width - len(status.label) - _GAP
        if status.fraction is not None:
            figures = fitting(status.figures, room - _LEAST_BAR - _GAP)
            cells = room - (len(figures) + _GAP if figures else 0)
            if cells >= _LEAST_BAR and (figures or not status.figures):
                filled, empty = bar(status.fraction, cells)
                return Content.assemble(
                    label, "  ", (filled, f"{style} on $panel"), (empty, "on $panel"),
                    "  " if figures else "", (figures, "$label"),
                )  # fmt: skip
        return Content.assemble(label, "  ", (fitting(status.figures, room), "$label"))


@dataclass(frozen=True)
class PrefillStatus:
    """What the line shows: a label, the fraction done (None: no bar), and alternative forms of the
    figures, the longest first."""

    label: str
    fraction: float | None = None
    figures: tuple[str, ...] = ()


def prefill_status(state: ChatState) -> PrefillStatus:
    """The status of a state's phase."""
    match state.phase:
        case Phase.STARTING:
            return PrefillStatus("Starting the engine")
        case Phase.LOADING if state.load is not None:
            label = _STAGES.get(state.load.stage, "Loading")
            return PrefillStatus(label, state.load.fraction, (seconds(state.load.seconds),))
        case Phase.LOADING:
            return PrefillStatus("Loading")
        case Phase.CHOOSING:
            return PrefillStatus("Nothing is read yet", None, _CHOOSE_PARTS)
        case Phase.PREFILLING if state.calibration is not None:
            calibration = state.calibration
            figures = (duration(calibration.seconds),)
            return PrefillStatus("Measuring this machine, once", calibration.fraction, figures)
        case Phase.PREFILLING:
            return _reading(state)
        case Phase.PAUSED:
            return PrefillStatus(
                "Reading stopped",
                _fraction(state),
                ("Ctrl+R or a question starts over",),
            )
        case Phase.FAILED if state.too_long:
            return PrefillStatus("The document was not read", None, _CHOOSE_PARTS)
        case Phase.FAILED:
            return PrefillStatus("No document is open", None, ("Ctrl+R tries again",))
        case Phase.DEAD:
            return PrefillStatus(
                "The engine has ended",
                None,
                ("Ctrl+R starts it again; the chat stays", "Ctrl+R starts it again", "Ctrl+R"),
            )
        case Phase.READY:
            return PrefillStatus("")


def _fraction(state: ChatState) -> float | None:
    progress = state.progress
    return progress.tokens_done / max(progress.tokens_total, 1) if progress else None


def _reading(state: ChatState) -> PrefillStatus:
    progress, document = state.progress, state.document
    if progress is None:
        total = document.prompt_tokens if document else 0
        return PrefillStatus("Reading", 0.0, (f"0 / {count(total)} tokens", f"0 / {count(total)}"))
    done = f"{count(progress.tokens_done)} / {count(progress.tokens_total)}"
    speed = rate(state.reading_rate) if state.reading_rate else ""
    left = f"{duration(state.eta_s)} left" if state.eta_s is not None else ""
    forms: tuple[tuple[str, ...], ...] = (
        (f"{done} tokens", speed, left),
        (f"{done} tokens", left),
        (done, left),
        (left or done,),
    )
    figures = tuple(" · ".join(filter(None, form)) for form in forms)
    return PrefillStatus("Reading", _fraction(state), figures)
