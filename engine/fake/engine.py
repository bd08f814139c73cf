"""A scripted engine: all events of the real one, without a model.

For tests, pictures and work on the screen.  It is deterministic: answers and reported times come
from its script, never from a clock.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from dataclasses import replace
from pathlib import PurePath

from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import PasswordError, UsageError, error_of_kind
from sa_chat.protocol.events import (
    Answer,
    CalibrationProgress,
    Cancelled,
    DocumentCounted,
    DocumentReady,
    LoadProgress,
    ModelReady,
    PrefillDone,
    TextDelta,
)
from sa_chat.protocol.values import DeviceUse, LeftOut, PastTurn, Section, Ttft

from ..budget import check_budget, propose
from ..session.base import Emit, in_other_mode
from . import prefill as fake_prefill
from .script import Reply, Script
from .text import passage_of, texts

_MACHINE_BYTES = 16 * 2**30
_OTHERS_BYTES = 3 * 2**30  # of the machine, in use by other processes
_PARAMETERS = 32_600_000
_TOKEN_BYTES = 5_120  # of keys and values


class FakeEngine:
    """Plays a `Script`; implements `base.Engine`."""

    def __init__(self, config: EngineConfig, emit: Emit, script: Script) -> None:
        self._config = config
        self._emit = emit
        self._script = script
        self._stop = threading.Event()
        self._ttft = Ttft()
        self._calibrated = False
        self._used_bytes = script.memory_bytes
        self._kv_tokens = [0, 0]  # of the first prefill, and of the one to compare with
        self._document_tokens = script.document_tokens
        self._done: PrefillDone | None = None
        self._second: PrefillDone | None = None

    def open(
        self,
        options: OpenOptions,
        attention: str | None = None,
        replay_turns: tuple[PastTurn, ...] = (),
        text: bool = False,
    ) -> None:
        """Turns to replay change nothing: the answers are in the script."""
        self._stop.clear()
        config = self._config if attention is None else replace(self._config, attention=attention)
        script = self._script
        self._done = self._second = None
        self._kv_tokens = [0, 0]
        if script.noise:
            print(script.noise)
            sys.stdout.flush()
            os.write(1, script.noise.encode() + b"\n")
        if script.open_failure is not None:
            failure = script.open_failure
            raise error_of_kind(failure.kind, failure.message, failure.hint)
        if script.password is not None and options.password != script.password:
            how = "is password-protected" if options.password is None else "has another password"
            raise PasswordError(f"The document {how}.", "Give its password.")
        if self._load(options, text):
            self._done = self._prefill(config, 0)
        if self._done is None:
            self._kv_tokens = [0, 0]
            self._emit(Cancelled("prefill"))
            return
        self._ttft = self._done.ttft
        self._emit(self._done)

    def count(self, options: OpenOptions, text: bool = False) -> None:
        self._stop.clear()
        counted = self._counted(options)
        self._emit(counted)
        for event in texts(self._script, counted) if text else ():
            self._emit(event)

    def ask(self, question: str, replaces_last: bool = False) -> None:
        self._stop.clear()
        answer = self._answer(question, self._ttft)
        self._ttft = answer.ttft
        self._emit(answer)

    def compare(
        self, question: str, attention: str, replay_turns: tuple[PastTurn, ...] = ()
    ) -> None:
        self._stop.clear()
        assert self._done is not None, "compared before a document was open"
        config = in_other_mode(self._config, attention, self._done.attention.mode)
        if self._second is None:
            self._second = self._prefill(config, 1)
        if self._second is None:
            self._kv_tokens[1] = 0
            self._emit(Cancelled("compare"))
            return
        self._emit(self._second)
        answer = self._answer(question, self._second.ttft)
        self._emit(Cancelled("compare") if answer.stop_reason == "cancelled" else answer)

    def cancel(self) -> None:
        self._stop.set()

    def stats(self) -> tuple[DeviceUse, ...]:
        kv_bytes = sum(self._kv_tokens) * _TOKEN_BYTES
        used_bytes = self._used_bytes + kv_bytes
        peak_bytes = self._script.memory_bytes + self._script.document_tokens * _TOKEN_BYTES
        use = DeviceUse(
            name="cpu",
            used_bytes=used_bytes,
            peak_bytes=max(peak_bytes, used_bytes),
            total_bytes=_MACHINE_BYTES,
            driver_bytes=used_bytes + _OTHERS_BYTES,
            weights_bytes=min(_PARAMETERS * 2, self._used_bytes),
            kv_bytes=kv_bytes,
        )
        return (use,)

    def close(self) -> None:
        self._used_bytes = 0
        self._kv_tokens = [0, 0]

    def _wait(self, seconds: float) -> bool:
        """Wait for the script's time; False if cancelled."""
        return not self._stop.wait(seconds * self._script.pace)

    def _load(self, options: OpenOptions, text: bool) -> bool:
        script = self._script
        for stage, seconds in (("parse", script.parse_s), ("tokenize", script.tokenize_s)):
            self._emit(LoadProgress(stage, 0.0, 0.0))
            if not self._wait(seconds):
                return False
            self._emit(LoadProgress(stage, 1.0, seconds))
        counted = self._counted(options)
        if counted.excess_tokens > 0:
            self._emit(counted)
        if counted.excess_tokens > 0 and options.fit:
            keys = tuple(key for step in counted.proposal for key in step.keys)
            counted = self._counted(replace(options, drop=(*options.drop, *keys)))
        check_budget(
            counted.prompt_tokens,
            counted.context_tokens,
            counted.reserve_tokens,
            counted.proposal,
        )
        self._document_tokens = counted.prompt_tokens
        size = {key: value for key, value in vars(counted).items() if key != "proposal"}
        self._emit(DocumentReady(**size))
        for event in texts(script, counted) if text else ():
            self._emit(event)
        self._emit(LoadProgress("model", 0.0, 0.0))
        if not self._wait(script.load_s):
            return False
        self._emit(LoadProgress("model", 1.0, script.load_s))
        self._emit(
            ModelReady(
                script.model,
                _PARAMETERS,
                script.layers,
                script.heads,
                counted.context_tokens,
                "bfloat16",
                "cpu",
                script.load_s,
            )
        )
        return True

    def _counted(self, options: OpenOptions) -> DocumentCounted:
        """The size of the script's document without the dropped sections."""
        script = self._script
        sections = script.sections or _sections(options.paths, script.document_tokens)
        gone = [section for section in sections if section.key in options.drop]
        dropped = sum(section.tokens for section in gone)
        context = min(script.context_tokens, self._config.max_context or script.context_tokens)
        left_out = tuple(LeftOut(s.path, f"{s.title}: left out by choice") for s in gone)
        counted = DocumentCounted(
            script.title or PurePath(options.paths[0]).name,
            options.paths,
            tuple(section for section in sections if section not in gone),
            (*script.left_out, *left_out),
            script.document_tokens - dropped,
            context,
            script.reserve_tokens,
            dropped,
        )
        return replace(counted, proposal=propose(counted.sections, counted.excess_tokens))

    def _prefill(self, config: EngineConfig, index: int) -> PrefillDone | None:
        """All chunks of prefill 0 (of the document) or 1 (to compare with); None if cancelled."""
        script, total = self._script, self._document_tokens
        if config.attention == "sparse" and not self._calibrate():
            return None
        for chunk in range(1, fake_prefill.chunks(script, total) + 1):
            if not self._wait(fake_prefill.chunk_s(config, script)):
                return None
            event = fake_prefill.progress(config, script, total, chunk)
            self._kv_tokens[index] = event.tokens_done
            self._emit(replace(event, devices=self.stats()))
        return replace(fake_prefill.done(config, script, total), devices=self.stats())

    def _calibrate(self) -> bool:
        """Report the measurement of the machine, once; False if cancelled."""
        seconds = self._script.calibrate_s
        if seconds and not self._calibrated:
            self._emit(CalibrationProgress(0.0, 0.0))
            if not self._wait(seconds):
                return False
            self._emit(CalibrationProgress(1.0, seconds))
            self._calibrated = True
        return True

    def _answer(self, question: str, ttft: Ttft) -> Answer:
        """Emit the reply word by word; the final event."""
        script = self._script
        reply = self._reply(question)
        words: list[str] = []
        if self._wait(script.first_token_s):
            for token in re.findall(r"\s*\S+|\s+$", reply.text):
                if reply.crash_after_tokens == len(words):
                    os._exit(reply.crash_exit_code)
                words.append(token)
                self._emit(TextDelta(token, len(words), (len(words) - 1) * script.token_s))
                if not self._wait(script.token_s):
                    break
        whole = not self._stop.is_set()
        if whole and reply.failure is not None:
            raise error_of_kind(reply.failure.kind, reply.failure.message, reply.failure.hint)
        citations = tuple(replace(each, passage=passage_of(each)) for each in reply.citations)
        return Answer(
            question,
            "".join(words),
            citations if whole else (),
            len(words),
            1.0 / script.token_s if script.token_s else 0.0,
            script.first_token_s,
            "stop" if whole else "cancelled",
            replace(ttft, first_token_s=ttft.first_token_s or script.first_token_s),
        )

    def _reply(self, question: str) -> Reply:
        for reply in self._script.replies:
            if reply.question.casefold() in question.casefold():
                return reply
        raise UsageError(
            "The fake engine's script has no answer to this question.",
            'Give it a last reply whose "question" is empty.',
        )


def _sections(paths: tuple[str, ...], tokens: int) -> tuple[Section, ...]:
    share, rest = divmod(tokens, len(paths))
    return tuple(
        Section(PurePath(path).name, path, 0, None, 1, share + (index < rest))
        for index, path in enumerate(paths)
    )
