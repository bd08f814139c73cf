"""How smooth the screen is, and what it costs: `python benchmarks/screen.py`.

Every part stands alone; without a choice all are measured.  Figures of the screen's process; the
engine has one of its own.  The tick is a coroutine in the screen's event loop that wants to wake
every 16 ms: what is told is the time from one wake to the next.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
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
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from sa_chat.app.app import SaChatApp
from sa_chat.app.history import Document, SavedTurn, open_history
from sa_chat.app.keeping import Keeper
from sa_chat.app.launch import Launch
from sa_chat.app.state import Phase
from sa_chat.app.widgets.document_pane import DocumentPane
from sa_chat.app.widgets.question_box import QuestionBox
from sa_chat.engine import events
from sa_chat.engine.config import EngineConfig, OpenOptions
from sa_chat.engine.protocol import Ask, Request

HANDBOOK = Path(__file__).parents[1] / "assets" / "handbook.pdf"
TICK_S = 0.016
SIZE = (120, 40)
TURNS = 500
BOOK_BYTES = 2_000_000
WORDS_PER_S = 100
ANSWER = (
    "The narrator says so at once, and at some length, before anything else has happened:\n\n"
    "> Call me Ishmael. Some years ago, never mind how long precisely.\n\n"
    "1. He tells the story *himself*,\n2. and he survives it.\n\n"
    "```python\ndef whale() -> int:\n    return 1\n```\n"
)
Figures = dict[str, float]


class Tick:
    """Records how far apart its wakes are, while it runs."""

    def __init__(self) -> None:
        self._gaps: list[float] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._gaps.clear()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.perf_counter()
            self._gaps.append((now - last) * 1e3)
            last = now

    def stop(self, name: str) -> Figures:
        """Median, 99th percentile and longest, in ms."""
        assert self._task is not None
        self._task.cancel()
        gaps = sorted(self._gaps)
        return {
            f"{name}: tick, median, ms": statistics.median(gaps),
            f"{name}: tick, 99th percentile, ms": gaps[int(0.99 * (len(gaps) - 1))],
            f"{name}: tick, longest, ms": gaps[-1],
        }


class Scripted:
    """An engine's client without a process: says what a part of this script wants."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[events.Event] = asyncio.Queue()
        self.asked: list[str] = []

    async def start(self) -> None:
        pass

    async def send(self, request: Request) -> None:
        if isinstance(request, Ask):
            self.asked.append(request.ask_id)

    async def events(self) -> AsyncIterator[events.Event]:
        while True:
            yield await self._events.get()

    async def stop(self) -> None:
        pass

    def say(self, *said: events.Event) -> None:
        for event in said:
            self._events.put_nowait(event)


def ready(title: str, tokens: int) -> tuple[events.Event, ...]:
    """A document that is open."""
    section = events.Section(title, "book.txt", 0, None, 1, tokens)
    figures = events.AttentionFigures("sparse", 0.95, 0.2, 0.97)
    by_head = ((0.2,) * 8,) * 10
    device = events.DeviceUse("CPU", 2**30, 2**30, 2**34, 2**31, 2**26, 2**28)
    return (
        events.DocumentReady(title, ("book.txt",), (section,), (), tokens, 131_072, 8_192),
        events.ModelReady("a script", 32_600_000, 10, 8, 131_072, "bfloat16", "cpu", 0.1),
        events.PrefillDone(tokens, events.Ttft(0.1, 0.1, 1.0, 9.0), figures, by_head, (device,)),
    )


def rss_mb() -> float:
    """Of this process."""
    return psutil.Process().memory_info().rss / 1e6


async def prefill() -> Figures:
    """The tick while the embedded reader reads the handbook on all cores; memory afterwards."""
    app = SaChatApp(Launch(OpenOptions((str(HANDBOOK),)), EngineConfig()), keeper=Keeper(None))
    tick, figures = Tick(), {"memory of the screen after its start, MB": 0.0}
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.5)
        figures["memory of the screen after its start, MB"] = rss_mb()
        await _until(lambda: app.session.state.progress is not None)
        tick.start()
        await _until(lambda: app.session.state.phase is Phase.READY)
        figures |= tick.stop("prefill of the handbook")
        figures["memory of the screen after the prefill, MB"] = rss_mb()
        figures |= await idle()
    return figures


async def idle() -> Figures:
    """CPU time of this process over 20 seconds in which nothing happens."""
    await asyncio.sleep(2.0)
    process = psutil.Process()
    process.cpu_percent()
    await asyncio.sleep(20.0)
    return {"idle: CPU, % of a core": process.cpu_percent()}


async def conversation() -> Figures:
    """500 turns that were kept: opened, scrolled, and a long answer behind them."""
    history, trouble = open_history()
    assert history is not None, trouble
    options = OpenOptions((os.path.abspath("book.txt"),))
    document = Document(options, "A book", 120_000, datetime.now(UTC))
    session = history.begin(document, "embedded", "sparse")
    for number in range(TURNS):
        turn = SavedTurn(f"Question {number}?", "done", ANSWER, None)
        history.save_turn(session, number, turn)
    client = Scripted()
    launch = Launch(options, EngineConfig(), resume=True)
    app = SaChatApp(launch, lambda config: client, Keeper(history))
    tick, figures = Tick(), Figures()
    began = time.perf_counter()
    async with app.run_test(size=SIZE) as pilot:
        client.say(*ready("A book", 120_000))
        await _until(lambda: app.session.state.phase is Phase.READY)
        await pilot.pause()
        figures[f"{TURNS} turns: until they are shown, s"] = time.perf_counter() - began
        tick.start()
        for key in ("pageup", "pagedown"):
            for _ in range(25):
                await pilot.press(key)
                await asyncio.sleep(0.05)
        figures |= tick.stop(f"{TURNS} turns, scrolled")
        await pilot.press("ctrl+end")
        app.screen.query_one(QuestionBox).text = "And now?"
        await pilot.press("enter")
        await _until(lambda: bool(client.asked))
        tick.start()
        for number in range(2_000):
            end = "\n\n" if number % 60 == 59 else " "
            client.say(events.TextDelta(client.asked[-1], f"word{number}{end}", number + 1, 1.0))
            await asyncio.sleep(1 / WORDS_PER_S)
        figures |= tick.stop(f"{TURNS} turns, 2,000 words streamed behind them")
        figures[f"memory of the screen with {TURNS} turns, MB"] = rss_mb()
    return figures


async def book() -> Figures:
    """A text of 2 MB: opened, paged, searched, a passage in its middle shown."""
    line = "It was a bright cold day, and the clocks of the town were striking, one by one.\n"
    lines = BOOK_BYTES // len(line)
    text = "".join(f"{number} {line}" for number in range(lines))
    passage = f"{lines // 2} It was a bright"
    client = Scripted()
    app = SaChatApp(
        Launch(OpenOptions(("book.txt",)), EngineConfig()), lambda config: client, Keeper(None)
    )
    tick, figures = Tick(), Figures()
    async with app.run_test(size=(160, 45)) as pilot:
        opened, *rest = ready("A book", 120_000)
        client.say(opened)
        for start in range(0, len(text), 2**20):
            piece = text[start : start + 2**20]
            first = 1 + text.count("\n", 0, start)
            last = start + 2**20 >= len(text)
            client.say(events.DocumentText(piece, last, "book.txt", None, first))
        client.say(*rest)
        await _until(lambda: app.session.state.phase is Phase.READY)
        tick.start()
        await pilot.press("f5")
        await asyncio.sleep(0.3)
        figures |= tick.stop("2 MB, opened")
        tick.start()
        for key in ("pagedown", "j", "ctrl+d", "G", "g"):
            for _ in range(10):
                await pilot.press(key)
                await asyncio.sleep(0.03)
        await pilot.press("slash", *"striking", "enter", "n", "n", "N")
        pane = app.screen.query_one(DocumentPane)
        citation = events.Citation(passage, "book.txt", None, lines // 2, True, passage)
        assert pane.open_at(citation)
        await asyncio.sleep(0.2)
        figures |= tick.stop("2 MB, moved and searched")
    return figures


async def _until(reached: Callable[[], bool], patience_s: float = 900.0) -> None:
    async with asyncio.timeout(patience_s):
        while not reached():
            await asyncio.sleep(0.02)


def start() -> Figures:
    """From the start of `sa-chat --demo` to a screen that takes a letter, in a terminal; median
    of seven."""
    seconds = [_start() for _ in range(7)]
    return {
        "sa-chat --demo until a typed letter is shown, median of 7, s": statistics.median(seconds),
        "sa-chat --demo until a typed letter is shown, longest of 7, s": max(seconds),
    }


def _start() -> float:
    program = Path(sys.executable).with_name("sa-chat")
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(program, [str(program), "--demo", "--no-history"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    try:
        _read_until(terminal, "Ask the document")
        os.write(terminal, b"Z")
        _read_until(terminal, "Z")
        return time.perf_counter() - began
    finally:
        os.write(terminal, b"\x11")  # Ctrl+Q
        _drain(terminal)
        os.waitpid(pid, 0)
        os.close(terminal)


def _read_until(terminal: int, text: str) -> None:
    shown, until = "", time.monotonic() + 60.0
    while text not in shown:
        if time.monotonic() > until:
            raise TimeoutError(f"no {text!r} on the screen")
        if select.select([terminal], [], [], 0.01)[0]:
            shown += os.read(terminal, 65_536).decode("utf-8", "replace")
            shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def _drain(terminal: int) -> None:
    """Read what comes until the program is gone."""
    while True:
        try:
            if not os.read(terminal, 65_536):
                return
        except OSError:
            return


PARTS: dict[str, Callable[[], Figures] | Callable[[], Coroutine[Any, Any, Figures]]] = {
    "start": start,
    "book": book,
    "conversation": conversation,
    "prefill": prefill,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("DATA", "CONFIG"):
            os.environ[f"XDG_{kind}_HOME"] = folder
        for name in arguments.parts or PARTS:
            told = PARTS[name]()
            figures |= asyncio.run(told) if asyncio.iscoroutine(told) else told
            gc.unfreeze()
    machine = f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
    print(f"{machine}, textual {version('textual')}\n\n| | |\n|---|---|")
    for what, value in figures.items():
        print(f"| {what} | {value:.2f} |")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps({"machine": machine, **figures}, indent=1))


if __name__ == "__main__":
    main()
