"""One question asked in both attention modes, and the progress of the second answer.

Plain values.  The first answer exists already; `take` applies the events of the second one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import Enum
from typing import Literal

from sa_chat.protocol import events
from sa_chat.protocol.events import Event


class Progress(Enum):
    """Progress of the second answer."""

    WAITING = "waiting"
    READING = "reading"
    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def open(self) -> bool:
        return self in (Progress.WAITING, Progress.READING, Progress.WRITING)


@dataclass(frozen=True)
class Comparison:
    """The first answer, of turn `turn_id`, and the second one as far as it has come."""

    request_id: str  # of the second question
    prefill_id: str  # of the second prefill: the same, or an `Open` in place of the first
    turn_id: str
    attention: str  # of the second prefill
    beside: bool  # the first prefill stays in memory, and answers later questions
    first: events.Answer
    first_prefill: events.PrefillDone
    status: Progress = Progress.WAITING
    progress: events.PrefillProgress | None = None
    prefill: events.PrefillDone | None = None
    text: str = ""
    answer: events.Answer | None = None
    message: str = ""  # of the failure

    def take(self, event: Event) -> Comparison | None:
        """The comparison after `event`; None if the event is unrelated."""
        if not self.status.open:
            return None
        match event:
            case events.CalibrationProgress(request_id=self.prefill_id):
                return replace(self, status=Progress.READING)
            case events.PrefillProgress(request_id=self.prefill_id):
                return replace(self, status=Progress.READING, progress=event)
            case events.PrefillDone(request_id=self.prefill_id):
                return replace(self, status=Progress.WRITING, prefill=event)
            case events.TextDelta(request_id=self.request_id):
                return replace(self, status=Progress.WRITING, text=self.text + event.text)
            case events.Answer(request_id=self.request_id):
                stopped = event.stop_reason == "cancelled"
                status = Progress.STOPPED if stopped else Progress.DONE
                return replace(self, status=status, text=event.text, answer=event)
            case events.Cancelled(request_id=self.prefill_id):
                return replace(self, status=Progress.STOPPED)
            case events.Failed() if self._ends(event):
                return replace(self, status=Progress.FAILED, message=event.message)
        return None

    def _ends(self, failed: events.Failed) -> bool:
        return failed.fatal or failed.request_id in (self.request_id, self.prefill_id)

    @property
    def kv_bytes(self) -> tuple[int, int]:
        """Bytes of keys and values of the first and the second prefill."""
        first, both = _kv(self.first_prefill), _kv(self.prefill)
        return first, both - first if self.beside and self.prefill is not None else both

    @property
    def used_bytes(self) -> tuple[int, int]:
        """Bytes in use after each prefill, over all devices; for the second without the first
        one's keys and values."""
        first, second = _used(self.first_prefill), _used(self.prefill)
        beside = _kv(self.first_prefill) if self.beside and self.prefill is not None else 0
        return first, second - beside


def _kv(prefill: events.PrefillDone | None) -> int:
    return sum(device.kv_bytes for device in prefill.devices) if prefill is not None else 0


def _used(prefill: events.PrefillDone | None) -> int:
    return sum(device.used_bytes for device in prefill.devices) if prefill is not None else 0


def other_mode(attention: str) -> str:
    return "sparse" if attention == "dense" else "dense"


Run = tuple[Literal["same", "other"], str]


def differences(first: str, second: str) -> tuple[list[Run], list[Run], int]:
    """Both texts as runs that are in the other text or not, and the number of differing words."""
    a, b = _words(first), _words(second)
    left: list[Run] = []
    right: list[Run] = []
    differ = 0
    for tag, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        kind: Literal["same", "other"] = "same" if tag == "equal" else "other"
        if a1 > a0:
            left.append((kind, "".join(a[a0:a1])))
        if b1 > b0:
            right.append((kind, "".join(b[b0:b1])))
        if tag != "equal":
            differ += max(_count(a[a0:a1]), _count(b[b0:b1]))
    return left, right, differ


def _words(text: str) -> list[str]:
    """Words and the white space between them; joined they are the text."""
    return re.findall(r"\s+|\S+", text)


def _count(words: list[str]) -> int:
    return sum(1 for word in words if not word.isspace())
