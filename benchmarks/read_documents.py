"""Read real files through the format readers: what was read, how fast, and what went wrong.

    python benchmarks/read_documents.py PATH... [--out table.md]
    python benchmarks/read_documents.py --same BOOK.epub BOOK.txt [--same ...]

Times are those of opening (including the process of the format readers) and, separately, of
counting with the embedded reader's tokenizer.  `--same` reports how many words of a source text the
document contains in order: words are case-insensitive runs of letters and digits, so that
punctuation and layout do not count.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

from sa_chat.engine.documents import DocumentSet, open_documents
from sa_chat.engine.documents.decoding import decode
from sa_chat.engine.info.environment import describe
from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.tokens import Tokenizer, tokenize_documents
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import SaChatError

_WORD = re.compile(r"[^\W_]+")
_RUN = 6  # words that anchor the comparison, if they occur once in both texts
_HEADER = (
    "| file | format | pages | sections | characters | tokens | open, s | count, s | remarks |",
    "|---|---|--:|--:|--:|--:|--:|--:|---|",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each file; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.add_argument(
        "--same", nargs=2, action="append", default=[], type=Path, metavar=("FILE", "SOURCE")
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the table")
    args = parser.parse_args(argv)
    lines = [describe(), ""]
    if args.paths:
        tokenizer = LocalEngine(EngineConfig(), lambda event: None).tokenizer
        lines += _HEADER
        for path in args.paths:
            lines.append(_row(path, tokenizer))
            print(lines[-1], flush=True)
    for path, source in args.same:
        ordered, anywhere, words = recovered(_open(path), source)
        lines.append(
            f"{path.name}: of {words:,} words {ordered:,} in order ({ordered / words:.2%}), "
            f"{anywhere:,} in any ({anywhere / words:.2%})"
        )
        print(lines[-1], flush=True)
    if args.out:
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _open(path: Path) -> DocumentSet:
    return open_documents(OpenOptions((str(path),)))


def _row(path: Path, tokenizer: Tokenizer) -> str:
    kind = path.suffix or "folder"
    began = time.perf_counter()
    try:
        documents = _open(path)
    except SaChatError as error:
        seconds = time.perf_counter() - began
        return f"| {path.resolve().name} | {kind} | | | | | {seconds:.2f} | | {error.message} |"
    opened = time.perf_counter()
    prompt = tokenize_documents(documents, tokenizer)
    counted = time.perf_counter()
    remarks = [item.reason for item in documents.left_out]
    cells = (
        path.resolve().name,
        kind,
        sum(part.page is not None for part in documents.parts) or "",
        len(documents.outline),
        f"{sum(len(part.text) for part in documents.parts):,}",
        f"{len(prompt.ids):,}",
        f"{opened - began:.2f}",
        f"{counted - opened:.2f}",
        "; ".join(remarks[:2]) + (f"; {len(remarks) - 2} more" if len(remarks) > 2 else ""),
    )
    return f"| {' | '.join(map(str, cells))} |"


def recovered(documents: DocumentSet, source: Path) -> tuple[int, int, int]:
    """The numbers of words of the source that the document has in order, that it has in any order,
    and of all words.

    Footnotes and contents that are placed elsewhere in the source are not in order.
    """
    wanted = _words(decode(source.read_bytes()))
    found = _words("\n".join(part.text for part in documents.parts))
    matched, at = 0, (0, 0)
    for here, there in [*_anchors(wanted, found), (len(wanted), len(found))]:
        gap = wanted[at[0] : here], found[at[1] : there]
        blocks = SequenceMatcher(None, *gap, autojunk=False).get_matching_blocks()
        matched += sum(block.size for block in blocks)
        at = (here, there)
    return matched, (Counter(wanted) & Counter(found)).total(), len(wanted)


def _anchors(wanted: list[str], found: list[str]) -> list[tuple[int, int]]:
    """Places of runs of words that occur once in both texts: the longest series in order."""
    here, there = _once(wanted), _once(found)
    pairs = sorted((here[run], there[run]) for run in here.keys() & there.keys())
    tails: list[int] = []  # the least end among series of each length
    best: list[int] = []  # for each pair the length of the longest series that it ends
    for _, place in pairs:
        length = bisect_left(tails, place)
        tails[length : length + 1] = [place]
        best.append(length)
    series: list[tuple[int, int]] = []
    wanted_length = len(tails) - 1
    for pair, length in zip(reversed(pairs), reversed(best), strict=True):
        if length == wanted_length and (not series or pair[1] < series[-1][1]):
            series.append(pair)
            wanted_length -= 1
    return series[::-1]


def _once(words: list[str]) -> dict[tuple[str, ...], int]:
    runs = Counter(zip(*(words[shift:] for shift in range(_RUN)), strict=False))
    places = enumerate(zip(*(words[shift:] for shift in range(_RUN)), strict=False))
    return {run: place for place, run in places if runs[run] == 1}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


if __name__ == "__main__":
    sys.exit(main())
