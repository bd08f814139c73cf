"""A document in a cache, read in one attention mode, and the conversation over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import attrgetter

import numpy as np

from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.events import AttentionFigures, DeviceUse, PrefillDone, PrefillProgress, Ttft

from ..cache import KVCache
from ..citations import CitationFinder
from ..citations.verbatim import VerbatimDocument
from ..model import LoadedModel
from ..runtime.prefill import ChunkReport, PrefillResult, prefill
from ..runtime.sampling import Sampling
from ..sparsity import SelectionSettings
from ..tokens import Tokenizer
from ..tokens.prompt import TokenizedPrompt
from ..tokens.tiktoken_tokenizer import TiktokenTokenizer
from .base import Emit
from .conversation import Conversation


@dataclass(frozen=True, eq=False)
class Book:
    """What all readings of one document share."""

    loaded: LoadedModel
    tokenizer: Tokenizer
    prompt: TokenizedPrompt
    capacity: int  # tokens of a cache: the document, and its room for questions and answers

    @cached_property
    def citations(self) -> CitationFinder:
        return CitationFinder(self.prompt.documents)

    @cached_property
    def verbatim(self) -> VerbatimDocument | None:
        """For the embedded reader, which quotes and no more."""
        if not isinstance(self.tokenizer, TiktokenTokenizer):
            return None
        by_path = groupby(self.prompt.documents.parts, attrgetter("path"))
        files = ((path, " ".join(part.text for part in parts)) for path, parts in by_path)
        return VerbatimDocument(files, self.tokenizer.token_bytes)


class Reading:
    """One reading of a book.  `prefill` comes first; while it runs, the cache fills."""

    def __init__(self, book: Book, config: EngineConfig) -> None:
        self.book = book
        self.cache = KVCache(book.loaded.layers, book.capacity, config.kv_cache_dtype)
        self._config = config
        self._done: PrefillDone | None = None
        self._conversation: Conversation | None = None

    @property
    def attention(self) -> str:
        """The mode, "sparse" or "dense"."""
        return self._config.attention

    def is_of(self, prompt: TokenizedPrompt, capacity: int, config: EngineConfig) -> bool:
        """Whether it is a whole reading of these very tokens, which stand at the same places, in
        the same way."""
        same_way = (self.book.capacity, self._config) == (capacity, config)
        read = self.book.prompt
        same_places = read.documents.parts == prompt.documents.parts
        whole = self._done is not None
        return same_way and whole and same_places and np.array_equal(read.ids, prompt.ids)

    @property
    def done(self) -> PrefillDone:
        """What the prefill came to."""
        assert self._done is not None, "not read yet"
        return self._done

    @property
    def conversation(self) -> Conversation:
        """Over the document that was read."""
        assert self._conversation is not None, "not read yet"
        return self._conversation

    def prefill(
        self,
        emit: Emit,
        cancelled: Callable[[], bool],
        devices: Callable[[], tuple[DeviceUse, ...]],
    ) -> None:
        """Read, with a `PrefillProgress` for each chunk.

        Raises what `pipeline.prefill` raises; then the reading is of no use.
        """
        book, config = self.book, self._config

        def report(chunk: ChunkReport) -> None:
            emit(PrefillProgress(**vars(chunk), devices=devices()))

        result = prefill(
            book.loaded,
            self.cache,
            book.prompt.ids.tolist(),
            mode=config.attention,
            alpha=config.alpha,
            on_chunk=report,
            cancelled=cancelled,
            settings=SelectionSettings(config.alpha, config.method),
            likelihood=config.document_nll,
        )
        parse_s, tokenize_s = book.prompt.documents.parse_s, book.prompt.tokenize_s
        ttft = Ttft(parse_s, tokenize_s, result.select_s, result.prefill_s)
        self._conversation = Conversation(
            book.loaded,
            book.tokenizer,
            self.cache,
            book.citations,
            ttft,
            config.max_answer_tokens,
            book.verbatim,
            Sampling(config.temperature, config.top_p, config.repetition_penalty, config.seed),
        )
        figures, by_head = self._figures(result), result.density_by_head
        self._done = PrefillDone(result.tokens, ttft, figures, by_head, devices(), result.nll)

    def _figures(self, result: PrefillResult) -> AttentionFigures:
        config, coverage = self._config, result.coverage
        return AttentionFigures(
            config.attention,
            config.alpha,
            result.density,
            coverage.mean,
            coverage.p5,
            coverage.minimum,
        )
