"""A question and its answer in the conversation."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sa_chat.protocol.events import Answer
from sa_chat.protocol.text import clean

from ...report.text import duration, plural, rate, seconds
from ...session.state import Turn, TurnStatus
from .answer_text import AnswerText
from .citations import Citations

_MARKS = {
    TurnStatus.STOPPED: ("■ stopped", "$warning"),
    TurnStatus.INTERRUPTED: ("✗ interrupted: the engine ended", "$error"),
    TurnStatus.FAILED: ("✗ not answered", "$error"),
}


class TurnView(Vertical):
    """The question as plain text, the answer as Markdown, then citations and figures."""

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self._question = turn.question
        self._shown: tuple[object, ...] | None = None

    def compose(self) -> ComposeResult:
        yield Static(Content(clean(self._question)), classes="question", markup=False)
        yield AnswerText()
        yield Static(classes="status", markup=False)

    async def show(
        self, turn: Turn, *, in_hand: bool, several_files: bool, wait_s: float | None = None
    ) -> None:
        """Show a turn, which the engine works on now (`in_hand`), or which waits for `wait_s`."""
        waits = turn.status is TurnStatus.QUEUED and not in_hand and wait_s is not None
        wait = duration(wait_s) if waits and wait_s is not None else ""
        shown = (turn, in_hand, wait)
        if self._shown == shown:
            return
        text_is_new = self._shown is None or self._shown[0] != turn
        self._shown = shown
        self.query_one(".status", Static).update(_status(turn, in_hand, wait))
        if text_is_new:
            await self._show_text(turn, several_files)

    async def _show_text(self, turn: Turn, several_files: bool) -> None:
        self.set_class(turn.status is TurnStatus.QUEUED, "-queued")
        text = self.query_one(AnswerText)
        text.display = bool(turn.text)
        if turn.status.open:
            await text.grow(turn.text)
        else:
            await text.finish(turn.text)
        if turn.answer and turn.answer.citations and not self.query(Citations):
            citations = Citations(turn.answer.citations, several_files)
            await self.mount(citations, before=self.query_one(".status"))


def _status(turn: Turn, in_hand: bool, wait: str) -> Content:
    if turn.status is TurnStatus.QUEUED:
        if in_hand:
            return Content.styled("reading the question…", "$accent")
        when = f"in about {wait}" if wait else "as soon as its turn comes"
        return Content.styled(f"queued · answered {when}", "$accent")
    if turn.status is TurnStatus.WRITING:
        return Content.styled("writing…", "$accent")
    mark = _MARKS.get(turn.status)
    figures = _figures(turn.answer) if turn.answer else ""
    if turn.compared is not None:
        figures += " · compared: F6"
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
    elif answer.stop_reason == "repetition":
        parts.append("ended, as it repeated itself")
    return " · ".join(parts)
