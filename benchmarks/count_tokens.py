"""Counting speed in characters and tokens per second: single texts, batches, and documents.

    python benchmarks/count_tokens.py FILE-OR-FOLDER... --model FOLDER...

Reads UTF-8 files; each row is the best of several rounds in one process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from sa_chat.engine.documents import DocumentSet, OutlineEntry, Part
from sa_chat.engine.info.environment import describe
from sa_chat.engine.tokens import Tokenizer, load_tokenizer, tokenize_documents


def main() -> None:
    """Print a table for each model."""
    arguments = _parser().parse_args()
    documents = _documents(arguments.paths, arguments.files)
    texts = [part.text for part in documents.parts]
    print(describe())
    print(f"{len(texts):,} files, {sum(map(len, texts)):,} characters")
    for model in arguments.models:
        tokenizer = load_tokenizer(model)
        print(f"\n{model}: {tokenizer.vocab_size:,} ids")
        print(f"{'way':24}{'seconds':>9}{'Mchar/s':>9}{'Mtok/s':>9}{'tokens':>13}")
        _table(tokenizer, documents, arguments.rounds)


def _table(tokenizer: Tokenizer, documents: DocumentSet, rounds: int) -> None:
    texts = [part.text for part in documents.parts]
    characters = sum(map(len, texts))

    def row(name: str, count: Callable[[], int], rounds: int = rounds) -> None:
        seconds = []
        for _ in range(rounds):
            started = time.perf_counter()
            tokens = count()
            seconds.append(time.perf_counter() - started)
        best = min(seconds)
        speeds = f"{characters / best / 1e6:9.2f}{tokens / best / 1e6:9.2f}"
        print(f"{name:24}{best:9.2f}{speeds}{tokens:13,}", flush=True)

    def documents_tokens() -> int:
        return len(tokenize_documents(documents, tokenizer).ids)

    row("each text alone", lambda: sum(len(tokenizer.encode_with_starts(t)[0]) for t in texts), 1)
    row("its own, in batches", lambda: _in_batches(tokenizer, texts))
    row("equivalence check", lambda: _prepared(tokenizer, characters), 1)
    row("as documents", documents_tokens)
    prompt = tokenize_documents(documents, tokenizer)
    row("sections", lambda: sum(section.tokens for section in prompt.sections), 1)


def _in_batches(tokenizer: Tokenizer, texts: list[str]) -> int:
    """Before `prepare` the tokenizer encodes by itself."""
    batches = (texts[begin : begin + 20] for begin in range(0, len(texts), 20))
    return sum(len(ids) for batch in batches for ids, _ in tokenizer.encode_many_with_starts(batch))


def _prepared(tokenizer: Tokenizer, characters: int) -> int:
    tokenizer.prepare(characters)
    return 0


def _documents(paths: list[Path], most: int) -> DocumentSet:
    files = [f for path in paths for f in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    parts: list[Part] = []
    for file in files:
        if len(parts) < most and file.is_file():
            try:
                parts.append(Part(str(file), None, file.read_text(encoding="utf-8")))
            except UnicodeDecodeError:
                print(f"{file} is not UTF-8; left out")
    outline = tuple(OutlineEntry(part.path, 0, index, 1) for index, part in enumerate(parts))
    return DocumentSet("Files", tuple(parts), outline, (), 0.0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--model", dest="models", action="append", required=True, help="a folder")
    parser.add_argument("--files", type=int, default=1_000, help="most files to read")
    parser.add_argument("--rounds", type=int, default=3)
    return parser


if __name__ == "__main__":
    main()
