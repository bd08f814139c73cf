"""The embedded reader's tokenizer: a tiktoken `Encoding` from files, nothing downloaded."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from pathlib import Path

import tiktoken

from sa_chat.protocol.errors import ModelError

from .base import Detokenizer, Ids, Starts
from .byte_encoder import ByteEncoder
from .chat import READER_CHAT, ChatFormat
from .damage import first_line, reason
from .detokenizers import ByteDetokenizer
from .stretches import stretches

RANKS_FILE = "reader.tiktoken"
SETTINGS_FILE = "tiktoken.json"
_STOPS = ("<|im_end|>", "<|endoftext|>")


class TiktokenTokenizer:
    """Byte-level BPE.  Special tokens in text are encoded as plain text."""

    def __init__(self, encoding: tiktoken.Encoding, special: dict[str, int]) -> None:
        """`special` maps the encoding's special tokens to ids."""
        self._encoding = encoding
        self._special = frozenset(special.values())
        self.name = encoding.name
        self.vocab_size = encoding.n_vocab
        self.highest_id = encoding.n_vocab - 1
        self.stop_ids = frozenset(special[text] for text in _STOPS)
        self.chat = ChatFormat.encode(
            READER_CHAT, lambda text: encoding.encode(text, allowed_special="all")
        )
        self._encoder = ByteEncoder(encoding)

    @classmethod
    def load(cls, folder: Path) -> TiktokenTokenizer:
        """Load `reader.tiktoken` (a base64 token and its rank on each line) and `tiktoken.json`
        (`pattern`, `special_tokens`).  Raises `ModelError` if they cannot be used."""
        try:
            settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
            special: dict[str, int] = settings["special_tokens"]
            encoding = tiktoken.Encoding(
                name=folder.name,
                pat_str=settings["pattern"],
                mergeable_ranks=_read_ranks(folder / RANKS_FILE),
                special_tokens=special,
            )
            return cls(encoding, special)
        except (OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
            why = reason(str(folder), first_line(error), SETTINGS_FILE, ())
            raise ModelError(
                f"The tokenizer in {folder} cannot be loaded: {why}.",
                "Install sa-chat again, or choose another --model.",
            ) from error

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._encoder.encode(text).tolist()
        return ids

    def encode_with_starts(self, text: str) -> tuple[Ids, Starts]:
        return self._encoder.encode_with_starts(text)

    def prepare(self, characters: int) -> None:
        """Does nothing."""

    def stretches(self, text: str) -> list[str]:
        return stretches(text)

    def encode_many_with_starts(self, texts: Sequence[str]) -> list[tuple[Ids, Starts]]:
        return self._encoder.encode_many_with_starts(texts)

    def detokenizer(self) -> Detokenizer:
        return ByteDetokenizer(self.token_bytes)

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of a token; empty for special tokens and ids without a token."""
        if token_id in self._special:
            return b""
        try:
            return self._encoding.decode_single_token_bytes(token_id)
        except KeyError:
            return b""


def _read_ranks(path: Path) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    for line in path.read_bytes().splitlines():
        if line:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
    if not all(bytes([byte]) in ranks for byte in range(256)):
        raise ValueError(f"{path.name} does not have a token for every byte")
    return ranks
