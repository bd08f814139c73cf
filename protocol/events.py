"""What the engine reports: frozen dataclasses, one per event, units in the names.

Events flow out of every step in one direction, to whoever listens: the screen, the
one-shot mode, a test.  `codec.py` turns them into JSON lines and back.  This module
imports neither torch nor textual.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, get_args

from .errors import (
    ContextOverflow,
    DocumentError,
    DroppedPartsError,
    EngineError,
    ModelError,
    PasswordError,
    SaChatError,
    UsageError,
)
from .values import AttentionFigures, Citation, DeviceUse, Drop, LeftOut, Section, Ttft


@dataclass(frozen=True)
class EngineEvent:
    """Base of all events.

    `request_id` names the request that the event answers.  It is None for events that no request
    asked for: periodic memory figures, `Closed` at the end of input, and the failure of a line
    that is no request.  Engines leave it unset; the worker that runs the request sets it.
    """

    request_id: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class CalibrationProgress(EngineEvent):
    """This machine is being measured, once, before the first prefill that needs the result;
    `fraction` runs from 0 to 1.  The measurement is not part of the time to first token."""

    fraction: float
    seconds: float


@dataclass(frozen=True)
class LoadProgress(EngineEvent):
    """A stage of loading is under way; `fraction` runs from 0 to 1."""

    stage: str  # one of "parse", "tokenize", "model"
    fraction: float
    seconds: float


@dataclass(frozen=True)
class ModelReady(EngineEvent):
    """The model is in memory."""

    name: str
    parameters: int
    layers: int
    heads: int
    context_tokens: int
    dtype: str
    device: str
    load_s: float


@dataclass(frozen=True)
class DocumentSize(EngineEvent):
    """Size and parts of a document, counted in the model's own tokens."""

    title: str
    paths: tuple[str, ...]
    sections: tuple[Section, ...]
    left_out: tuple[LeftOut, ...]
    prompt_tokens: int  # document and template, before any question
    context_tokens: int
    reserve_tokens: int  # kept free for questions and answers
    dropped_tokens: int = 0  # of sections that were left out by choice; `left_out` names them

    @property
    def excess_tokens(self) -> int:
        """Tokens beyond the context; 0 or less if the document fits."""
        return self.prompt_tokens + self.reserve_tokens - self.context_tokens


@dataclass(frozen=True)
class DocumentReady(DocumentSize):
    """The document is counted and fits; the prefill follows."""


@dataclass(frozen=True)
class DocumentCounted(DocumentSize):
    """The document is counted and no prefill follows: only counting was requested, or the document
    does not fit.  In that case `proposal` lists what to leave out."""

    proposal: tuple[Drop, ...] = ()


@dataclass(frozen=True)
class DocumentText(EngineEvent):
    """A part of the exact text that the model reads: `head`, lines that are not in the document
    (title, file name, page label), and `text`, which starts at `line` of `path`."""

    text: str
    last: bool = False
    path: str = ""
    page: str | None = None
    line: int = 1  # 1-based; in the file, or on the page
    head: str = ""


@dataclass(frozen=True)
class PrefillProgress(EngineEvent):
    """Another chunk is in the cache."""

    tokens_done: int
    tokens_total: int
    seconds: float
    density: float  # over all chunks so far
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][heads], over all chunks so far
    devices: tuple[DeviceUse, ...] = ()
    select_s: float = 0.0  # of `seconds`


@dataclass(frozen=True)
class PrefillDone(EngineEvent):
    """The document is in the cache; `ttft.first_token_s` is still 0."""

    tokens: int
    ttft: Ttft
    attention: AttentionFigures
    density_by_head: tuple[tuple[float, ...], ...]
    devices: tuple[DeviceUse, ...] = ()
    document_nll: float | None = None  # nats a token; None unless the configuration asks for it


@dataclass(frozen=True)
class TextDelta(EngineEvent):
    """The next piece of an answer; always whole characters."""

    text: str
    tokens: int = 0  # of the answer so far
    seconds: float = 0.0  # since its first token


@dataclass(frozen=True)
class Answer(EngineEvent):
    """An answer is complete (or was stopped: see `stop_reason`)."""

    question: str
    text: str
    citations: tuple[Citation, ...]
    tokens: int
    tokens_per_s: float
    question_ttft_s: float  # from the question to the first token of its answer
    stop_reason: str  # "stop", "length", "repetition" or "cancelled"
    ttft: Ttft  # the cold TTFT; `first_token_s` is that of the first question
    forgot_turns: bool = False  # earlier turns were dropped to make room for this one


@dataclass(frozen=True)
class Cancelled(EngineEvent):
    """The request was cancelled.  After a cancelled prefill the document has to be opened again."""

    what: str  # "prefill", "count" or "compare"


@dataclass(frozen=True)
class DeviceStats(EngineEvent):
    """Memory in use: the answer to `Stats`, and about once a second while the engine works."""

    devices: tuple[DeviceUse, ...]


@dataclass(frozen=True)
class Failed(EngineEvent):
    """A request failed.  The engine lives on unless `fatal`.

    The base of one event type for each exception type in `errors.py`.  `failed` converts an
    exception to its event, `exception` converts back.
    """

    error_type: ClassVar[type[SaChatError]] = SaChatError

    message: str
    hint: str
    fatal: bool = False

    def exception(self) -> SaChatError:
        return self.error_type(self.message, self.hint)


@dataclass(frozen=True)
class UsageFailed(Failed):
    error_type = UsageError


@dataclass(frozen=True)
class DroppedPartsFailed(Failed):
    error_type = DroppedPartsError


@dataclass(frozen=True)
class DocumentFailed(Failed):
    error_type = DocumentError


@dataclass(frozen=True)
class PasswordFailed(Failed):
    error_type = PasswordError


@dataclass(frozen=True)
class ContextOverflowFailed(Failed):
    error_type = ContextOverflow


@dataclass(frozen=True)
class ModelFailed(Failed):
    error_type = ModelError


@dataclass(frozen=True)
class EngineFailed(Failed):
    error_type = EngineError


@dataclass(frozen=True)
class Closed(EngineEvent):
    """The last event of an engine process."""

    reason: str = field(default="closed")


Failure = (
    UsageFailed
    | DroppedPartsFailed
    | DocumentFailed
    | PasswordFailed
    | ContextOverflowFailed
    | ModelFailed
    | EngineFailed
)

_FAILURES: dict[type[SaChatError], type[Failure]] = {
    cls.error_type: cls for cls in get_args(Failure)
}


def failed(error: SaChatError, *, fatal: bool = False, request_id: str | None = None) -> Failure:
    """The event for `error`, by its nearest type in `errors.py`."""
    nearest = next((cls for cls in type(error).__mro__ if cls in _FAILURES), EngineError)
    return _FAILURES[nearest](error.message, error.hint, fatal, request_id=request_id)


Event = (
    LoadProgress
    | CalibrationProgress
    | ModelReady
    | DocumentCounted
    | DocumentText
    | DocumentReady
    | PrefillProgress
    | PrefillDone
    | TextDelta
    | Answer
    | Cancelled
    | DeviceStats
    | Failure
    | Closed
)
