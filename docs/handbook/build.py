"""Typeset the handbook: `python docs/handbook/build.py` writes assets/handbook.pdf.

The PDF is the same, byte for byte, for the same sources and the same release of the `typst`
package: the date is fixed and only the fonts inside the package are used.  A digest of the
sources stands among the keywords of the PDF, and `--check` compares it with the tree.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
PDF = SOURCES.parents[1] / "assets" / "handbook.pdf"
DIGEST_PREFIX = "sources-sha256:"
SOURCE_DATE_EPOCH = 1_767_225_600  # 1 January 2026, UTC


def source_digest(folder: Path = SOURCES) -> str:
    """SHA-256 over the names and the contents of all Typst files under `folder`."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.typ"), key=lambda p: p.relative_to(folder).as_posix()):
        content = path.read_text(encoding="utf-8").encode()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def recorded_digest(pdf: Path) -> str | None:
    """The digest among the keywords of `pdf`; None if there is none."""
    from pypdf import PdfReader

    metadata = PdfReader(pdf).metadata
    keywords = "" if metadata is None else str(metadata.get("/Keywords", ""))
    for word in keywords.replace(",", " ").split():
        if word.startswith(DIGEST_PREFIX):
            return word.removeprefix(DIGEST_PREFIX)
    return None


def build(output: Path) -> None:
    """Typeset the handbook into `output`."""
    import typst

    pdf = typst.compile(
        str(SOURCES / "handbook.typ"),
        root=str(SOURCES),
        ignore_system_fonts=True,
        sys_inputs={"digest": DIGEST_PREFIX + source_digest()},
        timestamp=SOURCE_DATE_EPOCH,
        pdf_tags=False,  # the many cells of the drawings would more than double the size
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(pdf)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Typeset the sa-chat handbook as a PDF.")
    parser.add_argument("--output", type=Path, default=PDF, help="the PDF (default: %(default)s)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="build nothing; exit with 1 if the PDF was built from other sources",
    )
    options = parser.parse_args(arguments)
    if not options.check:
        build(options.output)
        print(f"{options.output}: {options.output.stat().st_size:,} bytes")
        return 0
    if not options.output.is_file():
        print(f"{options.output} is missing; run {Path(__file__).name}.", file=sys.stderr)
        return 1
    if recorded_digest(options.output) != source_digest():
        print(
            f"{options.output} was built from other sources; run {Path(__file__).name}.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
