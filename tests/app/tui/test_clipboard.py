"""By which ways a text goes into the clipboard, and what is said of it."""

from __future__ import annotations

import pyperclip
import pytest

from sa_chat.app.tui.clipboard import copy

pytestmark = pytest.mark.asyncio
LONG = "x" * 80_000


class Desktop:
    """A tool such as xclip, or none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, works: bool) -> None:
        self.taken: list[str] = []
        self._works = works
        monkeypatch.delenv("SSH_CONNECTION", raising=False)
        monkeypatch.setattr("pyperclip.copy", self._copy)

    def _copy(self, text: str) -> None:
        if not self._works:
            raise pyperclip.PyperclipException("no tool")
        self.taken.append(text)


async def test_both_ways_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop, terminal = Desktop(monkeypatch, works=True), list[str]()
    assert await copy("text", terminal.append) == "is in the clipboard."
    assert desktop.taken == terminal == ["text"]


async def test_without_a_tool_the_terminal_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Desktop(monkeypatch, works=False)
    terminal = list[str]()
    assert "OSC 52" in await copy("text", terminal.append)
    assert terminal == ["text"]


async def test_what_is_too_long_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop, terminal = Desktop(monkeypatch, works=True), list[str]()
    assert await copy(LONG, terminal.append) == "is in the clipboard."
    assert desktop.taken == [LONG]
    Desktop(monkeypatch, works=False)
    assert "too long" in await copy(LONG, terminal.append)
    assert terminal == []


async def test_over_ssh_the_other_machine_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop, terminal = Desktop(monkeypatch, works=True), list[str]()
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 22 10.0.0.2 22")
    assert "OSC 52" in await copy("text", terminal.append)
    assert desktop.taken == []
