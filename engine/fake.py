"""A scripted engine: every event of the real one, without a model.

For tests, pictures and work on the screen.  It is deterministic: what it says and the times it
reports come from its script, never from a clock.
"""

from __future__ import annotations

import math
import os
import re
import sys
import threading
from dataclasses import replace
from pathlib import PurePath

from .base import Emit
from .budget import check_budget, propose
from .config import EngineConfig, OpenOptions
from .errors import PasswordError, UsageError, error_of_kind
from .events import (
    Answer,
    AttentionFigures,
    Cancelled,
    DeviceUse,
    DocumentCounted,
    DocumentReady,
    DocumentText,
    LeftOut,
    LoadProgress,
    ModelReady,
    PrefillDone,
    PrefillProgress,
    Section,
    TextDelta,
    Ttft,
)
from .fake_script import Reply, Script

_SELECT_SHARE = 0.12  # of a chunk's time goes into selection
_MACHINE_BYTES = 16 * 2**30
_OTHERS_BYTES = 3 * 2**30  # of the machine, in use by other processes
_PARAMETERS = 32_600_000
_TOKEN_BYTES = 5_120  # of keys and values


class FakeEngine:
    """Plays a `Script`.  Implements `base.Engine`."""

    def __init__(self, config: EngineConfig, emit: Emit, script: Script) -> None:
        self._config = config
        self._emit = emit
        self._script = script
        self._stop = threading.Event()
        self._ttft = Ttft()
        self._used_bytes = script.memory_bytes
        self._kv_bytes = 0
        self._document_tokens = script.document_tokens

    def open(self, options: OpenOptions) -> None:
        self._stop.clear()
        script = self._script
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
        if not self._load(options) or not self._prefill():
            self._emit(Cancelled("prefill"))

    def count(self, options: OpenOptions, text: bool = False) -> None:
        self._stop.clear()
        self._emit(self._counted(options))
        if text:
            self._emit(DocumentText("".join(f"{s.title}\n" for s in self._script.sections), True))

    def ask(self, ask_id: str, question: str, replaces_last: bool = False) -> None:
        self._stop.clear()
        script = self._script
        reply = self._reply(question)
        tokens = re.findall(r"\s*\S+|\s+$", reply.text)
        said: list[str] = []
        if self._wait(script.first_token_s):
            for token in tokens:
                if reply.crash_after_tokens == len(said):
                    os._exit(reply.crash_exit_code)
                self._emit(TextDelta(ask_id, token))
                said.append(token)
                if not self._wait(script.token_s):
                    break
        whole = not self._stop.is_set()
        if whole and reply.failure is not None:
            raise error_of_kind(reply.failure.kind, reply.failure.message, reply.failure.hint)
        if self._ttft.first_token_s == 0.0:
            self._ttft = replace(self._ttft, first_token_s=script.first_token_s)
        self._emit(
            Answer(
                ask_id,
                question,
                "".join(said),
                reply.citations if whole else (),
                len(said),
                1.0 / script.token_s if script.token_s else 0.0,
                script.first_token_s,
                "stop" if whole else "cancelled",
                self._ttft,
            )
        )

    def cancel(self) -> None:
        self._stop.set()

    def stats(self) -> tuple[DeviceUse, ...]:
        use = DeviceUse(
            name="cpu",
            used_bytes=self._used_bytes,
            peak_bytes=self._script.memory_bytes + self._script.document_tokens * _TOKEN_BYTES,
            total_bytes=_MACHINE_BYTES,
            driver_bytes=self._used_bytes + _OTHERS_BYTES,
            weights_bytes=min(_PARAMETERS * 2, self._used_bytes - self._kv_bytes),
            kv_bytes=self._kv_bytes,
        )
        return (use,)

    def close(self) -> None:
        self._used_bytes = self._kv_bytes = 0

    def _wait(self, seconds: float) -> bool:
        """False if cancelled."""
        return not self._stop.wait(seconds * self._script.pace)

    def _load(self, options: OpenOptions) -> bool:
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
        """The script's sections but those that are dropped; its tokens less theirs."""
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

    def _prefill(self) -> bool:
        script = self._script
        total = self._document_tokens
        chunks = math.ceil(total / script.chunk_tokens)
        for chunk in range(1, chunks + 1):
            if not self._wait(script.chunk_s):
                return False
            done = min(chunk * script.chunk_tokens, total)
            by_head = self._density(done)
            self._kv_bytes = done * _TOKEN_BYTES
            self._used_bytes = script.memory_bytes + self._kv_bytes
            self._emit(
                PrefillProgress(
                    done, total, chunk * script.chunk_s, _mean(by_head), by_head, self.stats()
                )
            )
        seconds = chunks * script.chunk_s
        self._ttft = Ttft(
            script.parse_s,
            script.tokenize_s,
            select_s=seconds * _SELECT_SHARE,
            prefill_s=seconds * (1.0 - _SELECT_SHARE),
        )
        by_head = self._density(total)
        dense = self._config.attention == "dense"
        figures = AttentionFigures(
            self._config.attention,
            self._config.alpha,
            _mean(by_head),
            1.0 if dense else (1.0 + self._config.alpha) / 2.0,
        )
        self._emit(PrefillDone(total, self._ttft, figures, by_head, self.stats()))
        return True

    def _density(self, tokens: int) -> tuple[tuple[float, ...], ...]:
        """[layers][heads]: diffuse first layers, sharper later ones, sparser with length."""
        layers, heads = self._script.layers, self._script.heads
        if self._config.attention == "dense" or self._config.alpha >= 1.0:
            return ((1.0,) * heads,) * layers
        shrink = math.sqrt(math.sqrt(1_024 / max(tokens, 1_024)))

        def density(layer: int, head: int) -> float:
            depth = layer / max(layers - 1, 1)
            value = (1.0 - 0.6 * depth + 0.1 * math.sin(1.7 * head + 0.9 * layer)) * shrink
            return round(min(1.0, max(0.02, value)), 4)

        return tuple(tuple(density(la, h) for h in range(heads)) for la in range(layers))

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


def _mean(by_head: tuple[tuple[float, ...], ...]) -> float:
    return sum(map(sum, by_head)) / sum(map(len, by_head))
