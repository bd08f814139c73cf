"""The values that requests and events carry: frozen dataclasses, units in the names."""

from __future__ import annotations

from dataclasses import dataclass


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
        """Identifies the section within one opening; used in `OpenOptions.drop`."""
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
    """One step of a proposal: a part to leave out, and the tokens that this saves."""

    name: str  # for people: a folder, a file, a chapter, pages
    why: str  # "tests", "examples", "appendix", "index", ... or "large"
    tokens: int
    flag: str  # the same on the command line: "--exclude 'tests/'", quoted for a shell
    keys: tuple[str, ...]  # for `OpenOptions.drop`; empty if it cuts a section


@dataclass(frozen=True)
class DeviceUse:
    """Memory of one device in bytes.  On CPU it is the memory of the engine's process.

    `weights_bytes` and `kv_bytes` are the parts of `used_bytes` that the engine knows.  On CPU
    their pages count as used only once they are written, so their sum may exceed `used_bytes` for
    a while.
    """

    name: str
    used_bytes: int  # by this engine
    peak_bytes: int  # by this engine, since it started
    total_bytes: int  # of the device
    driver_bytes: int  # used by all processes, as reported by the driver or the system
    weights_bytes: int  # of the loaded model
    kv_bytes: int  # allocated for keys and values

    @property
    def workspace_bytes(self) -> int:
        """The remaining memory of the engine: activations, and on CPU the program itself."""
        return max(0, self.used_bytes - self.weights_bytes - self.kv_bytes)


@dataclass(frozen=True)
class Citation:
    """A quotation in an answer and its place in the document.

    Unverified quotations have no place: `page` is None and `line` is 0.
    """

    quote: str
    path: str
    page: str | None
    line: int  # 1-based; in the file, or on the page for documents with pages
    verified: bool
    passage: str = ""  # the document's own text, with its blanks, dashes and line ends


@dataclass(frozen=True)
class PastTurn:
    """An earlier question and its answer, for `Open.replay_turns`."""

    question: str
    text: str


@dataclass(frozen=True)
class Ttft:
    """The parts of the time to first token of a cold question, without idle time while the user
    types.  `select_s` is not contained in `prefill_s`."""

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
    """What the prefill computed, over the document's tokens (see the handbook, chapter 'Figures').

    density = computed (query, key) pairs / causal pairs.  Recall of a row (cumulative residual
    attention, CRA, in the papers) = softmax mass that its kept keys hold under exact attention, on
    held-out rows that selection did not sample, in chunks that were not dense: mean, 5th
    percentile, and minimum.  1.0 in dense mode.
    """

    mode: str  # "sparse" or "dense"
    alpha: float
    density: float
    recall: float
    recall_p5: float = 1.0
    recall_min: float = 1.0

    @property
    def sparsity(self) -> float:
        return 1.0 - self.density
