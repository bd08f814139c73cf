"""Find a model's folder or hub id without importing anything heavy."""

from __future__ import annotations

import re
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig
from sa_chat.protocol.errors import ModelError

_HUB_ID = re.compile(r"(?:\w[\w.-]{0,95}/)?\w[\w.-]{0,95}")


def check_model(config: EngineConfig) -> None:
    """Raises `ModelError` for a name that can be neither a model folder nor a hub id.

    A hub id is not looked up here.
    """
    if config.model != EMBEDDED_MODEL:
        local_folder(config.model)


def local_folder(model: str) -> Path | None:
    """The folder that `model` names, or None if it is a hub id.

    A name is a folder if it exists as one, if its first part does (`models/missing`), or if
    nothing of the form `owner/name` or `name` could be it (`./x`, `/x/y`, `~/x`, `a/b/c`).

    Raises `ModelError` if it is a file, or such a folder that is missing or holds no model.
    """
    path = Path(model).expanduser()
    if model and path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(
                f"The folder {model} holds no model: config.json is missing.",
                "Give the folder that has config.json, the tokenizer and *.safetensors files.",
            )
        return path
    if path.is_file():
        raise ModelError(
            f"{model} is a file, not a model folder.",
            "Give the folder that has config.json in it, or a Hugging Face id.",
        )
    first = path.parts[0] if len(path.parts) > 1 else None
    if not _HUB_ID.fullmatch(model) or (first is not None and Path(first).is_dir()):
        raise ModelError(
            f"There is no model folder {model or '(empty name)'}.",
            "Check the path, or leave --model out to use the embedded reader.",
        )
    return None


def reader_folder(stack: ExitStack) -> Path:
    """The folder of the embedded reader, which stays a real folder until `stack` closes.

    Raises `ModelError` if the installation has none.
    """
    resource = resources.files("sa_chat.assets") / "reader"
    folder = stack.enter_context(resources.as_file(resource))
    if not (folder / "model.safetensors").is_file():
        raise ModelError(
            "The embedded reader is missing from this installation.",
            "Install sa-chat again, or give a model with --model.",
        )
    return folder
