"""Any fast Hugging Face tokenizer, from a folder or the hub."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from sa_chat.protocol.errors import ModelError

from .base import Detokenizer, Ids, Starts, TokenBytes
from .bpe_json import NotEquivalent, byte_of_character
from .byte_level import ByteLevel
from .chat import ChatFormat, plain_chat
from .damage import first_line, reason, unloadable
from .detokenizers import WindowDetokenizer
from .stretches import stretches
from .template import Message, split_template

_OWN_CODE = "it brings code of its own, and sa-chat runs nobody's code"
_LOG = logging.getLogger(__name__)
_PROBE = "a"
_WORTH = 3_000_000  # characters from which tiktoken saves more time than the check takes
_PREFIX = "\n"  # merges with nothing in vocabularies that prepend a space


class HFTokenizer:
    """Wraps the Rust tokenizer of a `transformers` tokenizer, whose offsets refer to the text.

    Large amounts of text are encoded by tiktoken where it is equivalent (`byte_level`).  The
    wrapped tokenizer must not be used elsewhere, as its settings are changed here.
    """

    def __init__(self, tokenizer: Any, name: str, extra_stop_ids: Sequence[int] = ()) -> None:
        """Wraps a `transformers` tokenizer.

        Raises `ModelError` if it is not a fast one, or if it is empty, as `transformers` creates
        them from a folder without a vocabulary.
        """
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ModelError(
                f"The tokenizer of {name} has no fast form, so places cannot be found.",
                "Choose a model that has a tokenizer.json.",
            )
        if _PROBE not in backend.decode(backend.encode(_PROBE, add_special_tokens=False).ids):
            raise unloadable(name, reason(name, "it has no vocabulary"))
        self.name = name
        self.vocab_size = max(len(tokenizer), backend.get_vocab_size(with_added_tokens=True))
        beginning = _beginning(tokenizer)
        self._backend = backend
        self._byte_level: ByteLevel | None = None
        self._tried = False
        backend.no_truncation()
        backend.no_padding()
        backend.post_processor = None  # adds no tokens, trims no offsets
        self._prepends = backend.decode(backend.encode(_PREFIX + _PROBE).ids) != _PREFIX + _PROBE
        self._prepends |= backend.encode(_PROBE).ids != backend.encode(_PREFIX + _PROBE).ids[-1:]
        if tokenizer.chat_template:
            chat = split_template(lambda messages: _render(tokenizer, messages), name)
        else:
            chat = plain_chat(beginning)
        self.chat = ChatFormat.encode(chat, lambda text: self._encode(text)[0].tolist())
        backend.encode_special_tokens = True
        self._special = frozenset(
            token_id
            for token_id, token in backend.get_added_tokens_decoder().items()
            if token.special
        )
        self.token_bytes = _token_bytes(backend, self._special)
        framing = (*self.chat.head, *self.chat.doc_end, *self.chat.generation)
        in_texts = {*backend.get_vocab(with_added_tokens=True).values()} - self._special
        self.highest_id = max(*in_texts, *framing, *self.chat.turn_separator)
        ends = [tokenizer.eos_token_id, *extra_stop_ids]
        ends += [i for i in self.chat.turn_separator if i in self._special][:1]
        self.stop_ids = frozenset(i for i in ends if i is not None)

    @classmethod
    def load(cls, model: str) -> HFTokenizer:
        """Load from a folder or a hub id.  Raises `ModelError` with the cause if that fails."""
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
            stops = _generation_stops(model)
        except Exception as error:
            # transformers raises OSError, ValueError, KeyError, ImportError and Rust errors.
            foreign = "trust_remote_code" in str(error)  # what transformers says to a no
            why = _OWN_CODE if foreign else reason(model, first_line(error))
            raise unloadable(model, why) from error
        return cls(tokenizer, model, stops)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._encode(text)[0].tolist()
        return ids

    def encode_with_starts(self, text: str) -> tuple[Ids, Starts]:
        return self._encode(text)

    def prepare(self, characters: int) -> None:
        """Check once whether tiktoken can be used, if the amount of text is worth it."""
        if self._tried or characters < _WORTH:
            return
        self._tried = True
        try:
            if self._prepends:
                raise NotEquivalent("it puts a space before texts")
            self._byte_level = ByteLevel.proven(self._backend, self._encode_many)
        except NotEquivalent as reason:
            _LOG.info("%s counts with its own tokenizer: %s", self.name, reason)

    def stretches(self, text: str) -> list[str]:
        return stretches(text) if self._byte_level else [text]

    def encode_many_with_starts(self, texts: Sequence[str]) -> list[tuple[Ids, Starts]]:
        if self._byte_level is None:
            return self._encode_many(texts)
        rows = self._byte_level.encode_many_with_starts(texts)
        own = iter(self._encode_many([t for t, row in zip(texts, rows, strict=True) if not row]))
        return [row or next(own) for row in rows]

    def detokenizer(self) -> Detokenizer:
        return WindowDetokenizer(
            lambda ids: str(self._backend.decode(list(ids), skip_special_tokens=False)),
            self._special,
        )

    def _encode(self, text: str) -> tuple[Ids, Starts]:
        return self._encode_many([text])[0]

    def _encode_many(self, texts: Sequence[str]) -> list[tuple[Ids, Starts]]:
        """Ids and starts, without the space that SentencePiece-like tokenizers put before a text,
        as a piece of a document is not the start of one."""
        if not self._prepends:
            return self._raw(texts)
        rows = self._raw([_PREFIX + text for text in texts])
        return [self._without_prefix(*row, text) for row, text in zip(rows, texts, strict=True)]

    def _without_prefix(self, ids: Ids, starts: Starts, text: str) -> tuple[Ids, Starts]:
        kept = starts >= len(_PREFIX)
        if text and kept.any() and starts[kept][0] > len(_PREFIX):
            return self._raw([text])[0]  # the prefix merged with the text
        return ids[kept], starts[kept] - len(_PREFIX)

    def _raw(self, texts: Sequence[str]) -> list[tuple[Ids, Starts]]:
        """Ids and starts as the tokenizer gives them, on all cores if there are several texts."""
        rows = []
        for encoding in self._backend.encode_batch(list(texts), add_special_tokens=False):
            ids = np.asarray(encoding.ids, dtype=np.int32)
            offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
            rows.append((ids, np.maximum.accumulate(offsets[:, 0])))
        return rows


def _token_bytes(backend: Any, special: frozenset[int]) -> TokenBytes | None:
    """`Tokenizer.token_bytes` of byte-level BPE; None for other kinds, such as SentencePiece."""
    from tokenizers import decoders

    if not isinstance(backend.decoder, decoders.ByteLevel):
        return None
    byte_of = byte_of_character()
    added = backend.get_added_tokens_decoder().keys()  # written as plain text

    def token_bytes(token_id: int) -> bytes:
        token = None if token_id in special else backend.id_to_token(token_id)
        if token is None:
            return b""
        if token_id in added or not byte_of.keys() >= set(token):
            return str(token).encode()
        return bytes(map(byte_of.__getitem__, token))

    return token_bytes


def _beginning(tokenizer: Any) -> str:
    """The BOS token, if the tokenizer adds it to texts."""
    ids = tokenizer(_PROBE)["input_ids"]
    bos = tokenizer.bos_token_id
    return str(tokenizer.bos_token) if bos is not None and ids[0] == bos else ""


def _render(tokenizer: Any, messages: Sequence[Message]) -> str:
    """Apply the chat template with thinking switched off; templates ignore unknown names."""
    return str(
        tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
    )


def _generation_stops(model: str) -> list[int]:
    """The stop ids in the model's generation settings; none if there is no such file."""
    from transformers import GenerationConfig

    try:
        stops = GenerationConfig.from_pretrained(model).eos_token_id
    except OSError:
        return []
    if stops is None:
        return []
    return [stops] if isinstance(stops, int) else list(stops)
