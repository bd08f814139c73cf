"""The themes: contrast as WCAG measures it, and a screen without colours."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from sa_chat.app.tui.theme import DARK, HIGH_CONTRAST, LIGHT, THEMES

COMMAND = [sys.executable, "-c", "import sys; from sa_chat.app.cli import main; sys.exit(main())"]
PATIENCE_S = 30.0
ACCENTS = ("primary", "secondary", "accent", "error", "success")


def luminance(color: Color) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def least(theme: Theme, name: str, *grounds: str) -> float:
    """The lowest contrast of a colour over backgrounds, all by their names in the theme."""

    def color(key: str) -> Color:
        return Color.parse(theme.variables.get(key) or getattr(theme, key))

    return min(contrast(color(name), color(ground)) for ground in grounds)


def test_contrast_is_measured_as_wcag_does() -> None:
    assert contrast(Color(0, 0, 0), Color(255, 255, 255)) == pytest.approx(21.0)
    assert contrast(Color(118, 118, 118), Color(255, 255, 255)) == pytest.approx(4.54, abs=0.01)
    assert contrast(Color(9, 9, 9), Color(9, 9, 9)) == 1.0


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_text_can_be_read(theme: Theme) -> None:
    for name in ("foreground", "label", *ACCENTS):
        assert least(theme, name, "background", "surface") >= 4.5, name
    assert least(theme, "faint", "background", "surface") >= 3.0


def test_high_contrast_meets_the_strictest_level() -> None:
    for name in ("foreground", "label", *ACCENTS):
        assert least(HIGH_CONTRAST, name, "background", "surface", "panel") >= 7.0, name
    assert least(HIGH_CONTRAST, "faint", "background", "surface", "panel") >= 4.5
    assert least(HIGH_CONTRAST, "rule", "background", "surface", "panel") >= 4.5
    for part in ("parse", "tokenize", "select", "prefill", "first"):
        assert least(HIGH_CONTRAST, f"ttft-{part}", "background", "surface", "panel") >= 4.5
    assert HIGH_CONTRAST.background == "#000000"


def test_every_theme_has_every_variable() -> None:
    for theme in THEMES.values():
        assert theme.variables.keys() == DARK.variables.keys()
    assert len({theme.name for theme in THEMES.values()}) == len(THEMES)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES.keys())
def test_density_is_told_by_lightness_alone(theme: Theme) -> None:
    """Steps of the density map go one way, so that they can be told apart without colours."""
    steps = [luminance(Color.parse(theme.variables[f"heat-{step}"])) for step in range(5)]
    assert steps in (sorted(steps), sorted(steps, reverse=True))


def drawn(script: str, folder: Path, **environ: str) -> str:
    """What `sa-chat` writes to a terminal of 120 x 36 until an answer stands there."""
    kept = {k: v for k, v in os.environ.items() if k != "NO_COLOR" and "SA_CHAT" not in k}
    kept |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_DATA_HOME": str(folder)}
    kept |= {"SA_CHAT_CONFIG": str(folder / "config.toml"), **environ}
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, "a.txt", "--fake-engine", script],
        stdin=theirs, stdout=theirs, stderr=theirs, env=kept, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        output = ""
        for text, typed in (("A short book", "whale\r"), ("Call me Ishmael", "\x11")):
            for piece in _written(ours):
                output += piece
                if text in output:
                    break
            os.write(ours, typed.encode())
        output += "".join(_written(ours))
        assert process.wait(PATIENCE_S) == 0
        return output
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(ours)


def _written(terminal: int) -> Iterator[str]:
    """What comes from a terminal, until its program ends or has been silent for too long."""
    until = time.monotonic() + PATIENCE_S
    while select.select([terminal], [], [], max(0.0, until - time.monotonic()))[0]:
        try:
            yield os.read(terminal, 65_536).decode(errors="replace")
        except OSError:  # the program has ended
            return


def colors(output: str) -> set[tuple[int, int, int]]:
    """Red, green and blue of all that was set; every colour has to be set by these."""
    found = set()
    for sequence in re.findall(r"\x1b\[([0-9;]*)m", output):
        codes = [int(code or 0) for code in sequence.split(";")]
        while codes:
            code = codes.pop(0)
            if code in (38, 48):
                assert codes.pop(0) == 2, sequence
                found.add((codes.pop(0), codes.pop(0), codes.pop(0)))
            else:
                assert code not in (*range(30, 38), *range(40, 48), *range(90, 108)), sequence
    return found


def test_without_color_nothing_is_colored(write_script: Callable[..., str], tmp_path: Path) -> None:
    script = write_script()
    in_color = colors(drawn(script, tmp_path))
    assert Color.parse(DARK.primary).rgb in in_color
    grey = colors(drawn(script, tmp_path, NO_COLOR="1"))
    assert len(grey) > 3  # shades remain
    assert {color for color in grey if len(set(color)) > 1} == set()


def test_the_theme_is_chosen_by_the_settings(
    write_script: Callable[..., str], tmp_path: Path
) -> None:
    found = colors(drawn(write_script(), tmp_path, SA_CHAT_THEME="high-contrast"))
    assert Color.parse(HIGH_CONTRAST.primary).rgb in found
    assert Color.parse(DARK.primary).rgb not in found
