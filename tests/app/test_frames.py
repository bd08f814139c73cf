"""How many of our own functions lie between the command line and the request on the wire."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import FrameType

import pytest
from textual.pilot import Pilot

from sa_chat.app import cli
from sa_chat.app.client import engine_process
from sa_chat.app.tui.app import SaChatApp
from sa_chat.protocol.codec import to_line
from sa_chat.protocol.requests import Open, Request

WriteScript = Callable[..., str]
MOST = 7
_PATIENCE_S = 20.0


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Of each `Open` that is written: our functions on the stack, the outermost first."""
    seen: list[list[str]] = []

    def recorded(request: Request) -> bytes:
        if isinstance(request, Open):
            seen.append(_own(sys._getframe(1)))
        return to_line(request)

    monkeypatch.setattr(engine_process, "to_line", recorded)
    return seen


def _own(frame: FrameType | None) -> list[str]:
    names = []
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("sa_chat.app."):
            names.append(f"{module.removeprefix('sa_chat.app.')}.{frame.f_code.co_name}")
        frame = frame.f_back
    return names[::-1]


def test_of_one_question(stacks: list[list[str]], write_script: WriteScript) -> None:
    assert cli.main(["moby.txt", "--ask", "whale", "--fake-engine", write_script()]) == 0
    (stack,) = stacks
    assert (stack[0], stack[-1]) == ("cli.main", "client.engine_process.send")
    assert len(stack) <= MOST, stack


def test_of_the_screen(
    stacks: list[list[str]], write_script: WriteScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave(pilot: Pilot[object]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not stacks:
                await pilot.pause(0.02)
        pilot.app.exit()

    run = SaChatApp.run
    monkeypatch.setattr("sa_chat.app.settings.checks.has_terminal", lambda: True)
    monkeypatch.setattr(SaChatApp, "run", lambda app: run(app, headless=True, auto_pilot=leave))
    assert cli.main(["moby.txt", "--fake-engine", write_script()]) == 0
    (stack,) = stacks
    assert (stack[0], stack[-1]) == ("cli.main", "client.engine_process.send")
    assert "session.session.run" in stack
    assert len(stack) <= MOST, stack
