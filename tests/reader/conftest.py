"""Documents for the real reader: invented notes, with facts planted in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import FACTS, PROSE


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text file with every statement of `FACTS` between its paragraphs."""
    paragraphs = PROSE.read_text("utf-8").split("\n\n")
    for number, (statement, _) in enumerate(FACTS.values(), start=1):
        paragraphs.insert(number * len(paragraphs) // (len(FACTS) + 1), statement)
    path = tmp_path_factory.mktemp("documents") / "notes.txt"
    path.write_text("\n\n".join(paragraphs), "utf-8")
    return path
