"""A conversation told in sentences: what of the events is worth one, and when."""

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
from . import plain_text as sentences

MILESTONE_S = 10.0  # at most so often is progress told,
MILESTONE_PART = 0.1  # and only if so much more is done
_STAGES = {
    "parse": ("The files are being opened.", "of the files opened"),
    "tokenize": ("The tokens are being counted.", "of the tokens counted"),
    "model": ("The model is being loaded.", "of the model loaded"),
}


class Milestones:
    """When progress is worth a sentence.  The beginning of the work is its first milestone."""

    def __init__(self) -> None:
        self._seconds = self._part = 0.0

    def reached(self, part: float, seconds: float) -> bool:
        """`part` of the work, from 0 to 1, is done after so many seconds."""
        early = seconds - self._seconds < MILESTONE_S or part - self._part < MILESTONE_PART
        if early or part >= 1.0:
            return False
        self._seconds, self._part = seconds, part
        return True


class Narrator:
    """Knows what was said, and tells it again when asked."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self._stages: dict[str, Milestones] = {}
        self._reading = Milestones()
        self._answering = ""  # id of the question

    def lines(self, event: Event) -> Iterator[str]:
        """What is told of an event."""
        self.outcome.observe(event)
        match event:
            case LoadProgress():
                yield from self._load(event)
            case DocumentReady():
                yield from sentences.document(event)
            case ModelReady():
                yield "The model begins to read."
            case CalibrationProgress():
                yield from self._calibration(event)
            case PrefillProgress(tokens_done=done, tokens_total=total, seconds=seconds):
                if self._reading.reached(done / total, seconds):
                    yield sentences.progress(event)
            case PrefillDone():
                yield sentences.read(event)
            case TextDelta(request_id=request_id):
                if self._answering != request_id:
                    self._answering = request_id
                    yield "Answer:"
            case Answer():
                yield from self._answer(event)

    def quotations(self) -> Iterator[str]:
        """Those of the last answer."""
        answer = self.outcome.answers[-1] if self.outcome.answers else None
        if answer is None or not answer.citations:
            yield "There are no quotations."
        else:
            yield from sentences.quotations(answer.citations, self._has_files())

    def figures(self) -> Iterator[str]:
        return sentences.figures(self.outcome)

    def left_out(self) -> Iterator[str]:
        items = self.outcome.document.left_out if self.outcome.document else ()
        if not items:
            yield "Nothing is left out."
        yield from sentences.left_out(items)

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
            yield sentences.measured(event)

    def _answer(self, event: Answer) -> Iterator[str]:
        if event.stop_reason == "cancelled":
            yield "The answer was stopped."
        elif event.stop_reason == "length":
            yield "The answer ends here, because it reached its limit."
        elif not event.text.strip():
            yield "The answer is empty."
        yield from sentences.quotations(event.citations, self._has_files())
        if event.forgot_turns:
            yield "Earlier questions were forgotten, to make room."

    def _has_files(self) -> bool:
        document = self.outcome.document
        return document is not None and len({each.path for each in document.sections}) > 1
