"""The program as a person meets it: a real terminal, the real reader, the demonstration."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux, the terminal"),
    pytest.mark.timeout(1_200),
]
_PATIENCE_S = 900.0  # the demonstration is 55 thousand tokens, and a machine may be slow


class Terminal:
    """A program in a tmux of its own."""

    def __init__(self, socket: Path, command: str, columns: int, rows: int) -> None:
        self._socket = socket
        self._run("new-session", "-d", "-x", str(columns), "-y", str(rows), command)

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def read(self) -> str:
        return self._run("capture-pane", "-p")

    def wait_for(self, text: str, patience_s: float = 30.0) -> str:
        """The screen, once it shows `text`."""
        until = time.monotonic() + patience_s
        while text not in (shown := self.read()):
            assert time.monotonic() < until, f"no {text!r} on the screen:\n{shown}"
            time.sleep(0.1)
        return shown

    def ended(self) -> bool:
        result = subprocess.run(
            ["tmux", "-S", self._socket, "has-session"], capture_output=True, check=False
        )
        return result.returncode != 0

    def close(self) -> None:
        subprocess.run(
            ["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False
        )

    def _run(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Terminal]:
    program = Path(sys.executable).with_name("sa-chat")
    terminal = Terminal(tmp_path / "tmux", f"env -u COLUMNS -u LINES {program} --demo", 120, 40)
    try:
        yield terminal
    finally:
        terminal.close()


def test_the_demonstration_is_asked_while_it_is_read_and_answers(demo: Terminal) -> None:
    demo.wait_for("Ask the document")
    demo.type("What is density?")
    demo.wait_for("What is density?")
    demo.press("Enter")
    shown = demo.wait_for("queued")
    assert "What is density?" in shown
    demo.wait_for("tokens ·")  # it is being read
    demo.wait_for("● ready", _PATIENCE_S)
    shown = demo.wait_for("tok/s · first after", 120.0)
    assert "0 dropped" in shown
    assert "of attention skipped" in shown
    assert "✓ handbook.pdf p. " in shown
    demo.press("C-t")
    demo.wait_for("Show in the document")
    demo.press("Enter")
    shown = demo.wait_for("handbook.pdf · page")
    assert "Density" in shown or "density" in shown
    demo.press("Escape")
    demo.wait_for("Ask the document")
    demo.press("C-q")
    until = time.monotonic() + 20.0
    while not demo.ended():
        assert time.monotonic() < until, "the program did not end"
        time.sleep(0.1)
