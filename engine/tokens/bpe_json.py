"""Converts a `tokenizer.json` of byte-level BPE to ranks and a pattern for tiktoken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import Ids
from .stretches import is_seam

GPT2_PATTERN = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # of ByteLevel
)
_REFUSED_SETTINGS = (
    "dropout",
    "unk_token",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "byte_fallback",
)


class NotEquivalent(Exception):
    """tiktoken cannot replace the tokenizer; the message says why."""


@dataclass(frozen=True)
class ByteBPE:
    """What tiktoken needs of a byte-level BPE tokenizer."""

    pattern: str
    ranks: dict[bytes, int]  # in merge order, after the single bytes
    ids: Ids  # [ranks]
    tokens: tuple[str, ...]  # as written in the vocabulary, by rank
    several: bool  # some tokens result from several merges
    nfc: bool  # texts are normalised to NFC first
    added: tuple[str, ...]  # tokens that are split off before everything else


def read(data: Mapping[str, Any]) -> ByteBPE:
    """Read a parsed `tokenizer.json`.  Raises `NotEquivalent`."""
    model = data["model"]
    if model.get("type") != "BPE":
        raise NotEquivalent(f"its model is {model.get('type')}")
    for setting in _REFUSED_SETTINGS:
        if model.get(setting):
            raise NotEquivalent(f"it has {setting}")
    tokens, several = _merged(model)
    written = byte_of_character()
    ranks = {bytes(map(written.__getitem__, token)): i for i, token in enumerate(tokens)}
    whole = bool(model.get("ignore_merges"))
    if whole and several and _is_complete(ranks, len(model["merges"])):
        for token in model["vocab"].keys() - set(tokens):
            if all(char in written for char in token):
                ranks[bytes(map(written.__getitem__, token))] = len(tokens)
                tokens.append(token)
    elif whole and len(tokens) < len(model["vocab"]):
        raise NotEquivalent("it has tokens that no merge makes")
    return ByteBPE(
        pattern=_pattern(data["pre_tokenizer"]),
        ranks=ranks,
        ids=np.asarray([model["vocab"][token] for token in tokens], dtype=np.int32),
        tokens=tuple(tokens),
        several=several,
        nfc=_is_nfc(data["normalizer"]),
        added=_added(data["added_tokens"]),
    )


def _pattern(pre: Mapping[str, Any] | None) -> str:
    steps: list[Mapping[str, Any]] = [] if pre is None else pre.get("pretokenizers", [pre])
    if not steps:
        raise NotEquivalent("its texts are not cut")
    *splits, last = steps
    if last["type"] != "ByteLevel" or last["add_prefix_space"]:
        raise NotEquivalent("its texts are not cut as GPT-2's")
    if last["use_regex"] and not splits:
        return GPT2_PATTERN
    if last["use_regex"] or len(splits) != 1:
        raise NotEquivalent("its texts are cut in several steps")
    (split,) = splits
    if split["type"] != "Split" or split["behavior"] != "Isolated" or split["invert"]:
        raise NotEquivalent(f"its texts are cut by {split['type']}")
    if "Regex" not in split["pattern"]:
        raise NotEquivalent("its texts are cut at a string")
    return str(split["pattern"]["Regex"])


def _is_nfc(normalizer: Mapping[str, Any] | None) -> bool:
    steps = [] if normalizer is None else normalizer.get("normalizers", [normalizer])
    if any(step["type"] != "NFC" for step in steps):
        raise NotEquivalent("it normalises texts")
    return bool(steps)


def _added(tokens: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    ordinary = [token for token in tokens if not token["special"]]
    for token in ordinary:
        if token["lstrip"] or token["rstrip"] or token["single_word"]:
            raise NotEquivalent("it has added tokens that look at what is around them")
        if is_seam(token["content"]):
            raise NotEquivalent("it has added tokens with blanks")
    return tuple(token["content"] for token in ordinary)


def _merged(model: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The tokens, single bytes first and then in merge order; and whether several merges result in
    the same token.

    tiktoken ranks results of merges, the library ranks pairs: pairs with the same result must
    be consecutive.
    """
    written = byte_of_character()
    if not all(char in model["vocab"] for char in written):
        raise NotEquivalent("it does not have a token for every byte")
    tokens = list(written)
    seen = set(tokens)
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        token = left + right
        if token == tokens[-1]:
            continue
        if token in seen:
            raise NotEquivalent("its merges make a token twice")
        if not written.keys() >= set(token):
            raise NotEquivalent("it merges characters that stand for no byte")
        seen.add(token)
        tokens.append(token)
    return tokens, len(tokens) - len(written) < len(model["merges"])


def _is_complete(ranks: Mapping[bytes, int], merges: int) -> bool:
    """Whether every pair of tokens that forms a token is merged, as in tiktoken."""
    splits = sum(
        token[:at] in ranks and token[at:] in ranks
        for token in ranks
        for at in range(1, len(token))
    )
    return splits == merges


def byte_of_character() -> dict[str, int]:
    """The byte for each character of a byte-level vocabulary.  Visible bytes are written as
    themselves, the others as the characters from U+0100 on (GPT-2's `bytes_to_unicode`)."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in visible]
    written = {chr(byte): byte for byte in sorted(visible)}
    return written | {chr(0x100 + i): byte for i, byte in enumerate(hidden)}
