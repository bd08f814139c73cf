"""Settings from a file, the environment and the command line, in ascending precedence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa_chat.protocol.arguments import CONFIG_OPTIONS
from sa_chat.protocol.config import EngineConfig, config_of
from sa_chat.protocol.errors import UsageError

from .file import FILE_VARIABLE, read_settings

THEME_NAMES = ("dark", "light", "high-contrast")
_KINDS: dict[str, type] = {
    **{option.field: option.kind for option in CONFIG_OPTIONS},
    "theme": str,
    "history": bool,
}
_SAME = {"alpha", "quality"}
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Settings:
    """Settings of the screen."""

    theme: str | None = None  # one of `THEME_NAMES`; None: the default
    history: bool = True  # whether conversations are saved
    keys: Mapping[str, str] = field(default_factory=dict)  # by id of a binding: "f5" or "f5,ctrl+t"


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Path of the settings file, which may not exist."""
    if named := environ.get(FILE_VARIABLE):
        return Path(os.path.expanduser(named))
    import platformdirs

    return platformdirs.user_config_path("sa-chat", appauthor=False) / "config.toml"


def load_settings(
    given: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> tuple[EngineConfig, Settings]:
    """All settings; `given` are the options of the command line, by field.

    Raises `UsageError` that says which of the three places is wrong.
    """
    path = config_path(environ)
    in_file = read_settings(path, _KINDS)
    keys = in_file.pop("keys", {})
    typed = {name: value for name, value in given.items() if name in _KINDS}
    values: dict[str, Any] = {}
    for stronger in (in_file, _in_environment(environ), typed):
        values = _overruled(values, stronger)

    def placed(error: UsageError, name: str) -> UsageError:
        """The error, with the place where `name` was set unless that is the command line."""
        if name in typed:
            return error
        variable, written = _variable(name), _written(name)
        place = variable if environ.get(variable) else f"{written} in {path}"
        return UsageError(f"{place}: {error.message}", f"{error.hint} Or overrule it: --{written}.")

    values: dict[str, Any] = {}
    for layer in (in_file, _in_environment(environ), typed):
        try:
            values |= with_quality(layer)
        except UsageError as error:
            raise placed(error, "quality") from error
    theme, history = values.pop("theme", None), values.pop("history", True)
    if theme not in (None, *THEME_NAMES):
        unknown = UsageError(f"Unknown theme {theme!r}.", "Use dark, light or high-contrast.")
        raise placed(unknown, "theme")
    try:
        config = config_of(values)
    except UsageError as error:
        if (name := _to_blame(error, values)) is None:
            raise
        raise placed(error, name) from error
    return config, Settings(theme, history, keys)


def _overruled(weaker: Mapping[str, Any], stronger: Mapping[str, Any]) -> dict[str, Any]:
    """The values of two places.  An alpha overrules a quality, and the reverse."""
    unset = _SAME if _SAME & stronger.keys() else set()
    return {**{name: value for name, value in weaker.items() if name not in unset}, **stronger}


def _in_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Settings from variables; empty ones count as unset.  Raises `UsageError`."""
    return {
        name: _parsed(text, kind, _variable(name))
        for name, kind in _KINDS.items()
        if (text := environ.get(_variable(name)))
    }


def _parsed(text: str, kind: type, variable: str) -> Any:
    hint = f"Or unset {variable}."
    if kind is bool:
        word = text.strip().casefold()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise UsageError(f"{variable} must be true or false, not {text!r}.", hint)
    try:
        return kind(text)
    except ValueError:
        number = "a whole number" if kind is int else "a number"
        raise UsageError(f"{variable} must be {number}, not {text!r}.", hint) from None


def _to_blame(error: UsageError, values: Mapping[str, Any]) -> str | None:
    """The field whose value alone raises the same error, or, with an alpha, the quality."""
    if values.keys() >= _SAME:
        return "quality"
    for name, value in values.items():
        try:
            config_of({name: value})
        except UsageError as alone:
            if alone.message == error.message:
                return name
    return None


def _variable(name: str) -> str:
    return f"SA_CHAT_{name.upper()}"


def _written(name: str) -> str:
    return name.replace("_", "-")
