"""One question and its answer in the conversation."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sa_chat.engine.events import Answer

from ..state import Turn, TurnStatus
from ..text import clean, plural, rate, seconds
from .answer_text import AnswerText
from .citations import Citations

_MARKS = {
    TurnStatus.STOPPED: ("■ stopped", "$warning"),
    TurnStatus.INTERRUPTED: ("✗ interrupted: the engine ended", "$error"),
    TurnStatus.FAILED: ("✗ not answered", "$error"),
}


class TurnView(Vertical):
    """The question as plain text, the answer as Markdown, its citations and its figures."""

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self._question = turn.question
        self._shown: tuple[Turn, bool] | None = None

    def compose(self) -> ComposeResult:
        yield Static(Content(clean(self._question)), classes="question", markup=False)
        yield AnswerText()
        yield Static(classes="status", markup=False)

    async def show(self, turn: Turn, *, in_hand: bool, several_files: bool) -> None:
        """`in_hand`: the engine works on this question now."""
        if self._shown == (turn, in_hand):
            return
        self._shown = (turn, in_hand)
        self.set_class(turn.status is TurnStatus.QUEUED, "-queued")
        text = self.query_one(AnswerText)
        text.display = bool(turn.text)
        if turn.status.open:
            await text.grow(turn.text)
        else:
            await text.finish(turn.text)
        status = self.query_one(".status", Static)
        status.update(_status(turn, in_hand))
        if turn.answer and turn.answer.citations and not self.query(Citations):
            await self.mount(Citations(turn.answer.citations, several_files), before=status)


def _status(turn: Turn, in_hand: bool) -> Content:
    if turn.status is TurnStatus.QUEUED:
        if in_hand:
            return Content.styled("reading the question…", "$accent")
        return Content.styled("queued · answered as soon as its turn comes", "$accent")
    if turn.status is TurnStatus.WRITING:
        return Content.styled("writing…", "$accent")
    mark = _MARKS.get(turn.status)
    figures = _figures(turn.answer) if turn.answer else ""
    if mark is None:
        return Content.styled(figures, "$faint")
    return Content.assemble(mark, (f" · {figures}" if figures else "", "$faint"))


def _figures(answer: Answer) -> str:
    parts = [plural(answer.tokens, "token")]
    if answer.tokens:
        parts.append(rate(answer.tokens_per_s))
        parts.append(f"first after {seconds(answer.question_ttft_s)}")
    if answer.forgot_turns:
        parts.append("earlier turns forgotten")
    if answer.stop_reason == "length":
        parts.append("cut at the length limit")
    return " · ".join(parts)
