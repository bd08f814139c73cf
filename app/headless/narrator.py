"""A conversation in plain sentences: which events are announced, and when."""

from __future__ import annotations

from collections.abc import Iterator

from sa_chat.protocol.events import (
    Answer,
    CalibrationProgress,
    DocumentReady,
    Event,
    LoadProgress,
    ModelReady,
    PrefillDone,
    PrefillProgress,
    TextDelta,
)

from ..report.outcome import Outcome
from . import plain_text

MILESTONE_S = 10.0  # least time between two announcements of progress
MILESTONE_PART = 0.1  # and least progress
_STAGES = {
    "parse": ("The files are being opened.", "of the files opened"),
    "tokenize": ("The tokens are being counted.", "of the tokens counted"),
    "model": ("The model is being loaded.", "of the model loaded"),
}


class Milestones:
    """When progress is announced.  The beginning of the work is the first milestone."""

    def __init__(self) -> None:
        self._seconds = self._part = 0.0

    def reached(self, part: float, seconds: float) -> bool:
        """Whether to announce that `part` of the work, from 0 to 1, is done."""
        early = seconds - self._seconds < MILESTONE_S or part - self._part < MILESTONE_PART
        if early or part >= 1.0:
            return False
        self._seconds, self._part = seconds, part
        return True


class Narrator:
    """Turns events into sentences, and repeats them on request."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self._stages: dict[str, Milestones] = {}
        self._reading = Milestones()
        self._answering: str | None = None  # id of the question being answered

    def lines(self, event: Event) -> Iterator[str]:
        """The sentences about an event."""
        self.outcome.observe(event)
        match event:
            case LoadProgress():
                yield from self._load(event)
            case DocumentReady():
                yield from plain_text.document(event)
            case ModelReady():
                yield "The model begins to read."
            case CalibrationProgress():
                yield from self._calibration(event)
            case PrefillProgress(tokens_done=done, tokens_total=total, seconds=seconds):
                if self._reading.reached(done / total, seconds):
                    yield plain_text.progress(event)
            case PrefillDone():
                yield plain_text.read(event)
            case TextDelta(request_id=request_id):
                if self._answering != request_id:
                    self._answering = request_id
                    yield "Answer:"
            case Answer():
                yield from self._answer(event)

    def quotations(self) -> Iterator[str]:
        """The quotations of the last answer."""
        answer = self.outcome.answers[-1] if self.outcome.answers else None
        if answer is None or not answer.citations:
            yield "There are no quotations."
        else:
            yield from plain_text.quotations(answer.citations, self._has_files())

    def stats(self) -> Iterator[str]:
        return plain_text.stats(self.outcome)

    def left_out(self) -> Iterator[str]:
        items = self.outcome.document.left_out if self.outcome.document else ()
        if not items:
            yield "Nothing is left out."
        yield from plain_text.left_out(items)

    def _load(self, event: LoadProgress) -> Iterator[str]:
        begins, goes_on = _STAGES[event.stage]
        milestones = self._stages.get(event.stage)
        if milestones is None:
            self._stages[event.stage] = Milestones()
            if event.fraction < 1.0:
                yield begins
        elif milestones.reached(event.fraction, event.seconds):
            yield f"{event.fraction * 100:.0f} percent {goes_on}."

    def _calibration(self, event: CalibrationProgress) -> Iterator[str]:
        if event.fraction <= 0.0:
            yield "This machine is being measured, once."
        elif event.fraction >= 1.0:
            yield plain_text.measured(event)

    def _answer(self, event: Answer) -> Iterator[str]:
        if event.stop_reason == "cancelled":
            yield "The answer was stopped."
        elif event.stop_reason == "length":
            yield "The answer ends here, because it reached its limit."
        elif event.stop_reason == "repetition":
            yield "The answer was ended, because it repeated itself."
        elif not event.text.strip():
            yield "The answer is empty."
        yield from plain_text.quotations(event.citations, self._has_files())
        if event.forgot_turns:
            yield "Earlier questions were forgotten, to make room."

    def _has_files(self) -> bool:
        document = self.outcome.document
        return document is not None and len({each.path for each in document.sections}) > 1
