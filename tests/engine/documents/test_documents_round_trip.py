"""From a token to its page or line, and from there to its text again: a thousand times a format."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from made_files import docx, epub, paragraph
from pdfs import write_pdf

from sa_chat.engine.documents import open_documents
from sa_chat.engine.model import reader_folder
from sa_chat.engine.tokens import Tokenizer, load_tokenizer, tokenize_documents
from sa_chat.protocol.config import OpenOptions

ROOT = Path(__file__).resolve().parents[3]
TEXT = "The näive keeper of 漢字 saw 1,234 lamps; x_1 = f(2)! Über alles 🙂 wohl."


def prose(seed: int, paragraphs: int = 120) -> list[str]:
    """Paragraphs of several scripts, each of one line."""
    chance = random.Random(seed)
    return [
        " ".join(chance.choices(TEXT.split(" "), k=chance.randint(5, 30)))
        for _ in range(paragraphs)
    ]


def notebook(texts: list[str]) -> str:
    cells = [
        {"cell_type": ("markdown", "code")[n % 2], "source": text, "outputs": [], "metadata": {}}
        for n, text in enumerate(texts)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def make(kind: str, folder: Path) -> Path:
    path = folder / f"a.{kind}"
    texts = prose(1)
    match kind:
        case "pdf":
            latin = [text.encode("cp1252", "ignore").decode("cp1252") for text in texts]
            lines = [text.replace("(", "").replace(")", "") for text in latin]
            path.write_bytes(write_pdf([lines[n : n + 6] for n in range(0, 120, 6)], roman_pages=3))
        case "epub":
            chapters = {
                f"{n}.xhtml": f"<h1>Chapter {n}</h1>" + "".join(f"<p>{t}</p>" for t in prose(n, 30))
                for n in range(5)
            }
            path.write_bytes(epub(chapters))
        case "docx":
            path.write_bytes(docx("".join(map(paragraph, texts))))
        case "html":
            path.write_text("<h1>One</h1>" + "".join(f"<p>{t}</p>" for t in texts))
        case "ipynb":
            path.write_text(notebook(texts))
        case "md":
            path.write_text("\r\n".join(f"# {t}\r\n{t}" for t in texts))
        case "rst":
            path.write_text("\n\n".join(f"{t}\n{'=' * 200}" for t in texts))
        case "txt":
            path.write_bytes("\r\n".join(texts).encode("utf-16"))
        case "folder":
            return ROOT / "engine" / "documents"
        case "handbook":
            return ROOT / "assets" / "handbook.pdf"
    return path


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    from contextlib import ExitStack

    with ExitStack() as stack:
        return load_tokenizer(reader_folder(stack))


@pytest.mark.parametrize(
    "kind",
    ["pdf", "epub", "docx", "html", "ipynb", "md", "rst", "txt", "folder", "handbook"],
)
def test_a_span_is_found_where_its_place_says(
    kind: str, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    documents = open_documents(OpenOptions((str(make(kind, tmp_path)),)))
    prompt = tokenize_documents(documents, tokenizer)
    chance = random.Random(kind)
    tried = 0
    while tried < 1000:
        at = chance.randrange(len(prompt.pieces))
        piece, starts = prompt.pieces[at], prompt.starts[at]
        if piece.part is None or not len(starts):
            continue
        first = chance.randrange(len(starts))
        last = min(first + chance.randint(1, 40), len(starts) - 1)
        span = piece.text[int(starts[first]) : int(starts[last])]
        if not span:
            continue
        tried += 1
        place = prompt.locate(int(prompt.piece_starts[at]) + first)
        there = [
            part
            for part in documents.parts
            if (part.path, part.page) == (place.path, place.page)
            and part.line <= place.line <= part.line + part.text.count("\n")
        ]
        assert len(there) == 1
        lines = there[0].text.split("\n")[place.line - there[0].line :]
        offset = "\n".join(lines).find(span)
        assert 0 <= offset <= len(lines[0])
