"""Measure the screen in a real terminal: evenness of its ticks, CPU, memory, time to start.

    python benchmarks/screen.py                  # all parts
    python benchmarks/screen.py --prefill --headless --start --rounds 3

Each part starts the screen in a pseudo-terminal of 120 columns and 40 rows, whose output is read as
fast as it comes, and types keys into it.  The tick is a coroutine in the screen's event loop that
sleeps 16 ms; its figures are the times from one wake-up to the next.  With `--headless` the prefill
is measured once more without a terminal, with Textual's driver for tests.  The user's settings and
history are not touched.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import platform
import pty
import re
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import psutil

from sa_chat.app.client.engine_process import EngineProcess
from sa_chat.app.document.demo import SOURCE_FILES, demo_paths
from sa_chat.app.history import Document, SavedTurn, open_history
from sa_chat.app.session.client import EngineClient
from sa_chat.app.settings.launch import Launch
from sa_chat.app.tui.app import SaChatApp
from sa_chat.protocol import events, values
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.requests import Ask, Request

Figures = dict[str, float]
Client = TypeVar("Client")

COLUMNS, ROWS = 120, 40
TICK_S = 0.016
IDLE_S = 20.0
TURNS = 500
SCROLLS = 50
ANSWER_WORDS, WORDS_PER_S = 2_000, 100
BOOK_BYTES = 2_000_000
_KEPT = 20_000  # characters of output; more than a screen of 120 x 40 takes
KEY_S = 0.05  # between two keys
PATIENCE_S = 900.0
HANDBOOK = Path(__file__).parents[1] / "assets" / "handbook.pdf"
PROGRAM = Path(sys.executable).with_name("sa-chat")
PLACEHOLDER = "Ask the document"
MARKERS = {"turns": f"Question {TURNS - 1}?", "document": "clocks of the town"}  # to wait for
PAGE_UP, PAGE_DOWN, F5, CTRL_Q = b"\x1b[5~", b"\x1b[6~", b"\x1b[15~", b"\x11"
CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_].*?\x1b\\)")
SAID = (
    "The narrator says so at once, and at some length, before anything else has happened:\n\n"
    "> Call me Ishmael. Some years ago, never mind how long precisely.\n\n"
    "1. He tells the story *himself*,\n2. and he survives it.\n"
)


class Terminal:
    """A program in a pseudo-terminal, whose output is read during waits."""

    def __init__(self, command: Sequence[str], inherited: Sequence[int] = ()) -> None:
        self.began = time.perf_counter()
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            for number in inherited:
                os.set_inheritable(number, True)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.execv(command[0], [*command])
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._shown = ""

    def type(self, keys: bytes) -> None:
        os.write(self._end, keys)

    def wait_for(self, text: str, patience_s: float = 60.0) -> None:
        """Wait until `text` is drawn.  Raises `TimeoutError`."""
        until = time.monotonic() + patience_s
        self._shown = ""
        while not self.shows(text):
            if time.monotonic() > until or not self.read(1.0):
                raise TimeoutError(f"no {text!r} in the terminal")

    def shows(self, text: str) -> bool:
        """Whether `text` is in the recent output."""
        return text in CONTROL.sub("", self._shown)

    def read(self, wait_s: float) -> bool:
        """Read what is drawn now; False once the program has ended."""
        if select.select([self._end], [], [], wait_s)[0]:
            try:
                piece = os.read(self._end, 65_536)
            except OSError:  # EIO: nobody holds the other end
                return False
            self._shown = self._shown[-_KEPT:] + piece.decode("utf-8", "replace")
            return bool(piece)
        return True

    def serve(self, keys: int, marker: str) -> tuple[int, float | None]:
        """Type what arrives on the pipe `keys` until the program ends.

        Returns its exit code, and the seconds after which `marker` was drawn.
        """
        marked = None
        sources = [self._end, keys]
        while True:
            ready = select.select(sources, [], [])[0]
            if keys in ready:
                if typed := os.read(keys, 64):
                    self.type(typed)
                else:
                    sources.remove(keys)
            if self._end in ready and not self.read(0.0):
                return self.end(), marked
            if marker and marked is None and self.shows(marker):
                marked = time.perf_counter() - self.began

    def end(self) -> int:
        """Read until the program ends, and return its exit code."""
        while self.read(1.0):
            pass
        os.close(self._end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Tick:
    """Records the times between its wake-ups while it runs."""

    def __init__(self) -> None:
        self._gaps: list[float] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.perf_counter()
            self._gaps.append((now - last) * 1e3)
            last = now

    def stop(self, name: str) -> Figures:
        self._task.cancel()
        gaps = sorted(self._gaps)
        return {
            f"{name}: tick, median, ms": statistics.median(gaps),
            f"{name}: tick, 99th percentile, ms": gaps[int(0.99 * (len(gaps) - 1))],
            f"{name}: tick, longest, ms": gaps[-1],
        }


class WatchedEngine(EngineProcess):
    """The real engine's client; records the kinds of events that it yielded."""

    def __init__(self, config: EngineConfig) -> None:
        super().__init__(config)
        self.seen: set[type[events.Event]] = set()

    async def events(self) -> AsyncIterator[events.Event]:
        async for event in super().events():
            self.seen.add(type(event))
            yield event


class ScriptedEngine:
    """An engine's client without a process, which sends prepared events."""

    def __init__(self, said: Sequence[events.Event]) -> None:
        self._events: asyncio.Queue[events.Event] = asyncio.Queue()
        self.asked: list[Ask] = []
        self.say(*said)

    async def start(self) -> None:
        pass

    async def send(self, request: Request) -> None:
        if isinstance(request, Ask):
            self.asked.append(request)

    async def events(self) -> AsyncIterator[events.Event]:
        while True:
            yield await self._events.get()

    async def stop(self) -> None:
        pass

    def say(self, *said: events.Event) -> None:
        for event in said:
            self._events.put_nowait(event)

    @property
    def drained(self) -> bool:
        return self._events.empty()


def opened(*texts: events.DocumentText) -> list[events.Event]:
    """The events of a document that is read at once."""
    section = values.Section("A book", "book.txt", 0, None, 1, 120_000)
    use = values.DeviceUse("CPU", 2**30, 2**30, 2**34, 2**31, 2**26, 2**28)
    figures = values.AttentionFigures("sparse", 0.95, 0.2, 0.97)
    sizes = (("book.txt",), (section,), (), 120_000, 131_072, 8_192)
    return [
        events.DocumentReady("A book", *sizes),
        *texts,
        events.ModelReady("a script", 32_600_000, 10, 8, 131_072, "bfloat16", "cpu", 0.1),
        events.PrefillDone(
            120_000, values.Ttft(0.1, 0.1, 1.0, 9.0), figures, ((0.2,) * 8,) * 10, (use,)
        ),
    ]


class Inside:
    """Measures a part, in the process of the screen.  `keys` is the pipe to the typist."""

    def __init__(self, demo: bool, headless: bool, keys: int) -> None:
        self._demo = demo
        self._headless = headless
        self._keys = keys
        self._clients: list[EngineClient] = []

    async def run(self, part: str) -> Figures:
        parts: dict[str, Callable[[], Awaitable[Figures]]] = {
            "prefill": self.prefill,
            "turns": self.turns,
            "document": self.document,
        }
        return await parts[part]()

    async def prefill(self) -> Figures:
        """The real engine reads on all cores; then the screen is idle."""
        options = OpenOptions((str(HANDBOOK),))
        if self._demo:
            options = OpenOptions(demo_paths(), include=SOURCE_FILES)
        how = " without a terminal" if self._headless else ""
        name = f"prefill of {'the demonstration' if self._demo else 'the handbook'}{how}"
        app = self._app(Launch(options, EngineConfig()), WatchedEngine)
        engine = await self._first(WatchedEngine)
        await asyncio.sleep(0.5)
        figures = {f"memory of the screen{how} after its start, MB": _rss_mb()}
        await _until(lambda: events.ModelReady in engine.seen)
        tick, began = Tick(), time.perf_counter()
        await _until(lambda: events.PrefillDone in engine.seen)
        figures[f"{name}: s"] = time.perf_counter() - began
        figures |= tick.stop(name)
        await asyncio.sleep(2.0)
        figures[f"memory of the screen{how} after the prefill, MB"] = _rss_mb()
        process = psutil.Process()
        process.cpu_percent()
        await asyncio.sleep(IDLE_S)
        figures[f"idle for {IDLE_S:.0f} s{how}: CPU of the screen, % of a core"] = (
            process.cpu_percent()
        )
        await app()
        return figures

    async def turns(self) -> Figures:
        """A long saved conversation: opened, scrolled, and continued with a long answer."""
        options = OpenOptions((os.path.abspath("book.txt"),))
        launch = Launch(options, EngineConfig(), resume=True)
        app = self._app(launch, lambda config: ScriptedEngine(opened()))
        client = await self._first(ScriptedEngine)
        await _until(lambda: client.drained)
        await asyncio.sleep(2.0)
        tick = Tick()
        for number in range(SCROLLS):
            await self._press(PAGE_UP if number < SCROLLS / 2 else PAGE_DOWN)
        figures = tick.stop(f"{TURNS} turns, {SCROLLS} times PageUp or PageDown")
        await self._press(b"And now?")
        await self._press(b"\r")
        await _until(lambda: bool(client.asked))
        tick, began = Tick(), time.perf_counter()
        for number in range(ANSWER_WORDS):
            late_s = time.perf_counter() - began - number / WORDS_PER_S
            await asyncio.sleep(max(0.0, -late_s))
            end = "\n\n" if number % 60 == 59 else " "
            text, seconds = f"word{number}{end}", number / WORDS_PER_S
            client.say(
                events.TextDelta(text, number + 1, seconds, request_id=client.asked[-1].request_id)
            )
        figures |= tick.stop(f"{TURNS} turns, {ANSWER_WORDS:,} words behind them")
        figures[f"memory of the screen with {TURNS} turns, MB"] = _rss_mb()
        await app()
        return figures

    async def document(self) -> Figures:
        """A text of 2 MB in the document pane: shown, paged, searched."""
        launch = Launch(OpenOptions(("book.txt",)), EngineConfig())
        app = self._app(launch, lambda config: ScriptedEngine(opened(*_book())))
        client = await self._first(ScriptedEngine)
        await _until(lambda: client.drained)
        await asyncio.sleep(2.0)
        tick = Tick()
        await self._press(F5)
        await asyncio.sleep(0.5)
        figures = tick.stop("2 MB: the pane opens")
        tick = Tick()
        for number in range(SCROLLS):
            await self._press(PAGE_DOWN if number < SCROLLS / 2 else PAGE_UP)
        figures |= tick.stop(f"2 MB: {SCROLLS} times PageDown or PageUp")
        tick = Tick()
        for key in (b"/", b"striking", b"\r", *[b"n"] * 10):
            await self._press(key)
        await asyncio.sleep(0.5)
        figures |= tick.stop("2 MB: searched, 10 times the next place")
        figures["memory of the screen with 2 MB, MB"] = _rss_mb()
        await app()
        return figures

    def _app(
        self, launch: Launch, make: Callable[[EngineConfig], EngineClient]
    ) -> Callable[[], Awaitable[None]]:
        """Start the screen; the returned function ends it."""

        def client(config: EngineConfig) -> EngineClient:
            self._clients.append(make(config))
            return self._clients[-1]

        app = SaChatApp(launch, client)
        size = (COLUMNS, ROWS) if self._headless else None
        running = asyncio.create_task(app.run_async(headless=self._headless, size=size))

        async def end() -> None:
            app.exit()
            await running

        return end

    async def _first(self, kind: type[Client]) -> Client:
        await _until(lambda: bool(self._clients))
        client = self._clients[0]
        assert isinstance(client, kind)
        return client

    async def _press(self, keys: bytes) -> None:
        os.write(self._keys, keys)
        await asyncio.sleep(KEY_S)


def _book() -> list[events.DocumentText]:
    line = "It was a bright cold day, and the clocks of the town were striking, one by one.\n"
    lines = [f"{number} {line}" for number in range(BOOK_BYTES // len(line))]
    step = 10_000
    return [
        events.DocumentText(
            "".join(lines[at : at + step]), at + step >= len(lines), "book.txt", None, at + 1
        )
        for at in range(0, len(lines), step)
    ]


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss / 1e6)


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not reached():
            await asyncio.sleep(0.02)


def measured(part: str, demo: bool, headless: bool = False) -> Figures:
    """Measure a part in a process of its own.  Raises `RuntimeError` if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "figures.json"
        here, there = os.pipe()
        command = [sys.executable, __file__, "--inside", part, str(result), str(there)]
        flags = ["--demo"] * demo + ["--headless"] * headless
        if part == "turns":
            _keep_turns()
        terminal = Terminal([*command, *flags], [there])
        os.close(there)
        marker = MARKERS.get(part, "")
        code, shown_s = terminal.serve(here, marker)
        os.close(here)
        if code or not result.exists() or (marker and shown_s is None):
            raise RuntimeError(f"{part}: the screen ended with {code}, {marker!r} at {shown_s}")
        figures: Figures = json.loads(result.read_text())
    if part == "turns" and shown_s is not None:
        figures = {f"{TURNS} turns: from the start of Python until shown, s": shown_s} | figures
    return figures


def _keep_turns() -> None:
    """Save the conversation that `turns` opens."""
    history, trouble = open_history()
    if history is None:
        raise RuntimeError(trouble)
    options = OpenOptions((os.path.abspath("book.txt"),))
    document = Document(options, "A book", 120_000, datetime.now(UTC))
    session = history.begin(document, "embedded", "sparse")
    for number in range(TURNS):
        history.save_turn(session, number, SavedTurn(f"Question {number}?", "done", SAID, None))
    history.close()


def start(rounds: int) -> Figures:
    """Time until the question box is shown, and a letter typed into it is drawn."""
    figures = Figures()
    for name, flags in (("", ()), (" --fake-engine default", ("--fake-engine", "default"))):
        seconds = [_start(flags) for _ in range(rounds)]
        command = f"sa-chat --demo{name}: to a usable screen"
        figures[f"{command}, median of {rounds}, s"] = statistics.median(seconds)
        figures[f"{command}, longest, s"] = max(seconds)
    return figures


def _start(flags: Sequence[str]) -> float:
    terminal = Terminal([str(PROGRAM), "--demo", "--no-history", *flags])
    terminal.wait_for(PLACEHOLDER)
    terminal.type(b"Z")
    terminal.wait_for("Z")
    seconds = time.perf_counter() - terminal.began
    terminal.type(CTRL_Q)
    terminal.end()
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--start", action="store_true", help="from the command to a typed letter")
    parser.add_argument(
        "--prefill", action="store_true", help="the tick while the embedded reader reads; idle CPU"
    )
    parser.add_argument("--turns", action="store_true", help=f"a conversation of {TURNS} turns")
    parser.add_argument("--document", action="store_true", help="2 MB in the document pane")
    parser.add_argument("--headless", action="store_true", help="the prefill without terminal, too")
    parser.add_argument("--demo", action="store_true", help="read the demonstration, not only the "
                        "handbook")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="starts (default: 7)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the figures as JSON, too")
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)  # part, result, pipe of keys
    args = parser.parse_args(argv)
    if args.inside:
        part, result, keys = args.inside
        figures = asyncio.run(Inside(args.demo, args.headless, int(keys)).run(part))
        Path(result).write_text(json.dumps(figures))
        return 0
    parts = [name for name in ("start", "prefill", "turns", "document") if getattr(args, name)]
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {f"XDG_{kind}_HOME": folder for kind in ("DATA", "CONFIG", "STATE")}
        for part in parts or ("start", "prefill", "turns", "document"):
            figures |= start(args.rounds) if part == "start" else measured(part, args.demo)
            if part == "prefill" and args.headless:
                figures |= measured(part, args.demo, headless=True)
    machine = _machine()
    print(f"{machine}\n\n| In a terminal of {COLUMNS} x {ROWS} | |\n|---|--:|")
    for what, value in figures.items():
        print(f"| {what} | {value:,.2f} |")
    if args.out:
        args.out.write_text(json.dumps({"machine": machine, "figures": figures}, indent=2) + "\n")
    return 0


def _machine() -> str:
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        name = found[1] if found else name
    return (
        f"{name}, {os.cpu_count()} cores; {platform.platform()}, "
        f"python {platform.python_version()}, textual {version('textual')}"
    )


if __name__ == "__main__":
    sys.exit(main())
