"""Encodes many texts in steps of about equal time, for progress and prompt cancellation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .base import Ids, Starts, Tokenizer

_STEP_S = 0.1  # target time of a step
_FIRST = 50_000  # characters of a step until the speed is known
_LONGEST = 4_000_000  # characters of a step


def encode_all(
    texts: Sequence[str], tokenizer: Tokenizer, on_progress: Callable[[float], None] | None = None
) -> list[tuple[Ids, Starts]]:
    """`encode_with_starts` of each text.  An exception from `on_progress` ends the work."""
    total = sum(map(len, texts))
    tokenizer.prepare(total)
    cut = [tokenizer.stretches(text) for text in texts]
    flat = [stretch for stretches in cut for stretch in stretches]
    rows: list[tuple[Ids, Starts]] = []
    done, size = 0, _FIRST
    while len(rows) < len(flat):
        batch = flat[len(rows) : _batch_end(flat, len(rows), size)]
        started = time.perf_counter()
        rows += tokenizer.encode_many_with_starts(batch)
        characters = sum(map(len, batch))
        speed = characters / max(time.perf_counter() - started, 1e-6)
        done += characters
        size = min(max(int(speed * _STEP_S), _FIRST // 10), 4 * size, _LONGEST)
        if on_progress:
            on_progress(done / max(total, 1))
    following = iter(rows)
    return [_joined(stretches, following) for stretches in cut]


def _batch_end(texts: Sequence[str], begin: int, size: int) -> int:
    """The end of a batch of at least one text and otherwise at most `size` characters."""
    end, characters = begin + 1, len(texts[begin])
    while end < len(texts) and characters + len(texts[end]) <= size:
        characters += len(texts[end])
        end += 1
    return end


def _joined(stretches: Sequence[str], rows: Iterator[tuple[Ids, Starts]]) -> tuple[Ids, Starts]:
    if len(stretches) == 1:
        return next(rows)
    ids, starts, begin = [], [], 0
    for stretch in stretches:
        some, offsets = next(rows)
        ids.append(some)
        starts.append(offsets + begin)
        begin += len(stretch)
    return np.concatenate(ids), np.concatenate(starts)
