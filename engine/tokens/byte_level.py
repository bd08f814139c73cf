"""Replaces a Hugging Face tokenizer of byte-level BPE by tiktoken where both are equivalent.

Equivalence is checked: the merges reproduce each token of the vocabulary (so it does not matter
that tiktoken merges any two tokens that form a token), both regex engines agree on letters, digits
and white space, and `proof.texts` have the same ids and starts.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tiktoken

from .base import Ids, Starts
from .bpe_json import ByteBPE, NotEquivalent, read
from .byte_encoder import LONG_BLANK, ByteEncoder
from .proof import NEWEST, texts
from .stretches import shortest

Encode = Callable[[Sequence[str]], list[tuple[Ids, Starts]]]
_CLASSES = r"\p{L}|\p{N}|\s"


class ByteLevel:
    """Encodes the texts that tiktoken handles; the others are left to the tokenizer itself."""

    def __init__(self, encoder: ByteEncoder, nfc: bool, added: Sequence[str]) -> None:
        self._encoder = encoder
        self._nfc = nfc
        forms = {unicodedata.normalize("NFC", token) for token in added} if nfc else set()
        self._added = tuple(sorted({*added, *forms}))

    @classmethod
    def proven(cls, backend: Any, encode: Encode) -> ByteLevel:
        """The replacement of a `tokenizers.Tokenizer`, once its equivalence is checked.

        Takes about a second for 150,000 tokens.  Raises `NotEquivalent` if a text would be encoded
        differently.

        Args:
            encode: ids and starts of texts by the tokenizer itself.
        """
        data = json.loads(backend.to_str())
        bpe = read(data)
        try:
            encoding = tiktoken.Encoding(
                "byte-level", pat_str=bpe.pattern, mergeable_ranks=bpe.ranks, special_tokens={}
            )
        except ValueError as error:
            raise NotEquivalent("tiktoken does not know its pattern") from error
        _check_classes()
        if not (bpe.several and data["model"]["ignore_merges"]):
            _check_merges(backend.model, bpe)
        made = cls(ByteEncoder(encoding, bpe.ids), bpe.nfc, bpe.added)
        made._check_texts(encode)
        return made

    def encode_many_with_starts(self, texts: Sequence[str]) -> list[tuple[Ids, Starts] | None]:
        """Ids and starts of each text; None where the tokenizer itself must encode it."""
        fitting = [index for index, text in enumerate(texts) if self._takes(text)]
        encoded: list[tuple[Ids, Starts] | None] = [None] * len(texts)
        rows = self._encoder.encode_many_with_starts([texts[index] for index in fitting])
        for index, row in zip(fitting, rows, strict=True):
            if self._encoder.characters(row[0]) == len(texts[index]):
                encoded[index] = row
        return encoded

    def _takes(self, text: str) -> bool:
        if any(token in text for token in self._added) or LONG_BLANK.search(text):
            return False
        return not self._nfc or unicodedata.is_normalized("NFC", text)

    def _check_texts(self, encode: Encode) -> None:
        whole = [unicodedata.normalize("NFC", text) if self._nfc else text for text in texts()]
        pieces = [piece for text in whole for piece in shortest(text)]
        for text, row, own in zip(
            whole, self._encoder.encode_many_with_starts(whole), encode(whole), strict=True
        ):
            if not (np.array_equal(row[0], own[0]) and np.array_equal(row[1], own[1])):
                raise NotEquivalent(f"tiktoken encodes a text otherwise: {text[:30]!r}")
        apart = [row[0] for row in self._encoder.encode_many_with_starts(pieces)]
        if not np.array_equal(
            np.concatenate(apart),
            np.concatenate([row[0] for row in self._encoder.encode_many_with_starts(whole)]),
        ):
            raise NotEquivalent("its pattern matches across the ends of words")


def _check_classes() -> None:
    """Check that both engines classify recent characters alike, as each has its own Unicode
    tables."""
    from tokenizers import Regex, pre_tokenizers

    text = "".join(map(chr, NEWEST))
    cut = pre_tokenizers.Split(Regex(_CLASSES), "removed", invert=True)
    theirs = "".join(piece for piece, _ in cut.pre_tokenize_str(text))
    ranks = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding(
        "classes", pat_str=_CLASSES, mergeable_ranks=ranks, special_tokens={}
    )
    if encoding.decode(encoding.encode_ordinary(text)) != theirs:
        raise NotEquivalent("tokenizers and tiktoken know different versions of Unicode")


def _check_merges(model: Any, bpe: ByteBPE) -> None:
    ignores = model.ignore_merges
    model.ignore_merges = False  # shared with the tokenizer
    try:
        for token in bpe.tokens:
            if len(model.tokenize(token)) != 1:
                raise NotEquivalent(f"its merges do not lead to the token {token!r}")
    finally:
        model.ignore_merges = ignores
