"""Batches of texts: the same rows, progress in small steps, and sections of many parts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers_for_tests import byte_level

from sa_chat.engine.documents import DocumentSet, OutlineEntry, Part
from sa_chat.engine.tokens import Tokenizer, batches, tokenize_documents
from sa_chat.engine.tokens.base import Ids, Starts
from sa_chat.engine.tokens.batches import encode_all
from sa_chat.engine.tokens.hf_tokenizer import HFTokenizer
from sa_chat.engine.tokens.stretches import shortest


class Cutting(HFTokenizer):
    """Cuts texts wherever it may and notes its batches."""

    def __init__(self) -> None:
        super().__init__(byte_level(), "bytes")
        self.batches: list[int] = []

    def stretches(self, text: str) -> list[str]:
        return shortest(text)

    def encode_many_with_starts(self, texts: Sequence[str]) -> list[tuple[Ids, Starts]]:
        self.batches.append(sum(map(len, texts)))
        return super().encode_many_with_starts(texts)


@pytest.fixture(scope="module")
def tokenizer() -> Cutting:
    return Cutting()


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text("ab \n日é", max_size=40)))
def test_rows_are_those_of_each_text(tokenizer: Cutting, texts: list[str]) -> None:
    rows = encode_all(texts, tokenizer)
    assert len(rows) == len(texts)
    for text, (ids, starts) in zip(texts, rows, strict=True):
        own_ids, own_starts = tokenizer.encode_with_starts(text)
        assert ids.tolist() == own_ids.tolist()
        assert starts.tolist() == own_starts.tolist()


def test_progress_rises_to_one_in_small_steps(tokenizer: Cutting) -> None:
    tokenizer.batches.clear()
    seen: list[float] = []
    encode_all(["word " * 40_000, "x", "more " * 40_000], tokenizer, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) == len(tokenizer.batches) >= 3
    assert tokenizer.batches[0] <= batches._FIRST


def test_what_progress_raises_ends_it(tokenizer: Cutting) -> None:
    class Stopped(Exception):
        pass

    def stop(_: float) -> None:
        raise Stopped

    tokenizer.batches.clear()
    with pytest.raises(Stopped):
        encode_all(["word " * 40_000], tokenizer, stop)
    assert len(tokenizer.batches) == 1


OUTLINES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(levels=OUTLINES)
def test_a_section_ends_at_the_next_of_its_level_or_a_lower_one(
    tokenizer: Tokenizer, levels: list[tuple[int, int]]
) -> None:
    parts = tuple(Part("a.txt", None, "one\ntwo\nthree\n", 1 + 3 * i) for i in range(len(levels)))
    outline = tuple(
        OutlineEntry(str(i), level, i, parts[i].line + line - 1)
        for i, (level, line) in enumerate(levels)
    )
    prompt = tokenize_documents(DocumentSet("T", parts, outline, (), 0.0), tokenizer)
    text = range(int(prompt.piece_starts[1]), len(prompt.ids))  # after head and title
    begins = [
        next(index for index in text if prompt.locate(index).line >= entry.line)
        for entry in outline
    ]
    for index, section in enumerate(prompt.sections):
        later = range(index + 1, len(outline))
        ends = [begins[i] for i in later if outline[i].level <= outline[index].level]
        assert section.tokens == (ends or [len(prompt.ids)])[0] - begins[index]


def test_sections_of_thousands_of_parts_take_no_time(tokenizer: Tokenizer) -> None:
    count = 5_000
    parts = tuple(Part(f"{i}.txt", None, "one\ntwo\n") for i in range(count))
    outline = tuple(
        OutlineEntry(f"{i}", level, i, 1 + level) for i in range(count) for level in (0, 1)
    )
    files = DocumentSet("T", parts, outline, (), 0.0)
    deep = tuple(OutlineEntry(f"{i}", i, i, 1) for i in range(count))
    for documents in (files, DocumentSet("T", parts, deep, (), 0.0)):
        prompt = tokenize_documents(documents, tokenizer)
        started = time.process_time()
        assert len(prompt.sections) == len(documents.outline)
        assert time.process_time() - started < 2.0
