"""Questions and answers over a document that is in the cache."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from torch import Tensor

from sa_chat.protocol.errors import ContextOverflow
from sa_chat.protocol.events import Answer, TextDelta
from sa_chat.protocol.values import PastTurn, Ttft

from ..cancellation import Cancelled, Stopped
from ..citations import CitationFinder
from ..citations.verbatim import VerbatimDocument
from ..runtime import ModelRunner, Sampling
from ..runtime.repetition import RepetitionGuard
from ..tokens import Tokenizer
from ..tokens.turns import newest_turns
from .base import Emit

LEAST_ANSWER_TOKENS = 32  # below that much room a conversation is full
_LEAST_ROOM = 0.25  # of that behind the document, which what is recalled leaves free


@dataclass
class _Writing:
    """An answer as it is written."""

    asked: float  # time.perf_counter() at the question
    first: float | None = None
    tokens: int = 0
    text: str = ""
    stop_reason: str = "cancelled"


class Conversation:
    """One document, and turn after turn behind it in the same cache.

    Question and answer tokens attend densely to everything before them.
    """

    def __init__(
        self,
        runner: ModelRunner,
        tokenizer: Tokenizer,
        citations: CitationFinder,
        ttft: Ttft,
        max_answer_tokens: int,
        verbatim: VerbatimDocument | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        """With `verbatim`, quotations are held to its words and nothing is drawn."""
        self._runner = runner
        self._tokenizer = tokenizer
        self._citations = citations
        self._ttft = ttft
        self.max_answer_tokens = max_answer_tokens
        self._verbatim = verbatim
        self._sampling = sampling or Sampling()
        self.document_tokens = runner.length
        self._last_turn: int | None = None  # where the last question's begins, if it left one
        self._forgot_turns = False  # since the last answer

    def ask(
        self,
        question: str,
        emit: Emit,
        cancelled: Cancelled,
        replaces_last: bool = False,
    ) -> None:
        """Answer in `TextDelta`s and one `Answer`.  A cancelled answer keeps what was said.

        With `replaces_last` the last question and what was said to it are forgotten first.

        Where the room is used up, earlier turns are forgotten and the answer says so.  Raises
        `ContextOverflow` if the question alone does not fit beside the document.
        """
        writing = _Writing(time.perf_counter())
        ids = self._turn(question, replaces_last)
        before = self._runner.length

        def say(text: str) -> None:
            now = time.perf_counter()
            emit(TextDelta(text, writing.tokens, now - (writing.first or now)))

        try:
            logits = self._runner.extend(ids, cancelled=cancelled)
            self._write(writing, logits, say, cancelled)
        except Stopped:
            self._runner.truncate(before)
        except BaseException:
            self._runner.truncate(before)
            raise
        if self._runner.length > before:
            self._last_turn = before
        answer = self._answer(question, writing)
        self._forgot_turns = False
        emit(answer)

    def reset_turns(self) -> None:
        """Back to the document alone: the next question is the first."""
        self._runner.truncate(self.document_tokens)
        self._last_turn = None

    def replay_turns(self, turns: Sequence[PastTurn], cancelled: Cancelled) -> None:
        """Know earlier turns, as if they had just been said: the newest that leave a quarter of
        the room free, and some for a short turn.  If others do not fit, the next answer says so.

        Only the document is in the cache before, and again when `Stopped` is raised.
        """
        assert self._runner.length == self.document_tokens, "something was said already"
        room = self._runner.free
        room -= max(ceil(_LEAST_ROOM * room), 2 * LEAST_ANSWER_TOKENS)
        said = newest_turns(turns, self._tokenizer, room)
        self._forgot_turns = len(said) < len(turns)
        ids = [token for each in said for token in each]
        if ids:
            self._runner.extend(ids, cancelled=cancelled)
            self._last_turn = self._runner.length - len(said[-1])

    def _turn(self, question: str, replaces_last: bool) -> list[int]:
        encoded = self._tokenizer.encode(question.strip())
        needed = len(self._tokenizer.chat.turn(encoded, True)) + LEAST_ANSWER_TOKENS
        missing = needed - (self._runner.capacity - self.document_tokens)
        if missing > 0:
            raise ContextOverflow(
                f"The question is {missing:,} tokens too long for the room beside the document.",
                "Ask a shorter question.",
            )
        if replaces_last and self._last_turn is not None:
            self._runner.truncate(self._last_turn)
        self._last_turn = None
        first = self._runner.length == self.document_tokens
        ids = self._tokenizer.chat.turn(encoded, first)
        if len(ids) + LEAST_ANSWER_TOKENS <= self._runner.free:
            return ids
        self.reset_turns()
        self._forgot_turns = True
        return self._tokenizer.chat.turn(encoded, True)

    def _write(
        self,
        writing: _Writing,
        logits: Tensor,
        say: Callable[[str], None],
        cancelled: Cancelled,
    ) -> None:
        stop_ids, verbatim = self._tokenizer.stop_ids, self._verbatim
        tokens = self._runner.decode(
            logits,
            stop_ids=stop_ids,
            max_tokens=self.max_answer_tokens,
            cancelled=cancelled,
            choose=verbatim.chooser(stop_ids) if verbatim else self._sampling.chooser(),
        )
        before = self._runner.length
        text, guard = _Text(self._tokenizer, say), RepetitionGuard()
        while True:
            try:
                token = next(tokens)
            except StopIteration as end:
                writing.stop_reason = end.value
                break
            writing.first = writing.first or time.perf_counter()
            writing.tokens += 1
            kept = guard.feed(token)
            if text.feed(token):
                kept, writing.stop_reason = text.tokens, "stop"
            elif kept is not None:
                writing.stop_reason = "repetition"
            if kept is not None:
                self._runner.truncate(min(self._runner.length, before + kept))
                break
        if writing.tokens == 0:
            if writing.stop_reason == "cancelled":
                raise Stopped
            writing.first = time.perf_counter()
        writing.text = text.finish()

    def _answer(self, question: str, writing: _Writing) -> Answer:
        now = time.perf_counter()
        first = writing.first or now
        question_ttft_s = first - writing.asked
        if self._ttft.first_token_s == 0.0 and writing.first is not None:
            self._ttft = replace(self._ttft, first_token_s=question_ttft_s)
        after_first = writing.tokens - 1
        rate = after_first / (now - first) if after_first > 0 else 0.0
        return Answer(
            question=question,
            text=writing.text,
            citations=self._citations.cite(writing.text, finished=writing.stop_reason == "stop"),
            tokens=writing.tokens,
            tokens_per_s=rate,
            question_ttft_s=question_ttft_s,
            stop_reason=writing.stop_reason,
            ttft=self._ttft,
            forgot_turns=self._forgot_turns,
        )


class _Text:
    """Tokens to text, held back as long as it may be the beginning of a stop text."""

    def __init__(self, tokenizer: Tokenizer, say: Callable[[str], None]) -> None:
        self._detokenizer = tokenizer.detokenizer()
        self._stop_texts = tokenizer.chat.stop_texts
        self._say = say
        self._said = ""
        self._held = ""
        self._ends: list[int] = []  # length of all text after each token

    @property
    def tokens(self) -> int:
        """Tokens of the text, without those of a stop text."""
        length = len(self._said) + len(self._held)
        return bisect_left(self._ends, length) + 1 if length else 0

    def feed(self, token: int) -> bool:
        """True if a stop text is complete; what comes before it has been said."""
        self._held += self._detokenizer.feed(token)
        self._ends.append(len(self._said) + len(self._held))
        found = [at for stop in self._stop_texts if (at := self._held.find(stop)) >= 0]
        if found:
            self._held = self._held[: min(found)]
            return True
        self._release(len(self._held) - self._possible_stop())
        return False

    def finish(self) -> str:
        """Say the rest; the whole text, without blanks around it."""
        self._held += self._detokenizer.flush()
        self._release(len(self._held))
        return self._said.strip()

    def _possible_stop(self) -> int:
        """Length of the longest end of the held text that begins a stop text."""
        longest = max((len(stop) for stop in self._stop_texts), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stop_texts):
                return length
        return 0

    def _release(self, length: int) -> None:
        text, self._held = self._held[:length], self._held[length:]
        if text:
            self._said += text
            self._say(text)
