"""Time to first token, split into its parts: it fills and counts up as it happens."""

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
from .room import Room
from .stacked import Part, stacked
from .ttft_split import NAMES, Split, split_of

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
_WIDEST = 56  # cells of a row of the legend


class TtftSplit(Vertical):
    """Between two events the running part grows by the clock, unless animations are off."""

    DEFAULT_CSS = """
    TtftSplit {
        height: auto;
    }
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._told = Split()
        self._told_at = 0.0
        self._room = Room()
        self._ticking: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TtftTotal()
        yield TtftParts()

    def on_mount(self) -> None:
        self._ticking = self.set_interval(_TICK_S, self._tick, pause=True)

    def show(self, state: ChatState, room: Room) -> None:
        told = split_of(state)
        if told == self._told and room == self._room:
            return
        if (told.ttft, told.timed) != (self._told.ttft, self._told.timed):
            self._told_at = self._clock()
        self._told, self._room = told, room
        if self._ticking is not None and told.timed is not None and self._animated:
            self._ticking.resume()
        elif self._ticking is not None:
            self._ticking.pause()
        self._tick()

    @property
    def _animated(self) -> bool:
        return self.app.animation_level != "none"

    def _tick(self) -> None:
        elapsed_s = self._clock() - self._told_at if self._animated else 0.0
        split = self._told.after(elapsed_s)
        self.query_one(TtftTotal).show(split, self._room)
        self.query_one(TtftParts).show(split, self._room)


class TtftTotal(Horizontal):
    """The total in large digits, where there is room."""

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

    def show(self, split: Split, room: Room) -> None:
        self.display = room.tall
        self.set_class(split.ended, "-ended")
        if not room.tall:
            return
        digits = clock_digits(split.ttft.total_s) if split.begun else "-.-"
        if digits != self.query_one(Digits).value:
            self.query_one(Digits).update(digits)
        self.query_one(Static).update(Content("\n".join(_notes(split))), layout=False)


def clock_digits(value: float) -> str:
    """Seconds with a decimal, from 100 s on minutes, from 1 h on hours: `38.1`, `3:38`, `1:02`."""
    if value < 99.95:
        return f"{value:.1f}"
    whole = round(value) if value < 3599.5 else round(value / 60)
    return f"{whole // 60}:{whole % 60:02d}"


def _notes(split: Split) -> list[str]:
    total_s = split.ttft.total_s
    unit = "seconds" if total_s < 99.95 else "minutes" if total_s < 3599.5 else "hours"
    if not split.begun:
        return ["seconds"]
    if split.ended:
        return [unit, "to the first token"]
    if split.read and split.timed is None:
        return [unit, "first token to come"]
    if not split.whole_s:
        return [f"{unit} so far"]
    left_s = max(split.whole_s - total_s, 0.0)
    return [f"{unit} so far", f"of about {_whole(split)}", f"{duration(left_s)} left"]


def _whole(split: Split) -> str:
    return seconds(max(split.whole_s or 0.0, split.ttft.total_s))


class TtftParts(Lines):
    """The bar and its legend, below the total if that is not told in large digits."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown = (Split(), Room())

    def show(self, split: Split, room: Room) -> None:
        if (split, room) != self._shown:
            self._shown = (split, room)
            self.draw_again()

    def rows(self, width: int) -> list[Content]:
        split, room = self._shown
        plain = self.app.no_color
        total = [] if room.tall else [_total(split, width)]
        legend = (
            grid([_named(name, split, plain) for name in NAMES], width)
            if room.flat
            else [_row(name, split, min(width, _WIDEST), plain) for name in NAMES]
        )
        return [*total, _bar(split, width, plain), *legend]


def _total(split: Split, width: int) -> Content:
    if not split.begun:
        return spread(Content.styled("total", "$label"), Content(_PENDING), width)
    value = (seconds(split.ttft.total_s), "bold $primary" if split.ended else "bold")
    if split.timed is None or not split.whole_s:
        label = "total" if split.read and split.timed is None else "so far"
        return spread(Content.styled(label, "$label"), Content.assemble(value), width)
    right = Content.assemble(value, (f" of about {_whole(split)}", "$label"))
    return spread(Content.styled("so far", "$label"), right, width)


def _bar(split: Split, width: int, plain: bool) -> Content:
    parts = [(part, getattr(split.ttft, name)) for name, part in _PARTS.items()]
    rest_s = max((split.whole_s or 0.0) - split.ttft.total_s, 0.0)
    if split.ttft.total_s + rest_s <= 0:
        parts = [(_REST, 1.0)]
    return stacked([*parts, (_REST, rest_s)], width, plain=plain)


def _row(name: str, split: Split, width: int, plain: bool) -> Content:
    part, value = _PARTS[name], split.value(name)
    share = percent(value / split.ttft.total_s) if value and split.read and not split.timed else ""
    style = "bold" if name == split.timed else "$foreground"
    told = seconds(value) if value is not None else _PENDING
    label = "$foreground" if name == split.timed else "$label"
    return spread(
        Content.assemble(part.marker(plain=plain), (part.label, label)),
        Content.assemble((f"{told:>{_VALUE}}", style), (f"{share:>{_SHARE}}", "$label")),
        width,
    )


def _named(name: str, split: Split, plain: bool) -> Content:
    part, value = _PARTS[name], split.value(name)
    told = seconds(value) if value is not None else _PENDING
    return Content.assemble(
        part.marker(plain=plain),
        (f"{part.label} ", "$label"),
        (told, "bold" if name == split.timed else "$foreground"),
    )
