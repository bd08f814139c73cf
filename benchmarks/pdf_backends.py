"""PDFium and pypdf on the same PDF files: seconds, characters, and the words of a source text
that they recover in order, as extracted and after cleaning.

A file is given as PDF or PDF=TEXT, where TEXT is what it was typeset from.  Without files, a
hundred pages are typeset with Typst, in one column and in two.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from sa_chat.engine.documents.cleaning import Page, clean_pages
from sa_chat.engine.documents.readers import Source
from sa_chat.engine.documents.readers.pdf.backends import PdfFile
from sa_chat.engine.documents.readers.pdf.pdfium import PdfiumFile
from sa_chat.engine.documents.readers.pdf.pypdf_file import PypdfFile
from sa_chat.engine.info.environment import describe
from sa_chat.engine.tools.bench.results import table

BACKENDS: tuple[type[PdfFile], ...] = (PdfiumFile, PypdfFile)
_WORD = re.compile(r"[^\W_]+")
_HEADINGS = ("file", "backend", "pages", "s", "characters", "read %", "cleaned %", "labels")


def main() -> None:
    """Print a row for each file and backend."""
    arguments = _parser().parse_args()
    print(describe())
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for file in arguments.files or typeset(Path(folder), arguments.source):
            pdf, _, text = str(file).partition("=")
            source = Path(text).read_text("utf-8") if text else None
            for backend in BACKENDS:
                rows.append(_row(Path(pdf), source, backend))
                print(*rows[-1], flush=True)
    print(table((*_HEADINGS, "outline"), rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", metavar="PDF[=TEXT]")
    parser.add_argument(
        "--source", type=Path, metavar="TEXT", help="what to typeset when no files are given"
    )
    return parser


def _row(pdf: Path, source: str | None, backend: type[PdfFile]) -> tuple[str, ...]:
    started = time.perf_counter()
    file = backend(Source(pdf, pdf.name))
    try:
        texts = [_text(file, position) for position in range(1, file.count() + 1)]
        seconds = time.perf_counter() - started
        labels = file.labels()
        entries = sum(1 for _ in file.bookmarks())
    finally:
        file.close()
    pages = [
        Page(text, label or str(position), position)
        for position, (text, label) in enumerate(zip(texts, labels, strict=True), start=1)
    ]
    return (
        pdf.name,
        backend.__name__,
        str(len(texts)),
        f"{seconds:.2f}",
        str(sum(map(len, texts))),
        _share(source, texts),
        _share(source, clean_pages(pages)),
        str(sum(map(bool, labels))),
        str(entries),
    )


def _text(file: PdfFile, position: int) -> str:
    try:
        return file.text(position).replace("\r\n", "\n")
    except Exception as error:  # a page that cannot be read is one of the results
        print(f"page {position}: {error}")
        return ""


def _share(source: str | None, texts: Iterable[str]) -> str:
    return "" if source is None else f"{100 * recovered(source, chr(10).join(texts)):.3f}"


def recovered(source: str, text: str) -> float:
    """The share of the words of `source` that `text` has in the same order."""
    wanted = _WORD.findall(source)
    return common(wanted, _WORD.findall(text)) / len(wanted)


def common(first: list[str], second: list[str]) -> int:
    """The length of the longest common subsequence.

    Computed column by column of the table of lengths, each a number with one bit per row.
    """
    matches: dict[str, int] = defaultdict(int)
    for row, word in enumerate(first):
        matches[word] |= 1 << row
    everything = (1 << len(first)) - 1
    column = everything
    for word in second:
        if word in matches:
            met = column & matches[word]
            column = ((column + met) | (column - met)) & everything
    return len(first) - column.bit_count()


def typeset(folder: Path, source: Path | None) -> list[str]:
    """Typeset two PDFs in `folder`: justified, hyphenated, with running heads and page numbers.
    Returns them as PDF=TEXT."""
    import typst

    text = source.read_text("utf-8") if source else Path(__file__).read_text("utf-8") * 60
    words = " ".join(_WORD.findall(text))
    (folder / "source.txt").write_text(words, "utf-8")
    files = []
    for columns in (1, 2):
        main_file = folder / f"columns-{columns}.typ"
        main_file.write_text(_TEMPLATE.format(columns=columns, words=words), "utf-8")
        pdf = main_file.with_suffix(".pdf")
        typst.compile(main_file, output=pdf)
        files.append(f"{pdf}={folder / 'source.txt'}")
    return files


_TEMPLATE = """#set page(width: 148mm, height: 210mm, columns: {columns}, numbering: "1",
  header: [The Whole of the Book])
#set text(size: 9pt, lang: "en", hyphenate: true)
#set par(justify: true)
{words}
"""

if __name__ == "__main__":
    main()
