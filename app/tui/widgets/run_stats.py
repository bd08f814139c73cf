"""Figures of the run: speeds, model, attention mode, and how much of the document was read."""

from __future__ import annotations

from textual.content import Content

from ...report.text import count, one_line, rate
from ...session.state import ChatState
from .lines import Lines, fitting

_LABEL = 10  # cells
_COLUMN = 25  # cells from one speed to the next
_PENDING = "-"


class RunStats(Lines):
    """Speeds are updated while the document is read and while an answer is written."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[object, ...] = ()
        self._state = ChatState()

    def show(self, state: ChatState) -> None:
        shown = (
            state.reading_rate,
            state.writing_rate,
            state.model,
            state.prefill,
            tokens_read(state),
        )
        if shown != self._shown:
            self._shown, self._state = shown, state
            self.draw_again()

    def rows(self, width: int) -> list[Content]:
        state = self._state
        lines = _speeds(state, width)
        if state.model is not None:
            lines.append(_row("model", fitting(_model(state), width - _LABEL)))
        if state.prefill is not None:
            lines.append(_row("attention", _attention(state)))
        read = fitting(tokens_read(state), width)
        if read:
            lines.append(Content.styled(read, _read_style(state)))
        return lines


def _row(label: str, value: str) -> Content:
    return Content.assemble((f"{label:<{_LABEL}}", "$label"), value)


def _speeds(state: ChatState, width: int) -> list[Content]:
    """The speeds, side by side if they fit."""
    named = (("reading", state.reading_rate), ("writing", state.writing_rate))
    reading, writing = (_row(label, rate(speed) if speed else _PENDING) for label, speed in named)
    if width < 2 * _COLUMN:
        return [reading, writing]
    return [Content.assemble(reading.pad_right(_COLUMN - reading.cell_length), writing)]


def _model(state: ChatState) -> list[str]:
    """Name, parameters, dtype and device; shorter alternatives leave out the last ones."""
    assert state.model is not None, "no model"
    model = state.model
    named = (
        one_line(model.name),
        f"{model.parameters / 1e6:,.0f}M",
        one_line(model.dtype),
        one_line(model.device),
    )
    return [" · ".join(named[:size]) for size in range(len(named), 1, -1)] + [named[0]]


def _attention(state: ChatState) -> str:
    assert state.prefill is not None, "nothing is read"
    figures = state.prefill.attention
    mode = one_line(figures.mode)
    if mode == "dense":
        return mode
    # Below the break-even length, and with an alpha of 1, every head stays dense.
    return f"{mode}, read densely" if figures.density >= 1 else f"{mode}, alpha {figures.alpha:g}"


def tokens_read(state: ChatState) -> tuple[str, ...]:
    """How much was read: `131,002 of 131,002 tokens read, 0 dropped`, then shorter forms."""
    if state.document is None:
        return ()
    total = state.document.prompt_tokens
    done = state.progress.tokens_done if state.progress else 0
    if state.prefill is not None:
        done = state.prefill.tokens
    dropped = f"{count(state.document.dropped_tokens)} dropped"
    return (
        f"{count(done)} of {count(total)} tokens read, {dropped}",
        f"{count(done)} of {count(total)} read, {dropped}",
        f"{count(done)} read, {dropped}",
    )


def _read_style(state: ChatState) -> str:
    if state.prefill is None or state.document is None:
        return "$foreground"
    return "$accent" if state.document.dropped_tokens else "$success"
