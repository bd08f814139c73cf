"""Dense or sparse: the same question in both attention modes, side by side.

The cost of the second prefill is shown first; nothing begins before the user agrees.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from sa_chat.protocol.events import Answer, PrefillDone
from sa_chat.protocol.text import clean

from ...report.text import count, one_line, percent, plural, rate, seconds, size
from ...session.comparison import Comparison, Progress, Run, differences
from ...session.estimate import estimate_of
from ...session.session import Session
from ...session.state import Turn
from ..widgets.prefill_bar import bar

_POLL_S = 0.15
_PENDING = "-"


class CompareScreen(Screen[None]):
    """Offers a comparison of the last answer, or shows the newest one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", "Start", id="compare.begin"),
        Binding("ctrl+x", "stop", "Stop", id="compare.stop"),
        Binding("f6", "again", "Compare the last answer", key_display="F6", id="compare.again"),
        Binding("escape,q", "leave", "Back", key_display="Esc", id="compare.back"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="compare.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="compare.up"),
        Binding("f1", "app.help", "Help", show=False, key_display="F1", id="compare.help",
                tooltip="the keys at the place where you are, and what each number means"),
    ]  # fmt: skip

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._offer = self._is_new
        self._shown: object = None

    @property
    def _is_new(self) -> bool:
        """Whether the last answer was not compared yet."""
        last, shown = self._session.comparable, self._session.state.comparison
        return last is not None and (shown is None or shown.turn_id != last.request_id)

    def compose(self) -> ComposeResult:
        yield Static("dense or sparse", classes="page-title", markup=False)
        yield Static(id="compare-question", markup=False)
        yield Static(id="compare-state", markup=False)
        with VerticalScroll(id="compare-scroll"), Horizontal(id="compare-sides"):
            for side in ("first", "second"):
                with Vertical(classes="compare-side"):
                    yield Static(id=f"compare-{side}-figures", markup=False)
                    yield Static(id=f"compare-{side}-answer", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._draw()
        self.set_interval(_POLL_S, self._draw)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        comparison = self._session.state.comparison
        running = comparison is not None and comparison.status.open
        match action:
            case "begin":
                return self._offer
            case "stop":
                return running and not self._offer
            case "again":
                return not self._offer and not running and self._session.comparable is not None
        return True

    async def action_begin(self) -> None:
        if self._session.comparable is None:
            return
        self._offer = False
        await self._session.compare(beside=estimate_of(self._session).beside)
        self._draw()

    async def action_stop(self) -> None:
        await self._session.cancel()

    def action_again(self) -> None:
        """Offer a comparison again: after a stop, or for a newer answer."""
        self._offer = True
        self._draw()

    def action_leave(self) -> None:
        """Close the screen; a running comparison continues."""
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _draw(self) -> None:
        state = self._session.state
        seen = (self._offer, state.comparison, self._session.comparable, self.size)
        if seen == self._shown:
            return
        self._shown = seen
        self.refresh_bindings()
        if self._offer and self._session.comparable is not None:
            self._draw_offer(self._session.comparable)
        elif state.comparison is not None:
            self._draw_comparison(state.comparison)

    def _draw_offer(self, turn: Turn) -> None:
        prefill = self._session.state.prefill
        assert prefill is not None
        assert turn.answer is not None
        estimate = estimate_of(self._session)
        self._question(turn.question)
        sentences = [Content(sentence) for sentence in estimate.lines()]
        keys = Content.styled("Enter starts · Esc leaves", "$accent")
        self.query_one("#compare-state", Static).update(Content("\n").join([*sentences, keys]))
        answer = turn.answer
        self._side("first", _figures(prefill.attention.mode, prefill, answer, _memory(prefill)),
                   Content(clean(answer.text)))  # fmt: skip
        self._side("second", _figures(estimate.attention, None, None, None), Content(""))

    def _draw_comparison(self, comparison: Comparison) -> None:
        first, prefill = comparison.first, comparison.first_prefill
        self._question(first.question)
        self.query_one("#compare-state", Static).update(_status(comparison, self.size.width))
        kv, used = comparison.kv_bytes, comparison.used_bytes
        second = comparison.prefill
        texts = Content(clean(first.text)), Content(clean(comparison.text))
        if comparison.answer is not None:
            left, right, _ = differences(clean(first.text), clean(comparison.text))
            texts = _marked(left), _marked(right)
        mode = prefill.attention.mode
        memory = (kv[1], used[1]) if second is not None else None
        self._side("first", _figures(mode, prefill, first, (kv[0], used[0])), texts[0])
        figures = _figures(comparison.attention, second, comparison.answer, memory)
        self._side("second", figures, texts[1])

    def _question(self, question: str) -> None:
        self.query_one("#compare-question", Static).update(Content(one_line(question)))

    def _side(self, side: str, figures: Content, answer: Content) -> None:
        self.query_one(f"#compare-{side}-figures", Static).update(figures)
        self.query_one(f"#compare-{side}-answer", Static).update(answer)


def _memory(prefill: PrefillDone) -> tuple[int, int]:
    return (
        sum(device.kv_bytes for device in prefill.devices),
        sum(device.used_bytes for device in prefill.devices),
    )


def _figures(
    mode: str,
    prefill: PrefillDone | None,
    answer: Answer | None,
    memory: tuple[int, int] | None,
) -> Content:
    """The mode, then one figure per line; a dash stands for what is not known yet."""
    rows: list[tuple[str, str]] = []
    if prefill is not None:
        ttft = prefill.ttft
        first_s = answer.question_ttft_s if answer is not None else None
        reading_s = ttft.select_s + ttft.prefill_s
        total_s = ttft.parse_s + ttft.tokenize_s + reading_s + (first_s or 0.0)
        attention = prefill.attention
        rows = [
            ("TTFT", seconds(total_s) if first_s is not None else _PENDING),
            ("  reading", seconds(reading_s)),
            ("  selection", seconds(ttft.select_s)),
            ("  first token", seconds(first_s) if first_s is not None else _PENDING),
            ("density", percent(attention.density)),
            ("recall", percent(attention.recall)),
        ]
    else:
        rows = [(name, _PENDING) for name in ("TTFT", "  reading", "  selection", "  first token",
                                              "density", "recall")]  # fmt: skip
    rows.append(("keys, values", size(memory[0]) if memory else _PENDING))
    rows.append(("engine", f"{size(memory[1])} in use" if memory else _PENDING))
    written = answer is not None and answer.tokens > 0
    rows.append(
        ("answer", f"{plural(answer.tokens, 'token')}, {rate(answer.tokens_per_s)}")
        if answer is not None and written
        else ("answer", _PENDING)
    )
    lines = [Content.styled(mode, "bold $primary")]
    lines += [Content.assemble((f"{label:<15}", "$label"), value) for label, value in rows]
    return Content("\n").join(lines)


def _status(comparison: Comparison, width: int) -> Content:
    """The progress, or the result."""
    match comparison.status:
        case Progress.WAITING:
            return Content.styled("Waiting for the engine…", "$accent")
        case Progress.READING if comparison.progress is not None:
            progress = comparison.progress
            part = progress.tokens_done / max(progress.tokens_total, 1)
            left_s = progress.seconds / max(progress.tokens_done, 1) * (
                progress.tokens_total - progress.tokens_done
            )  # fmt: skip
            figures = (
                f"  {count(progress.tokens_done)} / {count(progress.tokens_total)} tokens · "
                f"{seconds(left_s)} left or more"
            )
            filled, empty = bar(part, max(min(width - len(figures) - 16, 60), 4))
            return Content.assemble(
                ("Reading  ", "$accent"), (filled, "$accent on $panel"), (empty, "on $panel"),
                (figures, "$label"),
            )  # fmt: skip
        case Progress.READING:
            return Content.styled("Measuring this machine, once…", "$accent")
        case Progress.WRITING:
            return Content.styled("Answering…", "$accent")
        case Progress.STOPPED:
            return Content.styled("■ stopped", "$warning")
        case Progress.FAILED:
            return Content.styled(clean(comparison.message), "bold $error")
        case Progress.DONE:
            return _verdict(comparison)


def _verdict(comparison: Comparison) -> Content:
    _, _, differ = differences(clean(comparison.first.text), clean(comparison.text))
    if differ == 0:
        return Content.styled("Both answers are the same, word for word.", "bold $success")
    text = f"The answers differ in {plural(differ, 'word')}; what only one has is marked."
    return Content.styled(text, "bold $accent")


def _marked(runs: list[Run]) -> Content:
    return Content.assemble(
        *((text, "bold underline $accent" if kind == "other" else "") for kind, text in runs)
    )
