"""Time to count a folder: walking, reading and counting separately.

Tokens are those of the embedded reader.  The first round is printed, too: it reads from disk what
the others find in memory.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

from sa_chat.engine.documents import open_documents
from sa_chat.engine.documents.folders import walk_folder
from sa_chat.engine.documents.globs import FolderFilter
from sa_chat.engine.model import reader_folder
from sa_chat.engine.tokens import load_tokenizer, tokenize_documents
from sa_chat.protocol.config import OpenOptions


def main() -> None:
    """Print a line for each round."""
    arguments = _parser().parse_args()
    with ExitStack() as stack:
        tokenizer = load_tokenizer(reader_folder(stack))
    options = OpenOptions(
        (str(arguments.path),), include=tuple(arguments.include), exclude=tuple(arguments.exclude)
    )
    for _ in range(arguments.rounds):
        started = time.perf_counter()
        files, left_out = walk_folder(
            arguments.path, FolderFilter(options.include, options.exclude)
        )
        walk_s = time.perf_counter() - started
        documents = open_documents(options)
        prompt = tokenize_documents(documents, tokenizer)
        read_s = max(0.0, documents.parse_s - walk_s)
        print(
            f"{len(files):,} files, {len(left_out):,} left out, {len(prompt.ids):,} tokens: "
            f"walk {walk_s:.2f} s, read {read_s:.2f} s, count {prompt.tokenize_s:.2f} s, "
            f"together {documents.parse_s + prompt.tokenize_s:.2f} s",
            flush=True,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, metavar="PATH", help="a folder")
    parser.add_argument("--include", action="append", default=[], metavar="GLOB")
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB")
    parser.add_argument("--rounds", type=int, default=3)
    return parser


if __name__ == "__main__":
    main()
