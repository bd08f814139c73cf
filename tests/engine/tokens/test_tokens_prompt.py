"""A document set as tokens: exact counts by section and a place for each token."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers_for_tests import CHATML, byte_level

from sa_chat.engine.documents import DocumentSet, OutlineEntry, Part
from sa_chat.engine.tokens import Place, Tokenizer, tokenize_documents
from sa_chat.engine.tokens.hf_tokenizer import HFTokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return HFTokenizer(byte_level(CHATML), "bytes")


BOOK = DocumentSet(
    title="Book",
    parts=(
        Part("book.pdf", "i", "Preface\nwords", position=1),
        Part("book.pdf", "ii", "", position=2),
        Part("book.pdf", "1", "end of preface\nOne\nthe fox\n", position=3),
        Part("book.pdf", "2", "the dog", position=4),
    ),
    outline=(
        OutlineEntry("Book", 0, 0, 1),
        OutlineEntry("Preface", 1, 0, 1),
        OutlineEntry("One", 1, 2, 2),
        OutlineEntry("Dog", 2, 3, 1),
    ),
    left_out=(),
    parse_s=0.0,
)


def test_ids_are_head_and_the_text_of_the_model(tokenizer: Tokenizer) -> None:
    prompt = tokenize_documents(BOOK, tokenizer)
    head = len(tokenizer.chat.head)
    assert prompt.ids.dtype == np.int32
    assert tuple(prompt.ids[:head]) == tokenizer.chat.head
    stream = tokenizer.detokenizer()
    text = "".join(map(stream.feed, prompt.ids[head:].tolist())) + stream.flush()
    assert text == BOOK.text()
    assert prompt.tokenize_s > 0


def test_sections_count_their_markers_and_add_up(tokenizer: Tokenizer) -> None:
    prompt = tokenize_documents(BOOK, tokenizer)

    def count(*texts: str) -> int:
        return sum(len(tokenizer.encode(text)) for text in texts)

    preface = count(
        "[page i]\n", "Preface\nwords", "\n[page ii]\n", "[page 1]\n", "end of preface\n"
    )
    one = count("One\nthe fox\n", "[page 2]\n", "the dog")
    tokens = {section.title: section.tokens for section in prompt.sections}
    assert tokens == {
        "Book": preface + one,
        "Preface": preface,
        "One": one,
        "Dog": count("[page 2]\n", "the dog"),
    }
    assert len(prompt.ids) == len(tokenizer.chat.head) + count("Book\n") + tokens["Book"]
    assert [(s.page, s.line, s.level) for s in prompt.sections] == [
        ("i", 1, 0),
        ("i", 1, 1),
        ("1", 2, 1),
        ("2", 1, 2),
    ]


def test_each_token_has_its_place(tokenizer: Tokenizer) -> None:
    prompt = tokenize_documents(BOOK, tokenizer)
    assert prompt.locate(0) == Place("book.pdf", "i", 1)
    assert prompt.locate(len(prompt.ids) - 1) == Place("book.pdf", "2", 1)
    places = [prompt.locate(index) for index in range(len(prompt.ids))]
    in_order = list(dict.fromkeys(places))
    assert in_order == [
        Place("book.pdf", "i", 1),
        Place("book.pdf", "i", 2),
        Place("book.pdf", "ii", 1),
        Place("book.pdf", "1", 1),
        Place("book.pdf", "1", 2),
        Place("book.pdf", "1", 3),
        Place("book.pdf", "2", 1),
    ]


LINES = st.text("ab \n日", max_size=30)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(LINES, min_size=1, max_size=4), data=st.data())
def test_places_of_any_text(tokenizer: Tokenizer, texts: list[str], data: st.DataObject) -> None:
    parts = tuple(Part(f"{i}.txt", None, f"x{text}") for i, text in enumerate(texts))
    outline = tuple(OutlineEntry(part.path, 0, index, 1) for index, part in enumerate(parts))
    documents = DocumentSet("T", parts, outline, (), 0.0)
    prompt = tokenize_documents(documents, tokenizer)
    for index, part in enumerate(parts):
        piece = [p.part for p in prompt.pieces].index(index)
        at = data.draw(st.integers(0, len(prompt.starts[piece]) - 1))
        place = prompt.locate(int(prompt.piece_starts[piece]) + at)
        offset = int(prompt.starts[piece][at])
        assert place == Place(part.path, None, 1 + part.text[:offset].count("\n"))
    overhead = len(tokenizer.chat.head) + len(tokenizer.encode("T\n"))
    assert sum(section.tokens for section in prompt.sections) == len(prompt.ids) - overhead


def test_an_outline_line_beyond_the_text_is_harmless(tokenizer: Tokenizer) -> None:
    documents = DocumentSet(
        "T", (Part("a", None, "one\ntwo"),), (OutlineEntry("x", 0, 0, 99),), (), 0.0
    )
    (section,) = tokenize_documents(documents, tokenizer).sections
    assert section.tokens == len(tokenizer.encode("two"))
