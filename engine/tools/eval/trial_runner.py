"""Runs trials: prefills a document and asks its questions, through the engine of `sa-chat`."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.events import Answer, Event, PrefillDone

from ...session.local import LocalEngine
from ...tokens import Tokenizer
from .asked.judge import judge
from .asked.trials import ASKED
from .results import AnswerResult, Configuration, TrialResult
from .scoring import RULES, refused
from .sizing import TokenCounter, write_files
from .trial import Question, Trial

_E = TypeVar("_E", PrefillDone, Answer)


class TrialRunner:
    """Runs trials on one model, with an engine for each configuration."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._events: list[Event] = []
        self._engine = LocalEngine(config, self._events.append)

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer.  Raises `ModelError`."""
        return self._engine.tokenizer

    @property
    def context_tokens(self) -> int:
        """The most tokens that the model reads.  Raises `ModelError` or `UsageError`."""
        return self._engine.context_tokens

    def run(self, trial: Trial, configuration: Configuration) -> TrialResult:
        """Prefill the trial's document and ask each of its questions as the first.

        Raises what `LocalEngine.open` and `ask` raise.
        """
        engine = self._engine.reconfigured(self._configured(trial, configuration))
        with tempfile.TemporaryDirectory() as folder:
            path = write_files(trial.files, Path(folder))
            engine.open(OpenOptions(paths=(str(path),)))
        assert engine.opened is not None
        done = self._last(PrefillDone)
        answers = []
        for question in trial.questions:
            engine.ask(question.text)
            answers.append(_scored(question, self._last(Answer)))
            engine.reset_turns()
        attention = done.attention
        assert done.document_nll is not None
        return TrialResult(
            trial=trial.key,
            length=trial.length,
            configuration=configuration,
            prompt_tokens=done.tokens,
            density=attention.density,
            density_by_head=done.density_by_head,
            recall=attention.recall,
            recall_p5=attention.recall_p5,
            recall_min=attention.recall_min,
            document_nll=done.document_nll,
            prefill_s=done.ttft.select_s + done.ttft.prefill_s,
            answers=tuple(answers),
            heads=engine.opened.heads,
        )

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def _configured(self, trial: Trial, configuration: Configuration) -> EngineConfig:
        """The engine's configuration, which reserves exactly the longest question and answer."""
        return replace(
            self._config,
            attention=configuration.mode,
            method=configuration.method,
            alpha=configuration.alpha,
            max_answer_tokens=max(question.answer_tokens for question in trial.questions),
            reserve_tokens=TokenCounter(self.tokenizer).reserve_tokens(trial.questions),
            document_nll=True,
        )

    def _last(self, kind: type[_E]) -> _E:
        """The last event of a kind; discards all collected events."""
        found = next(event for event in reversed(self._events) if isinstance(event, kind))
        self._events.clear()
        return found


def _scored(question: Question, answer: Answer) -> AnswerResult:
    unscored = AnswerResult(
        task=question.task,
        index=question.index,
        depth=question.depth,
        question=question.text,
        expected=question.expected,
        text=answer.text,
        score=0.0,
        refused=refused(answer.text),
        tokens=answer.tokens,
        stop_reason=answer.stop_reason,
    )
    if question.rule == ASKED:
        return _judged(unscored, answer)
    return replace(unscored, score=RULES[question.rule](answer.text, question.expected))


def _judged(result: AnswerResult, answer: Answer) -> AnswerResult:
    """The result with the verdict on an answer to a natural question."""
    expected, sentence = result.expected
    quotes = [citation.quote for citation in answer.citations if citation.verified]
    verdict = judge(answer.text, result.question, expected, sentence, quotes)
    return replace(result, score=float(verdict.right), **asdict(verdict))
