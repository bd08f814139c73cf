"""Runs requests one after another on one thread, with a queue that can be cancelled."""

from __future__ import annotations

import enum
import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from sa_chat.protocol.errors import UsageError
from sa_chat.protocol.events import Answer, Cancelled, Closed, Event, PrefillDone
from sa_chat.protocol.requests import Ask, Compare, Count, Open
from sa_chat.protocol.values import DeviceUse, Ttft

from ..session.base import Emit, Engine
from .failures import failure

Job = Open | Count | Ask | Compare


class _Document(enum.Enum):
    NONE = enum.auto()  # never opened, or opening failed: questions fail
    READY = enum.auto()
    CANCELLED = enum.auto()  # questions wait until a document is opened


class Worker:
    """Creates the engine when it is first needed, and runs all jobs on it.

    Each job ends in exactly one final event (see `requests.ends`), and all its events carry its
    id.  After `finish` the last event is `Closed`.
    """

    def __init__(self, make_engine: Callable[[Emit], Engine], emit: Emit) -> None:
        self._make_engine = make_engine
        self._emit = emit
        self._engine: Engine | None = None
        self._document = _Document.NONE
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._last_id = ""  # of the job that runs or ran last
        self._cancelled = False  # the running job is to end
        self._finishing = False
        self._close_id: str | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def busy(self) -> bool:
        return self._running is not None

    def start(self) -> None:
        self._thread.start()

    def submit(self, job: Job) -> None:
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def cancel(self, queued: bool) -> None:
        """End the running job, else the next one; with `queued`, also all that wait."""
        dropped: list[Job] = []
        with self._changed:
            if self._running is not None:
                self._cancelled = True
                if self._engine is not None:
                    self._engine.cancel()
            elif (job := self._next()) is not None:
                dropped.append(job)
            if queued:
                dropped.extend(self._waiting)
                self._waiting.clear()
        for job in dropped:
            self._drop(job)

    def finish(self, request_id: str | None = None) -> None:
        """End when the queue is empty, with a `Closed` that carries `request_id`."""
        with self._changed:
            self._finishing = True
            self._close_id = request_id
            self._changed.notify()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the thread; False on timeout."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def stats(self) -> tuple[DeviceUse, ...]:
        """Memory in use; empty as long as there is no engine."""
        return () if self._engine is None else self._engine.stats()

    def _run(self) -> None:
        while (job := self._take()) is not None:
            try:
                self._begin(job)
                if self._engine is None:
                    self._engine = self._make_engine(self._forward)
                match job:
                    case _ if self._cancelled:
                        opens = isinstance(job, Open)
                        self._end(_Document.CANCELLED if opens else self._document)
                        self._drop(job)
                    case Open():
                        self._engine.open(job.options, job.attention, job.replay_turns, job.text)
                    case Count():
                        self._engine.count(job.options, job.text)
                    case Ask():
                        self._engine.ask(job.question, job.replaces_last)
                    case Compare():
                        self._engine.compare(job.question, job.attention, job.replay_turns)
            except (Exception, SystemExit) as error:
                self._end(self._document)
                self._emit(failure(error, job.request_id))
            else:
                self._end(self._document)
        self.cancel(queued=True)
        if self._engine is not None:
            try:
                self._engine.close()
            except (Exception, SystemExit):
                traceback.print_exc()
        self._emit(Closed(request_id=self._close_id))

    def _take(self) -> Job | None:
        with self._changed:
            while (job := self._next()) is None:
                if self._finishing:
                    return None
                self._changed.wait()
            self._running = job
            self._last_id = job.request_id
            return job

    def _next(self) -> Job | None:
        if self._document is not _Document.CANCELLED:
            return self._waiting.popleft() if self._waiting else None
        for job in self._waiting:
            if isinstance(job, (Open, Count)):
                self._waiting.remove(job)
                return job
        return None

    def _begin(self, job: Job) -> None:
        """Raises `UsageError` for a question without a document."""
        if isinstance(job, Open):
            self._document = _Document.NONE
        elif isinstance(job, (Ask, Compare)) and self._document is _Document.NONE:
            raise UsageError("No document is open.", "Open one first, then ask.")

    def _forward(self, event: Event) -> None:
        # A job ends before its final event is sent, so that a later cancel means the next job.
        if isinstance(event, PrefillDone) and isinstance(self._running, Open):
            self._end(_Document.READY)
        elif isinstance(event, Cancelled) and event.what == "prefill":
            self._end(_Document.CANCELLED)
        elif isinstance(event, (Answer, Cancelled)):
            self._end(self._document)
        self._emit(replace(event, request_id=self._last_id))
        if self._cancelled and self._engine is not None:
            # Again, because the engine may have cleared its flag after it was set.
            self._engine.cancel()

    def _end(self, document: _Document) -> None:
        with self._changed:
            self._document = document
            self._running = None
            self._cancelled = False

    def _drop(self, job: Job) -> None:
        """Send the final event of a job that was cancelled before it ran."""
        if isinstance(job, Open):
            self._document = _Document.CANCELLED
        event: Event
        match job:
            case Open():
                event = Cancelled("prefill")
            case Count():
                event = Cancelled("count")
            case Compare():
                event = Cancelled("compare")
            case Ask(question=question):
                event = Answer(question, "", (), 0, 0.0, 0.0, "cancelled", Ttft())
        self._emit(replace(event, request_id=job.request_id))
