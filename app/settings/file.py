"""The settings file: TOML, with the options of the command line as keys."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sa_chat.protocol.errors import UsageError

FILE_VARIABLE = "SA_CHAT_CONFIG"  # path of another file
_MOST_BYTES = 1 << 20
_POSITION = re.compile(r" \(at (?:(line \d+), column \d+|(end) of document)\)$")
_EXAMPLE = 'A setting is a line like: theme = "light"'
_NAMES = {
    str: ("text", "Text stands in quotation marks."),
    int: ("a whole number", "It stands without quotation marks, such as 65536."),
    float: ("a number", "It stands without quotation marks, such as 0.8."),
    bool: ("true or false", "It stands in small letters, without quotation marks."),
}


def read_settings(path: Path, kinds: Mapping[str, type]) -> dict[str, Any]:
    """Values by field; `keys`, if present, is a `dict[str, str]`.  Empty if there is no file.

    Hyphens in names are as underscores.  Raises `UsageError` for a file that cannot be read, is no
    TOML, or has a setting that is not in `kinds` or of another type.
    """
    settings: dict[str, Any] = {}
    for key, value in _table(path).items():
        name = key.replace("-", "_")
        if name in settings:
            raise UsageError(f"In {path}: {key!r} is set twice.", "Leave one of them out.")
        if name == "keys":
            settings[name] = _keys(path, value)
        elif name in kinds:
            settings[name] = _checked(path, key, value, kinds[name])
        else:
            known = ", ".join([*(known.replace("_", "-") for known in kinds), "keys"])
            raise UsageError(f"In {path}: there is no setting {key!r}.", f"There are {known}.")
    if isinstance(model := settings.get("model"), str):
        settings["model"] = os.path.expanduser(model)  # as shells do on the command line
    return settings


def _table(path: Path) -> dict[str, Any]:
    import tomllib

    data = _bytes(path)
    try:
        # With a line end, errors in the last line have a position.
        return tomllib.loads(data.decode("utf-8-sig") + "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"In {path}, line {line}: not UTF-8.", "Save the file in that encoding."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise _broken(path, str(error)) from error
    except ValueError as error:  # raised by Python for numbers with thousands of digits
        raise UsageError(f"In {path}: a number is too long.", _EXAMPLE) from error
    except RecursionError as error:
        raise UsageError(f"In {path}: lists are nested too deeply.", _EXAMPLE) from error


def _bytes(path: Path) -> bytes:
    hint = f"Mend or remove it, or name another file in {FILE_VARIABLE}."
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint) from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} has more than {_MOST_BYTES >> 10:,} KiB.", hint)
    return data


def _broken(path: Path, message: str) -> UsageError:
    """The error for a message of tomllib, which has the position in brackets at its end."""
    found = _POSITION.search(message)
    where = "" if found is None else f", {found[1] or 'at its end'}"
    what = _POSITION.sub("", message)
    return UsageError(f"In {path}{where}: {what[:1].lower()}{what[1:]}.", _EXAMPLE)


def _checked(path: Path, key: str, value: object, kind: type) -> object:
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise UsageError(f"In {path}: {key} is too large.", _NAMES[float][1]) from None
    if type(value) is not kind:  # bool is a subclass of int
        name, hint = _NAMES[kind]
        raise UsageError(f"In {path}: {key} must be {name}, not {_short(value)}.", hint)
    return value


def _keys(path: Path, table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        raise UsageError(
            f"In {path}: keys must be a table, not {_short(table)}.",
            'Write [keys] on a line, and below it lines like: theme = "f5"',
        )
    for name, keys in table.items():
        if not (isinstance(keys, str) and all(key.strip() for key in keys.split(","))):
            raise UsageError(
                f"In {path}: {name!r} under [keys] must be a key in quotation marks, "
                f"not {_short(keys)}.",
                f'Write {name} = "f5", or {name} = "f5,ctrl+t" for two.',
            )
    return table


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
