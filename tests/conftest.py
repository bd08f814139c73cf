"""Scripts for the fake engine, and folders that are thrown away."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

QUICK: dict[str, Any] = {
    "title": "A short book",
    "document_tokens": 4_000,
    "chunk_tokens": 1_000,
    "layers": 3,
    "heads": 2,
    "pace": 0.0,
    "replies": [
        {
            "question": "whale",
            "text": "> Call me Ishmael.\n",
            "citations": [
                {
                    "quote": "Call me Ishmael.",
                    "path": "moby.txt",
                    "page": None,
                    "line": 7,
                    "verified": True,
                }
            ],
        },
        {"question": "crash", "text": "one two three four", "crash_after_tokens": 2},
        {
            "question": "impossible",
            "failure": {"kind": "overflow", "message": "Too long.", "hint": "Ask less."},
        },
        {"question": "", "text": "I could not find that in the document.\n"},
    ],
}


@pytest.fixture
def write_script(tmp_path: Path) -> Callable[..., str]:
    """Writes a script without waits, changed by keywords; gives its path."""

    def write(**changes: Any) -> str:
        path = tmp_path / "script.json"
        path.write_text(json.dumps({**QUICK, **changes}), "utf-8")
        return str(path)

    return write


@pytest.fixture(autouse=True, scope="session")
def _own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is measured of the machine is kept for all tests, and not beyond them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the log, the history and the settings; no settings of the user's."""
    for name in [name for name in os.environ if name.startswith("SA_CHAT_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for kind in ("STATE", "DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
