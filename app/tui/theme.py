"""The themes of the screen: a calm instrument by night and by day, and one of high contrast."""

from __future__ import annotations

from dataclasses import dataclass

from textual.theme import Theme


@dataclass(frozen=True)
class _Palette:
    """Colours as hex strings; `heat` runs from density 0 to 1, `ttft` over the five parts."""

    background: str
    surface: str
    panel: str
    rule: str
    faint: str
    label: str
    foreground: str
    primary: str
    secondary: str
    accent: str
    error: str
    success: str
    ttft: tuple[str, str, str, str, str]
    heat: tuple[str, str, str, str, str]


_NIGHT = _Palette(
    background="#0f1418",
    surface="#151c21",
    panel="#1f2a31",
    rule="#2b3840",
    faint="#5f6f79",
    label="#8796a0",
    foreground="#d3dae0",
    primary="#5cc2ae",
    secondary="#6f9bd8",
    accent="#e3b15f",
    error="#e0726c",
    success="#7cc48a",
    ttft=("#8b7fc7", "#6f9bd8", "#e3b15f", "#5cc2ae", "#d98a5e"),
    heat=("#16232a", "#1f4a54", "#2f8580", "#8cbf7a", "#f2dd8c"),
)
_DAY = _Palette(
    background="#f6f7f5",
    surface="#edf0ee",
    panel="#dfe5e2",
    rule="#c9d1d0",
    faint="#74848c",
    label="#566670",
    foreground="#22303a",
    primary="#0f7566",
    secondary="#2f5f9e",
    accent="#8f5c06",
    error="#b23a34",
    success="#2f7a44",
    ttft=("#6a5cb0", "#2f5f9e", "#b5790f", "#0f7566", "#b0562a"),
    heat=("#e4ebe8", "#a9d3c4", "#4fa391", "#1d6d78", "#143a5c"),
)
_STARK = _Palette(  # text at least 7:1, as WCAG's level AAA asks
    background="#000000",
    surface="#0d0d0d",
    panel="#2a2a2a",
    rule="#9a9a9a",
    faint="#b4b4b4",
    label="#d6d6d6",
    foreground="#ffffff",
    primary="#58f0d2",
    secondary="#9cc3ff",
    accent="#ffd25a",
    error="#ffa39c",
    success="#8df0a2",
    ttft=("#c3b5ff", "#7fb2ff", "#ffd25a", "#58f0d2", "#ff9e64"),
    heat=("#14313a", "#1f6f80", "#37b8a8", "#b4e886", "#fff5a8"),
)
_TTFT_PARTS = ("parse", "tokenize", "select", "prefill", "first")


def _theme(name: str, colors: _Palette, *, dark: bool) -> Theme:
    ttft = zip(_TTFT_PARTS, colors.ttft, strict=True)
    return Theme(
        name=name,
        dark=dark,
        primary=colors.primary,
        secondary=colors.secondary,
        accent=colors.accent,
        warning=colors.accent,
        error=colors.error,
        success=colors.success,
        foreground=colors.foreground,
        background=colors.background,
        surface=colors.surface,
        panel=colors.panel,
        variables={
            "rule": colors.rule,
            "label": colors.label,
            "faint": colors.faint,
            **{f"ttft-{part}": color for part, color in ttft},
            **{f"heat-{step}": color for step, color in enumerate(colors.heat)},
            "footer-background": colors.background,
            "footer-item-background": colors.background,
            "footer-key-background": colors.background,
            "footer-key-foreground": colors.primary,
            "footer-description-background": colors.background,
            "footer-description-foreground": colors.label,
            "input-selection-background": f"{colors.primary} 30%",
            "input-cursor-background": colors.primary,
            "input-cursor-foreground": colors.background,
            "input-cursor-text-style": "none",
            "scrollbar": colors.rule,
            "scrollbar-hover": colors.faint,
            "scrollbar-active": colors.primary,
            "scrollbar-background": colors.background,
            "scrollbar-background-hover": colors.background,
            "scrollbar-background-active": colors.background,
            "scrollbar-corner-color": colors.background,
        },
    )


DARK = _theme("sa-chat-dark", _NIGHT, dark=True)
LIGHT = _theme("sa-chat-light", _DAY, dark=False)
HIGH_CONTRAST = _theme("sa-chat-high-contrast", _STARK, dark=True)
THEMES = {"dark": DARK, "light": LIGHT, "high-contrast": HIGH_CONTRAST}
"""By the names that the settings use (`THEME_NAMES`)."""
