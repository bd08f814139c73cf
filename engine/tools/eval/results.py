"""The results of an evaluation: one JSON line for each trial in each configuration."""

from __future__ import annotations

from dataclasses import dataclass

from ...attention.head_figures import HeadFigures


@dataclass(frozen=True)
class Configuration:
    """How the documents of a run are prefilled."""

    mode: str  # "dense" or "sparse"
    method: str = "auto"  # one of `config.METHODS`; not used in dense mode
    alpha: float = 1.0

    @property
    def label(self) -> str:
        """The name in tables and keys: "dense", "auto 0.95"."""
        return "dense" if self.mode == "dense" else f"{self.method} {self.alpha:g}"


@dataclass(frozen=True)
class AnswerResult:
    """The answer to one question, and its score."""

    task: str
    index: int
    depth: float | None
    question: str
    expected: tuple[str, ...]
    text: str
    score: float  # 0 to 1
    refused: bool  # it said that the document does not contain the answer
    tokens: int
    stop_reason: str
    word_recall: float | None = None  # of the task asked: see `asked.Verdict`
    numbers_found: bool | None = None
    quote_f1: float | None = None


@dataclass(frozen=True)
class TrialResult:
    """One document, prefilled in one configuration, with the answers to its questions.

    Density is over all chunks; recall (the papers' CRA) is of held-out rows in chunks that were not
    dense (1.0 if all were); `document_nll` is the mean negative log-likelihood of the document's
    tokens, each given all tokens before it, in nats per token.
    """

    trial: str  # key of the `Trial`
    length: int
    configuration: Configuration
    prompt_tokens: int
    density: float
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][H]
    recall: float
    recall_p5: float
    recall_min: float
    document_nll: float
    prefill_s: float  # including selection and the scoring of the document's tokens
    answers: tuple[AnswerResult, ...]
    heads: tuple[HeadFigures, ...] = ()  # of those measured


@dataclass(frozen=True)
class NotRun:
    """A cell that could not be made, and why: nothing is left out silently."""

    task: str
    length: int
    reason: str
