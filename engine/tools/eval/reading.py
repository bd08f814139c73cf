"""Reads a trial's document and asks its questions, on the way that `sa-chat` takes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.events import Answer, Event, PrefillDone

from ...session.local import LocalEngine
from ...tokens import Tokenizer
from .results import AnswerResult, Configuration, ReadingResult
from .scoring import RULES, refused
from .sizing import Counter, write_files
from .trial import Question, Trial

_E = TypeVar("_E", PrefillDone, Answer)


class Reader:
    """One model in memory, and an engine for each configuration that a trial is read in."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._events: list[Event] = []
        self._engine = LocalEngine(config, self._events.append)

    @property
    def tokenizer(self) -> Tokenizer:
        """Raises ModelError."""
        return self._engine.tokenizer

    @property
    def context_tokens(self) -> int:
        """Raises ModelError or UsageError."""
        return self._engine.context_tokens

    def read(self, trial: Trial, configuration: Configuration) -> ReadingResult:
        """Prefill the trial's document and ask each of its questions as the first.

        Raises what `LocalEngine.open` and `ask` raise.
        """
        engine = self._engine.reconfigured(self._configured(trial, configuration))
        with tempfile.TemporaryDirectory() as folder:
            path = write_files(trial.files, Path(folder))
            engine.open(OpenOptions(paths=(str(path),)))
        done = self._last(PrefillDone)
        answers = []
        for question in trial.questions:
            engine.ask(question.text)
            answers.append(_scored(question, self._last(Answer)))
            engine.reset_turns()
        attention = done.attention
        assert done.document_nll is not None
        return ReadingResult(
            trial=trial.key,
            length=trial.length,
            configuration=configuration,
            prompt_tokens=done.tokens,
            density=attention.density,
            density_by_head=done.density_by_head,
            coverage=attention.recall,
            coverage_p5=attention.recall_p5,
            coverage_min=attention.recall_min,
            document_nll=done.document_nll,
            prefill_s=done.ttft.select_s + done.ttft.prefill_s,
            answers=tuple(answers),
        )

    def close(self) -> None:
        self._engine.close()

    def _configured(self, trial: Trial, configuration: Configuration) -> EngineConfig:
        """With room for exactly the longest question and the longest answer."""
        return replace(
            self._config,
            attention=configuration.mode,
            method=configuration.method,
            alpha=configuration.alpha,
            max_answer_tokens=max(question.answer_tokens for question in trial.questions),
            reserve_tokens=Counter(self.tokenizer).room(trial.questions),
            document_nll=True,
        )

    def _last(self, kind: type[_E]) -> _E:
        """The last event of its kind; all that were collected are forgotten."""
        found = next(event for event in reversed(self._events) if isinstance(event, kind))
        self._events.clear()
        return found


def _scored(question: Question, answer: Answer) -> AnswerResult:
    return AnswerResult(
        task=question.task,
        index=question.index,
        depth=question.depth,
        question=question.text,
        expected=question.expected,
        text=answer.text,
        score=RULES[question.rule](answer.text, question.expected),
        refused=refused(answer.text),
        tokens=answer.tokens,
        stop_reason=answer.stop_reason,
    )
