"""What an evaluation measured: one line of JSON for each document read in each configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Configuration:
    """How the documents of a run are read."""

    mode: str  # "dense" or "sparse"
    method: str = "auto"  # one of `config.METHODS`; of no meaning in dense mode
    alpha: float = 1.0

    @property
    def label(self) -> str:
        """For tables and keys: "dense", "auto 0.95"."""
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
    refused: bool  # it said that the document has no answer
    tokens: int
    stop_reason: str


@dataclass(frozen=True)
class ReadingResult:
    """One document, read in one configuration, with the answers to its questions.

    Density is over all chunks; coverage is of held-out rows in chunks that were not dense
    (1.0 where all were); `document_nll` is the mean negative log-likelihood of the document's
    tokens, each after all tokens before it, in nats a token.
    """

    trial: str  # key of the `Trial`
    length: int
    configuration: Configuration
    prompt_tokens: int
    density: float
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][H]
    coverage: float
    coverage_p5: float
    coverage_min: float
    document_nll: float
    prefill_s: float  # selection included, and scoring the document's tokens
    answers: tuple[AnswerResult, ...]


@dataclass(frozen=True)
class NotRun:
    """A cell that could not be made, and why: nothing is left out in silence."""

    task: str
    length: int
    reason: str
