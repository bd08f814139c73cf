"""What a benchmark measured: rows in JSON with the environment they belong to, and tables."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sa_chat.protocol.errors import UsageError

from ...info.environment import describe, environment

Row = dict[str, Any]


class Report:
    """The record of one run, kept up to date in `out`/`kind`.json while the run goes on.

    Raises `UsageError` if `out` cannot be made or written to.
    """

    def __init__(self, kind: str, settings: Row, out: Path | None, heading: str = "") -> None:
        """The Markdown has `heading`, or the command `sa-engine bench` with its `kind`."""
        self.kind = kind
        self.rows: list[Row] = []
        self._heading = heading or f"sa-engine bench {kind}"
        self._settings = settings
        self._environment = environment()
        self._out = out
        self._save(None)

    def add(self, row: Row) -> None:
        """A measurement more; an interrupted run keeps it."""
        self.rows.append(row)
        self._save(None)

    def finish(self, summary: Row | None = None, tables: Sequence[str] = ()) -> None:
        """The end of the run: `summary` joins the JSON, `tables`, Markdown, go to `kind`.md."""
        self._save(summary)
        if self._out is not None and tables:
            heading = [f"# {self._heading}", describe(self._environment)]
            _replace(self._out / f"{self.kind}.md", "\n\n".join([*heading, *tables]) + "\n")

    def path(self, suffix: str) -> Path | None:
        """Where a file of this run goes, such as a picture (".png"); None without `out`."""
        return None if self._out is None else self._out / f"{self.kind}{suffix}"

    def _save(self, summary: Row | None) -> None:
        if self._out is None:
            return
        content = {
            "kind": self.kind,
            "settings": self._settings,
            "environment": self._environment,
            "rows": self.rows,
            "summary": summary,
        }
        _replace(self._out / f"{self.kind}.json", json.dumps(content, indent=1) + "\n")


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table whose columns also line up as plain text: numbers to the right.

    A column is one of numbers if its first filled cell starts with a digit.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [
        max(3, len(heading), *(len(row[at]) for row in cells))
        for at, heading in enumerate(headings)
    ]
    right = [_is_number([row[at] for row in cells]) for at in range(len(headings))]

    def line(row: Sequence[str]) -> str:
        fitted = (
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(row, widths, right, strict=True)
        )
        return f"| {' | '.join(fitted)} |"

    rules = (
        "-" * (width - 1) + (":" if is_right else "-")
        for width, is_right in zip(widths, right, strict=True)
    )
    return "\n".join([line(headings), f"| {' | '.join(rules)} |", *map(line, cells)])


def _is_number(column: Sequence[str]) -> bool:
    filled = [text for text in column if text.strip("- ")]
    return bool(filled) and filled[0][0].isdigit()


def _replace(path: Path, text: str) -> None:
    """Write the whole file or leave the one that is there."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, "utf-8")
        os.replace(part, path)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{path.parent} is not a folder.", "Give another --out.") from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", "Give another folder with --out."
        ) from error
