"""Jupyter notebooks: cells in the percent format, with their text outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sa_chat.protocol.errors import DocumentError

from ..decoding import NotText, clean, decode, normalise_lines
from ..model import OutlineEntry, Part
from .base import ParsedFile, Source
from .flow import Flow
from .headings import markdown_headings
from .html.markup import parse_html, write

_ANSI = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_CELLS_PER_PROGRESS = 50


class NotebookReader:
    """Yields one part: `# %%` before each cell, `# Out:` before its output."""

    suffixes = frozenset((".ipynb",))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        return start.startswith(b"{") and b'"cells"' in head and b'"cell_type"' in head

    def read(self, source: Source) -> ParsedFile:
        """Raises `DocumentError` for a damaged notebook or one without cells."""
        notebook = _load(source)
        source.progress(0.3)
        lines: list[str] = []
        outline: list[OutlineEntry] = []
        cells = list(_cells(notebook))
        for index, cell in enumerate(cells):
            if index % _CELLS_PER_PROGRESS == 0:
                source.progress(0.3 + 0.7 * index / len(cells))
            kind = cell.get("cell_type")
            lines.append("# %%" if kind == "code" else f"# %% [{_word(kind)}]")
            body = _text(cell.get("source", cell.get("input"))).strip("\n").split("\n")
            if kind == "heading":  # version 3
                level = cell.get("level")
                depth = level if isinstance(level, int) and 1 <= level <= 6 else 1
                body = [f"{'#' * depth} {' '.join(body)}"]
            if kind in ("markdown", "heading"):
                for heading in markdown_headings(body):
                    line = len(lines) + heading.line
                    outline.append(OutlineEntry(heading.title, heading.level, 0, line))
            lines += body
            for output in _dicts(cell.get("outputs")):
                shown = _output(output, source.shown).strip("\n")
                if shown:
                    lines += ["# Out:", *shown.split("\n")]
            lines.append("")
        if not cells:
            raise DocumentError(f"{source.shown} has no cells.", "Name a notebook with text in it.")
        title = outline[0].title if outline and outline[0].level == 1 else source.path.stem
        return ParsedFile(title, (Part(source.shown, None, "\n".join(lines)),), tuple(outline))


def _load(source: Source) -> dict[str, Any]:
    try:
        notebook = json.loads(decode(source.content()))
    except (NotText, ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        raise DocumentError(
            f"{source.shown} is not a readable notebook: "
            + ("it nests too deeply." if deep else "it is not JSON."),
            "Open it in Jupyter and save it anew.",
        ) from error
    if not isinstance(notebook, dict):
        raise DocumentError(
            f"{source.shown} is not a readable notebook: it has no cells.",
            "Open it in Jupyter and save it anew.",
        )
    return notebook


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cells of a version 4 notebook, and of version 3, where worksheets contain them."""
    yield from _dicts(notebook.get("cells"))
    for sheet in _dicts(notebook.get("worksheets")):
        yield from _dicts(sheet.get("cells"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """The text of a string, or of a list of lines with their line ends."""
    if isinstance(value, list):
        value = "".join(item for item in value if isinstance(item, str))
    return clean(normalise_lines(value)) if isinstance(value, str) else ""


def _word(value: Any) -> str:
    return clean(value)[:20] if isinstance(value, str) and value.isalpha() else "raw"


def _output(output: dict[str, Any], shown: str) -> str:
    kind = output.get("output_type")
    if kind in ("error", "pyerr"):
        trace = output.get("traceback")
        if isinstance(trace, list) and trace:
            return _ANSI.sub("", "\n".join(_text(line) for line in trace))
        return f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
    data = output.get("data")
    if isinstance(data, dict):
        plain, page = _text(data.get("text/plain")), _text(data.get("text/html"))
    else:  # a stream, or version 3
        plain, page = _text(output.get("text")), _text(output.get("html"))
    if plain or not page:
        return _ANSI.sub("", plain)
    root = parse_html(page, shown)
    if root is None:
        return ""
    flow = Flow(shown)
    write(root, flow)
    return flow.finish()
