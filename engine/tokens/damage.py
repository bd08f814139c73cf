"""Why a tokenizer cannot be loaded: by the file that is missing or damaged, where one is."""

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
    model: str, told: str, needed: str = "tokenizer.json", others: Sequence[str] = _OTHERS
) -> str:
    """The cause, without a full stop.

    Args:
        told: what the library said; of a model on the hub there is nothing better.
        needed: a file that must be there, as opposed to `others`.
    """
    folder = Path(model)
    if not folder.is_dir():
        return told
    for name in (needed, *others):
        if damage := _damage(folder / name):
            return f"{name} {damage}"
    return told if (folder / needed).is_file() else f"{needed} is missing"


def first_line(error: Exception) -> str:
    """Of what an error says, without its full stop."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return f"it lacks {lines[0]}" if isinstance(error, KeyError) else lines[0].rstrip(".: ")[:200]


def _damage(path: Path) -> str:
    """What is wrong with the file; nothing if it is whole, or not there."""
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
