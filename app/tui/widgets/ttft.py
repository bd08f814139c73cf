"""Time to first token and its parts, counting up as they happen."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Digits, Static

from ...report.text import duration, percent, seconds
from ...session.state import ChatState
from .lines import Lines, grid, spread
from .panel_size import PanelSize
from .stacked import Part, stacked
from .ttft_breakdown import NAMES, Breakdown, breakdown_of

_PARTS = {
    "parse_s": Part("parse", "$ttft-parse", "█"),
    "tokenize_s": Part("tokenize", "$ttft-tokenize", "░"),
    "select_s": Part("select", "$ttft-select", "▒"),
    "prefill_s": Part("prefill", "$ttft-prefill", "▓"),
    "first_token_s": Part("first token", "$ttft-first", "▚"),
}
_REST = Part("to come", "$panel", "·")
_PENDING = "-"
_TICK_S = 0.25
_VALUE, _SHARE = 10, 7  # cells: `4 min 05 s`, and a blank with `100.0%`
_WIDEST = 56  # cells: the most that a row of the legend takes


class TtftView(Vertical):
    """Between two events the running part grows with the clock, unless animations are off.

    `clock` gives seconds; a test can replace it.
    """

    DEFAULT_CSS = """
    TtftView {
        height: auto;
    }
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic, id: str | None = None) -> None:
        super().__init__(id=id)
        self.clock = clock
        self._breakdown = Breakdown()
        self._shown_at = 0.0
        self._panel_size = PanelSize()
        self._ticking: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TtftTotal()
        yield TtftParts()

    def on_mount(self) -> None:
        self._ticking = self.set_interval(_TICK_S, self._tick, pause=True)

    def show(self, state: ChatState, size: PanelSize) -> None:
        old, new = self._breakdown, breakdown_of(state)
        if new == old and size == self._panel_size:
            return
        if (new.ttft, new.timed) != (old.ttft, old.timed):
            self._shown_at = self.clock()
        self._breakdown, self._panel_size = new, size
        if self._ticking is not None and new.timed is not None and self._animated:
            self._ticking.resume()
        elif self._ticking is not None:
            self._ticking.pause()
        self._tick()

    @property
    def _animated(self) -> bool:
        return self.app.animation_level != "none"

    def _tick(self) -> None:
        elapsed_s = self.clock() - self._shown_at if self._animated else 0.0
        breakdown = self._breakdown.after(elapsed_s)
        self.query_one(TtftTotal).show(breakdown, self._panel_size)
        self.query_one(TtftParts).show(breakdown, self._panel_size)


class TtftTotal(Horizontal):
    """The total in large digits, in a tall panel."""

    DEFAULT_CSS = """
    TtftTotal {
        height: 3;
    }
    TtftTotal Digits {
        width: auto;
        min-width: 16;
        color: $foreground;
    }
    TtftTotal.-ended Digits {
        color: $primary;
        text-style: bold;
    }
    TtftTotal Static {
        width: 1fr;
        height: 3;
        padding: 0 0 0 2;
        color: $label;
    }
    """

    def compose(self) -> ComposeResult:
        yield Digits("")
        yield Static(markup=False)

    def show(self, breakdown: Breakdown, size: PanelSize) -> None:
        self.display = size.tall
        self.set_class(breakdown.ended, "-ended")
        if not size.tall:
            return
        digits = clock_digits(breakdown.ttft.total_s) if breakdown.begun else "-.-"
        if digits != self.query_one(Digits).value:
            self.query_one(Digits).update(digits)
        self.query_one(Static).update(Content("\n".join(_notes(breakdown))), layout=False)


def clock_digits(value: float) -> str:
    """Seconds with a decimal, from 100 s on minutes, from 1 h on hours: `38.1`, `3:38`, `1:02`."""
    if value < 99.95:
        return f"{value:.1f}"
    whole = round(value) if value < 3599.5 else round(value / 60)
    return f"{whole // 60}:{whole % 60:02d}"


def _notes(breakdown: Breakdown) -> list[str]:
    total_s = breakdown.ttft.total_s
    unit = "seconds" if total_s < 99.95 else "minutes" if total_s < 3599.5 else "hours"
    if not breakdown.begun:
        return ["seconds"]
    if breakdown.ended:
        return [unit, "to the first token"]
    if breakdown.read and breakdown.timed is None:
        return [unit, "first token to come"]
    if not breakdown.whole_s:
        return [f"{unit} so far"]
    left_s = max(breakdown.whole_s - total_s, 0.0)
    return [f"{unit} so far", f"of about {_whole(breakdown)}", f"{duration(left_s)} left"]


def _whole(breakdown: Breakdown) -> str:
    return seconds(max(breakdown.whole_s or 0.0, breakdown.ttft.total_s))


class TtftParts(Lines):
    """The bar and its legend; also the total, unless it is shown in large digits."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown = (Breakdown(), PanelSize())

    def show(self, breakdown: Breakdown, size: PanelSize) -> None:
        if (breakdown, size) != self._shown:
            self._shown = (breakdown, size)
            self.draw_again()

    def rows(self, width: int) -> list[Content]:
        breakdown, size = self._shown
        plain = self.app.no_color
        total = [] if size.tall else [_total(breakdown, width)]
        legend = (
            grid([_labelled(name, breakdown, plain) for name in NAMES], width)
            if size.flat
            else [_row(name, breakdown, min(width, _WIDEST), plain) for name in NAMES]
        )
        return [*total, _bar(breakdown, width, plain), *legend]


def _total(breakdown: Breakdown, width: int) -> Content:
    if not breakdown.begun:
        return spread(Content.styled("total", "$label"), Content(_PENDING), width)
    value = (seconds(breakdown.ttft.total_s), "bold $primary" if breakdown.ended else "bold")
    if breakdown.timed is None or not breakdown.whole_s:
        label = "total" if breakdown.read and breakdown.timed is None else "so far"
        return spread(Content.styled(label, "$label"), Content.assemble(value), width)
    right = Content.assemble(value, (f" of about {_whole(breakdown)}", "$label"))
    return spread(Content.styled("so far", "$label"), right, width)


def _bar(breakdown: Breakdown, width: int, plain: bool) -> Content:
    parts = [(part, getattr(breakdown.ttft, name)) for name, part in _PARTS.items()]
    rest_s = max((breakdown.whole_s or 0.0) - breakdown.ttft.total_s, 0.0)
    if breakdown.ttft.total_s + rest_s <= 0:
        parts = [(_REST, 1.0)]
    return stacked([*parts, (_REST, rest_s)], width, plain=plain)


def _row(name: str, breakdown: Breakdown, width: int, plain: bool) -> Content:
    part, value = _PARTS[name], breakdown.value(name)
    share = (
        percent(value / breakdown.ttft.total_s)
        if value and breakdown.read and not breakdown.timed
        else ""
    )
    style = "bold" if name == breakdown.timed else "$foreground"
    text = seconds(value) if value is not None else _PENDING
    label = "$foreground" if name == breakdown.timed else "$label"
    return spread(
        Content.assemble(part.marker(plain=plain), (part.label, label)),
        Content.assemble((f"{text:>{_VALUE}}", style), (f"{share:>{_SHARE}}", "$label")),
        width,
    )


def _labelled(name: str, breakdown: Breakdown, plain: bool) -> Content:
    part, value = _PARTS[name], breakdown.value(name)
    text = seconds(value) if value is not None else _PENDING
    return Content.assemble(
        part.marker(plain=plain),
        (f"{part.label} ", "$label"),
        (text, "bold" if name == breakdown.timed else "$foreground"),
    )
