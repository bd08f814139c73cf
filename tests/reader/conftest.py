"""Documents for the real reader: the project's own prose, with facts planted in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import FACTS, project_prose


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text file with every statement of `FACTS` between its paragraphs."""
    paragraphs = project_prose().split("\n\n")
    for number, (statement, _) in enumerate(FACTS.values(), start=1):
        paragraphs.insert(number * len(paragraphs) // (len(FACTS) + 1), statement)
    path = tmp_path_factory.mktemp("documents") / "notes.txt"
    path.write_text("\n\n".join(paragraphs), "utf-8")
    return path
