"""What a benchmark reads: a document's text, or token ids by chance."""

from __future__ import annotations

import time
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import Protocol

import torch

from sa_chat.protocol.config import OpenOptions

from ....documents import open_documents
from ....model import LoadedModel
from ....tokens import Tokenizer

_QUESTION = "What is this document about?"
_RANDOM_QUESTION_TOKENS = 16
_SPARE_TOKENS = 8  # the end of a cut text may be encoded in fewer tokens than it was


class Material(Protocol):
    """Documents of any number of tokens, and one question."""

    @property
    def description(self) -> str:
        """For people."""

    @property
    def question(self) -> list[int]:
        """Ids from the document's end to where the answer begins."""

    def read(self, tokens: int) -> tuple[list[int], float]:
        """So many ids, and the seconds that tokenizing took."""


class RandomIds:
    """Evenly random ids, for weights that are random too."""

    def __init__(self, loaded: LoadedModel, longest: int, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        size = (longest + _RANDOM_QUESTION_TOKENS,)
        vocabulary = loaded.model.config.vocab_size
        ids: list[int] = torch.randint(vocabulary, size, generator=generator).tolist()
        self.question, self._ids = ids[:_RANDOM_QUESTION_TOKENS], ids[_RANDOM_QUESTION_TOKENS:]
        self.description = "random token ids, nothing to tokenize"

    def read(self, tokens: int) -> tuple[list[int], float]:
        return self._ids[:tokens], 0.0


class DocumentText:
    """The text of `document` (None: the handbook), as often as the longest prompt needs it.

    Raises `DocumentError` if it cannot be read.
    """

    def __init__(self, tokenizer: Tokenizer, document: Path | None, longest: int) -> None:
        self._tokenizer = tokenizer
        self.question = tokenizer.chat.turn(tokenizer.encode(_QUESTION), first=True)
        text = _text_of(document)
        once = len(tokenizer.encode(text))
        self._text = text * ((longest + _SPARE_TOKENS) // once + 1)
        _, self._starts = tokenizer.encode_with_starts(self._text)
        name = document.name if document is not None else "the handbook"
        self.description = f"{name}, {once:,} tokens, repeated where it is too short"

    def read(self, tokens: int) -> tuple[list[int], float]:
        head = self._tokenizer.chat.head
        wanted = tokens - len(head)
        text = self._text[: int(self._starts[min(wanted + _SPARE_TOKENS, len(self._starts) - 1)])]
        began = time.perf_counter()
        ids, _ = self._tokenizer.encode_with_starts(text)
        seconds = time.perf_counter() - began
        return [*head, *ids[:wanted].tolist()], seconds


def _text_of(document: Path | None) -> str:
    if document is not None:
        return open_documents(OpenOptions((str(document),))).text()
    with ExitStack() as stack:
        handbook = resources.files("sa_chat.assets") / "handbook.pdf"
        path = stack.enter_context(resources.as_file(handbook))
        return open_documents(OpenOptions((str(path),))).text()
