"""Scripts of the fake engine: frozen dataclasses, read from JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from sa_chat.protocol.errors import EXIT_CODES, UsageError
from sa_chat.protocol.values import Citation, LeftOut, Section

DEFAULT = "default"
_REFUSAL = "I could not find that in the document.\n"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Failure:
    """An error to raise; `kind` as in `errors.error_of_kind`."""

    kind: str
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        if self.kind not in EXIT_CODES:
            raise ValueError(f"{self.kind!r} is no kind of error")


@dataclass(frozen=True)
class Stretch:
    """A part of what the model reads; fields as in `events.DocumentText`."""

    text: str
    path: str
    page: str | None = None
    line: int = 1
    head: str = ""


@dataclass(frozen=True)
class Reply:
    """The answer to all questions that contain `question`, ignoring case."""

    question: str  # "" matches every question
    text: str = ""
    citations: tuple[Citation, ...] = ()
    failure: Failure | None = None  # raised after `text`
    crash_after_tokens: int | None = None  # the process exits during the answer
    crash_exit_code: int = 70


@dataclass(frozen=True)
class Script:
    """What the fake engine plays.  It reports these times, and waits `pace` times as long."""

    title: str = ""  # empty: the name of the first path
    model: str = "fake reader"
    layers: int = 10
    heads: int = 8
    context_tokens: int = 131_072
    reserve_tokens: int = 2_048
    document_tokens: int = 24_576
    chunk_tokens: int = 2_048
    load_s: float = 0.8
    calibrate_s: float = 0.0  # of measuring the machine; 0: not measured
    parse_s: float = 0.4
    tokenize_s: float = 0.2
    chunk_s: float = 0.5
    first_token_s: float = 0.25
    token_s: float = 0.03
    pace: float = 1.0
    memory_bytes: int = 768 * 2**20
    sections: tuple[Section, ...] = ()  # empty: one for each path
    left_out: tuple[LeftOut, ...] = ()
    text: tuple[Stretch, ...] = ()  # empty: generated, containing the passages of all citations
    open_failure: Failure | None = None
    password: str | None = None  # that opens the document
    noise: str = ""  # printed to stdout while opening
    replies: tuple[Reply, ...] = (Reply("", _REFUSAL),)


def load_script(name: str) -> Script:
    """The script in the JSON file `name`, or the built-in one.  Raises `UsageError`."""
    if name == DEFAULT:
        return DEFAULT_SCRIPT
    try:
        return _script(json.loads(Path(name).read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"The fake engine's script {name!r} cannot be read: {error}.",
            "Give a JSON file with the fields of sa_chat.engine.fake.script.Script, or 'default'.",
        ) from error


def _script(data: dict[str, Any]) -> Script:
    return _make(
        Script,
        data,
        sections=lambda items: tuple(_make(Section, item) for item in items),
        left_out=lambda items: tuple(_make(LeftOut, item) for item in items),
        text=lambda items: tuple(_make(Stretch, item) for item in items),
        open_failure=lambda item: item and _make(Failure, item),
        replies=lambda items: tuple(_reply(item) for item in items),
    )


def _reply(data: dict[str, Any]) -> Reply:
    return _make(
        Reply,
        data,
        citations=lambda items: tuple(_make(Citation, item) for item in items),
        failure=lambda item: item and _make(Failure, item),
    )


def _make(cls: type[_T], data: dict[str, Any], **nested: Any) -> _T:
    if not isinstance(data, dict):
        raise TypeError(f"{cls.__name__} is no JSON object")
    unknown = data.keys() - {item.name for item in fields(cls)}  # type: ignore[arg-type]
    if unknown:
        raise TypeError(f"{cls.__name__} has no {', '.join(sorted(unknown))}")
    return cls(**{k: nested[k](v) if k in nested else v for k, v in data.items()})


DEFAULT_SCRIPT = Script(
    title="The sa-chat handbook",
    sections=(
        Section("The sa-chat handbook", "handbook.pdf", 0, "i", 1, 24_576),
        Section("First steps", "handbook.pdf", 1, "1", 1, 4_310),
        Section("How sparse prefill works", "handbook.pdf", 1, "7", 1, 9_122),
        Section("Figures", "handbook.pdf", 1, "19", 1, 6_480),
        Section("Troubleshooting", "handbook.pdf", 1, "27", 1, 4_664),
    ),
    left_out=(LeftOut("logo.png", "not text"),),
    replies=(
        Reply(
            "density",
            "> Density is the number of computed query-key pairs divided by the number of "
            "causal pairs.\n\nA density of one is dense attention; sparsity is what is missing "
            "to one.\n",
            (
                Citation(
                    "Density is the number of computed query-key pairs divided by the number "
                    "of causal pairs.",
                    "handbook.pdf",
                    "19",
                    6,
                    True,
                ),
            ),
        ),
        Reply(
            "invent",
            "> A quotation that the document does not have.\n",
            (Citation("A quotation that the document does not have.", "", None, 0, False),),
        ),
        Reply("crash", "This answer never reaches its end.", crash_after_tokens=4),
        Reply("", _REFUSAL),
    ),
)
