"""Explains why a tokenizer cannot be loaded, naming the missing or damaged file if there is one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sa_chat.protocol.errors import ModelError

_OTHERS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "generation_config.json",
)


def unloadable(model: str, why: str) -> ModelError:
    """The error for a tokenizer of a folder or hub id; `why` is the end of a sentence."""
    return ModelError(
        f"The tokenizer of {model} cannot be loaded: {why}.",
        "Give --model a folder or hub id with the model's own, whole tokenizer.json.",
    )


def reason(
    model: str, message: str, needed: str = "tokenizer.json", others: Sequence[str] = _OTHERS
) -> str:
    """The cause, without a full stop.

    Args:
        message: the error of the library, used for models on the hub and where no file is damaged.
        needed: a file that must exist, unlike `others`.
    """
    folder = Path(model)
    if not folder.is_dir():
        return message
    for name in (needed, *others):
        if damage := _damage(folder / name):
            return f"{name} {damage}"
    return message if (folder / needed).is_file() else f"{needed} is missing"


def first_line(error: Exception) -> str:
    """The first line of an error message, without its full stop."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return f"it lacks {lines[0]}" if isinstance(error, KeyError) else lines[0].rstrip(".: ")[:200]


def _damage(path: Path) -> str:
    """What is wrong with a file; empty if it is intact or missing."""
    if not path.is_file():
        return ""
    try:
        content = path.read_bytes()
        data = json.loads(content)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ValueError:
        return "is not JSON" if content.strip() else "is empty"
    if not isinstance(data, dict) or (path.name == "tokenizer.json" and "model" not in data):
        return "is not what its name says"
    return ""
