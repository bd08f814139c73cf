"""Copy to the clipboard through the terminal (OSC 52) and through the desktop's own tool.

A terminal does not report whether it accepted OSC 52, so both are used where both exist.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

_OSC_52_BYTES = 74_994  # the limit of xterm and tmux, before base64


async def copy(text: str, to_terminal: Callable[[str], None]) -> str:
    """Copy `text`; returns the outcome as the end of a sentence."""
    fits = len(text.encode("utf-8", "replace")) <= _OSC_52_BYTES
    if fits:
        to_terminal(text)
    # Over ssh the desktop's tool would reach the wrong machine.
    if not os.environ.get("SSH_CONNECTION") and await asyncio.to_thread(_to_desktop, text):
        return "is in the clipboard."
    if fits:
        return "went to the terminal's clipboard (OSC 52)."
    return "is too long for the terminal's clipboard, and there is no other."


def _to_desktop(text: str) -> bool:
    """Copy with a tool such as wl-copy, xclip or pbcopy; False if that is not possible."""
    import pyperclip

    try:
        pyperclip.copy(text)
    except (pyperclip.PyperclipException, OSError):
        return False  # no such tool, or no desktop to use it on
    return True
