"""A conversation as a separate file: Markdown for people, JSON for programs.

Neither has the document's text, only what was asked, answered and quoted.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sa_chat.protocol.errors import UsageError
from sa_chat.protocol.events import Answer
from sa_chat.protocol.text import clean
from sa_chat.protocol.values import Citation

from ..report.text import count, one_line, plural, rate, seconds
from .values import Saved, SavedTurn

_SPECIAL = re.compile(r"[\\`*_\[\]<>&#|~$]")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAME_CHARACTERS = 50  # of a file name; in UTF-8 well below the usual limit of 255 bytes


def to_markdown(saved: Saved) -> str:
    """The conversation as Markdown.  Names and questions are escaped; answers are Markdown already
    and lose only control characters.  Times are ISO 8601."""
    info = saved.info
    document = info.document
    head = [
        f"# {_plain(info.name)}",
        "",
        f"- Document: {_plain(document.title)}, {count(document.tokens)} tokens,"
        f" opened {document.opened.isoformat(timespec='seconds')}",
        *(f"- Path: {_plain(path)}" for path in document.options.paths),
        f"- Model: {_plain(info.model)}",
        f"- Attention: {_plain(info.attention)}",
        f"- Last turn: {info.updated.isoformat(timespec='seconds')}",
    ]
    turns = [line for number, turn in enumerate(saved.turns, 1) for line in _turn(number, turn)]
    return "\n".join([*head, *turns]) + "\n"


def to_json(saved: Saved) -> str:
    """The conversation as one JSON object.  Times are ISO 8601.  Lone surrogates, in paths
    that are not UTF-8 are `\\udc80` and the like, as Python's `json` reads them."""
    info = saved.info
    document = info.document
    options = asdict(document.options)
    options.pop("password")
    exported = {
        "format": "sa-chat conversation 1",
        "name": info.name,
        "document": {
            "title": document.title,
            "tokens": document.tokens,
            "opened": document.opened.isoformat(),
            **options,
        },
        "model": info.model,
        "attention": info.attention,
        "updated": info.updated.isoformat(),
        "turns": [
            {
                "question": turn.question,
                "status": turn.status,
                "text": turn.text,
                "answer": _answer(turn.answer),
                "compared": _answer(turn.compared),
            }
            for turn in saved.turns
        ],
    }
    text = json.dumps(exported, ensure_ascii=False, indent=2)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def file_name(saved: Saved, suffix: str) -> str:
    """A file name from date and name: no folder, no blanks, not hidden.

    `suffix` has its dot.
    """
    words = re.sub(r"[^\w]+", "-", one_line(saved.info.name))[:_NAME_CHARACTERS].strip("-")
    return f"{saved.info.updated.date().isoformat()}-{words or 'conversation'}{suffix}"


def write_new(path: Path, text: str) -> None:
    """Write a new file, completely or not at all.  Raises `UsageError`, also if it exists."""
    data = text.encode("utf-8", "replace")
    try:
        with path.open("xb") as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                os.unlink(path)
                raise
    except FileExistsError as error:
        raise UsageError(
            f"{path} is there already.", "Give another name; nothing was overwritten."
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", "Give another folder."
        ) from error
    except ValueError as error:  # a zero byte, or a character that the system's encoding lacks
        raise UsageError(f"No file can be called {str(path)!r}.", "Give another name.") from error


def _turn(number: int, turn: SavedTurn) -> list[str]:
    lines = ["", *_question(number, clean(turn.question).strip())]
    if turn.text.strip():
        lines += ["", *_text(turn.text)]
    if turn.answer is None:
        return [*lines, "", f"*{_plain(turn.status)}*"]
    lines += _sources(turn.answer.citations)
    lines += ["", f"*{_stats(turn.answer)}*"]
    if turn.compared is not None:
        compared = turn.compared
        lines += ["", "### In the other attention mode", "", *_text(compared.text)]
        lines += [*_sources(compared.citations), "", f"*{_stats(compared)}*"]
    return lines


def _question(number: int, question: str) -> list[str]:
    """A heading; a question of several lines follows it unchanged."""
    if "\n" not in question:
        return [f"## {number}. {_plain(question)}"]
    longest = max((len(run) for run in re.findall("`+", question)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"## {number}. Question", "", f"{fence}text", question, fence]


def _text(text: str) -> list[str]:
    """The answer; an open code block is closed at its end."""
    lines = clean(text).strip("\n").split("\n")
    fence = ""
    for line in lines:
        match = _FENCE.fullmatch(line)
        if match is None:
            continue
        run, rest = match.groups()
        if fence:
            if run.startswith(fence) and not rest.strip():
                fence = ""
        elif run[0] == "~" or "`" not in rest:
            fence = run
    return [*lines, fence] if fence else lines


def _sources(citations: tuple[Citation, ...]) -> list[str]:
    if not citations:
        return []
    return ["", "Quotations:", "", *(f"- {_source(citation)}" for citation in citations)]


def _source(citation: Citation) -> str:
    quote = f"“{_plain(citation.quote)}”"
    if not citation.verified:
        return f"{quote} (not found in the document)"
    page = f", page {_plain(citation.page)}" if citation.page is not None else ""
    return f"{quote} ({_plain(citation.path)}{page}, line {citation.line}; verified)"


def _stats(answer: Answer) -> str:
    parts = [
        f"first token after {seconds(answer.question_ttft_s)}",
        f"of a cold start after {seconds(answer.ttft.total_s)}",
        plural(answer.tokens, "token"),
        rate(answer.tokens_per_s),
    ]
    if answer.stop_reason != "stop":
        parts.append(f"ended by {_plain(answer.stop_reason)}")
    return " · ".join(parts)


def _plain(text: str) -> str:
    """`text` as one line, escaped so that Markdown shows it unchanged."""
    return _SPECIAL.sub(r"\\\g<0>", one_line(text))


def _answer(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {
        "text": answer.text,
        "citations": [
            {
                "quote": citation.quote,
                "path": citation.path,
                "page": citation.page,
                "line": citation.line,
                "verified": citation.verified,
            }
            for citation in answer.citations
        ],
        "tokens": answer.tokens,
        "tokens_per_s": answer.tokens_per_s,
        "question_ttft_s": answer.question_ttft_s,
        "stop_reason": answer.stop_reason,
        "ttft": {**asdict(answer.ttft), "total_s": answer.ttft.total_s},
    }
