"""What the engine says: frozen dataclasses, one per event, units in the names.

Events flow out of every step in one direction, to whoever listens: the screen, the
one-shot mode, a test.  `protocol.py` turns them into JSON lines and back.  This module
imports neither torch nor textual.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Section:
    """A part of a document that a person would name: a chapter, a page, a file."""

    title: str
    path: str
    level: int  # 0 is a whole file; 1 its chapters; and so on
    page: str | None  # printed page label of its first line, when it has pages
    line: int  # 1-based line in `path` (or on the page) where it starts
    tokens: int  # including everything below it

    @property
    def key(self) -> str:
        """Names this section among those of one opening; `OpenOptions.drop` takes it."""
        return section_key(self.path, self.level, self.title, self.page, self.line)


def section_key(path: str, level: int, title: str, page: str | None, line: int) -> str:
    """See `Section.key`."""
    return path if level == 0 else f"{path}#{title}@{page or ''}:{line}"


@dataclass(frozen=True)
class LeftOut:
    """Something under the given paths that the model will not see."""

    path: str
    reason: str


@dataclass(frozen=True)
class Drop:
    """One step of a proposal: leave this out, and the document is so much shorter."""

    name: str  # for people: a folder, a file, a chapter, pages
    why: str  # "tests", "examples", "appendix", "index", ... or "large"
    tokens: int
    flag: str  # the same on the command line: "--exclude 'tests/'", quoted for a shell
    keys: tuple[str, ...]  # of the sections that go, for `OpenOptions.drop`; empty if it cuts one


@dataclass(frozen=True)
class DeviceUse:
    """Memory of one device in bytes.  On CPU it is the memory of the engine's process.

    Weights and keys and values are what the engine knows of `used_bytes`.  On CPU their pages
    count as used only once they are written, so they may be more than that for a while.
    """

    name: str
    used_bytes: int  # by this engine
    peak_bytes: int  # by this engine, since it started
    total_bytes: int  # of the device
    driver_bytes: int  # in use by all processes, as the driver says; on CPU as the system says
    weights_bytes: int  # of the model that is loaded
    kv_bytes: int  # allocated for keys and values

    @property
    def workspace_bytes(self) -> int:
        """What else the engine uses: activations; on CPU the program itself, too."""
        return max(0, self.used_bytes - self.weights_bytes - self.kv_bytes)


@dataclass(frozen=True)
class Citation:
    """A quotation in an answer, and where the document has it.

    Unverified quotations have no place: `page` is None and `line` is 0.
    """

    quote: str
    path: str
    page: str | None
    line: int  # 1-based; in the file, or on the page for documents with pages
    verified: bool
    passage: str = ""  # the document's own words: blanks, dashes, line ends as they are there


@dataclass(frozen=True)
class PastTurn:
    """A question and what was said to it, to be known to a new reading of the document."""

    question: str
    text: str


@dataclass(frozen=True)
class Ttft:
    """Time to first token of a cold question, split.  Idle time while the user types is
    not in it.  `select_s` is counted apart from, not inside, `prefill_s`."""

    parse_s: float = 0.0
    tokenize_s: float = 0.0
    select_s: float = 0.0
    prefill_s: float = 0.0
    first_token_s: float = 0.0

    @property
    def total_s(self) -> float:
        return self.parse_s + self.tokenize_s + self.select_s + self.prefill_s + self.first_token_s


@dataclass(frozen=True)
class AttentionFigures:
    """What the prefill computed, over document tokens (definitions: handbook, chapter 'Figures').

    density = computed (query, key) pairs / causal pairs.  Coverage of a row = softmax mass that
    its kept keys hold under exact attention, on held-out rows that selection did not sample, in
    chunks that were not dense: mean, 5th percentile, and minimum (the papers' CRA).  1.0 in
    dense mode.
    """

    mode: str  # "sparse" or "dense"
    alpha: float
    density: float
    coverage: float
    coverage_p5: float = 1.0
    coverage_min: float = 1.0

    @property
    def sparsity(self) -> float:
        return 1.0 - self.density


@dataclass(frozen=True)
class LoadProgress:
    """The model is being loaded; `fraction` runs from 0 to 1."""

    stage: str  # one of "parse", "tokenize", "model"
    fraction: float
    seconds: float


@dataclass(frozen=True)
class ModelReady:
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
class DocumentSize:
    """A document, parsed and counted in the model's own tokens."""

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
        """Too many for the context; 0 or less if the document fits."""
        return self.prompt_tokens + self.reserve_tokens - self.context_tokens


@dataclass(frozen=True)
class DocumentReady(DocumentSize):
    """The document is counted and fits; now it is read."""


@dataclass(frozen=True)
class DocumentCounted(DocumentSize):
    """The document is counted, and is not read now: that was all that was asked, or it does not
    fit.  Then `proposal` says how it would."""

    proposal: tuple[Drop, ...] = ()


@dataclass(frozen=True)
class DocumentText:
    """A stretch of exactly what the model reads: `head`, which is lines of our own (title, name
    of a file, page label), and `text`, which stands in `path` from `line` on."""

    text: str
    last: bool = False
    path: str = ""
    page: str | None = None
    line: int = 1  # 1-based; in the file, or on the page
    head: str = ""


@dataclass(frozen=True)
class PrefillProgress:
    """One chunk more is in the cache."""

    tokens_done: int
    tokens_total: int
    seconds: float
    density: float  # over all chunks so far
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][heads], over all chunks so far
    devices: tuple[DeviceUse, ...] = ()
    select_s: float = 0.0  # of `seconds`


@dataclass(frozen=True)
class PrefillDone:
    """The document is in the cache; `ttft.first_token_s` is still 0."""

    tokens: int
    ttft: Ttft
    attention: AttentionFigures
    density_by_head: tuple[tuple[float, ...], ...]
    devices: tuple[DeviceUse, ...] = ()
    document_nll: float | None = None  # nats a token; None unless the configuration asks for it


@dataclass(frozen=True)
class TextDelta:
    """More text of the answer to question `ask_id`; always whole characters."""

    ask_id: str
    text: str
    tokens: int = 0  # of the answer so far
    seconds: float = 0.0  # since its first token


@dataclass(frozen=True)
class Answer:
    """The answer to question `ask_id` is complete (or was stopped: see `stop_reason`)."""

    ask_id: str
    question: str
    text: str
    citations: tuple[Citation, ...]
    tokens: int
    tokens_per_s: float
    question_ttft_s: float  # from the question to the first token of its answer
    stop_reason: str  # "stop", "length" or "cancelled"
    ttft: Ttft  # the cold TTFT; `first_token_s` is that of the first question
    forgot_turns: bool = False  # earlier turns were dropped to make room; the document stays


@dataclass(frozen=True)
class Cancelled:
    """Work was cancelled; after a prefill, `open` reads the document again from its beginning."""

    what: str  # "prefill", "count" or "compare"


@dataclass(frozen=True)
class DeviceStats:
    """Sent on request and about once a second while the engine works."""

    devices: tuple[DeviceUse, ...]


@dataclass(frozen=True)
class Failed:
    """A request failed.  The engine lives on unless `fatal`."""

    message: str
    hint: str
    kind: str  # see errors.py
    ask_id: str | None = None
    fatal: bool = False


@dataclass(frozen=True)
class Closed:
    """The engine's last word after `close`."""

    reason: str = field(default="closed")


Event = (
    LoadProgress
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
    | Failed
    | Closed
)
