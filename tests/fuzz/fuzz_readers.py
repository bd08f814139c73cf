"""Coverage-guided fuzzing of the readers: `pip install atheris` (Linux, Python 3.11-3.13), then

    python tests/fuzz/fuzz_readers.py --minutes 60 --seeds FOLDER --work FOLDER

The first byte of an input chooses the format, and for archives whether the rest is the archive
itself or the document inside a sound one.  Readers run here without their process of their own, so
that what they do is seen: any error but a `SaChatError`, more than `--timeout` seconds or more
than `--memory` MiB ends the run with the input that did it.  Not part of the tests: it takes as
long as it is given.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sa_chat.engine.documents", "pypdf"]):
    from sa_chat.engine.documents.choosing import choose
    from sa_chat.engine.documents.model import DocumentSet, OutlineEntry
    from sa_chat.engine.documents.readers import READERS, Source
from sa_chat.protocol.errors import SaChatError

_CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="o.opf"/></rootfiles></container>'
)
_OPF = (
    '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest>'
    '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="n" href="n.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
    '</manifest><spine><itemref idref="a"/></spine></package>'
)
_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def _epub(inner: bytes, name: str) -> bytes:
    members = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": _CONTAINER.encode(),
        "o.opf": _OPF.encode(),
        "a.xhtml": b"<html><body><p>text</p></body></html>",
        "n.xhtml": b'<html><nav><ol><li><a href="a.xhtml">A</a></li></ol></nav></html>',
        name: inner,
    }
    return _zip(members)


def _docx(inner: bytes, name: str) -> bytes:
    body = b"<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'/>"
    return _zip({"[Content_Types].xml": _TYPES.encode(), "word/document.xml": body, name: inner})


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


FORMATS = (
    (".html", lambda data: data),
    (".ipynb", lambda data: data),
    (".md", lambda data: data),
    (".rst", lambda data: data),
    (".py", lambda data: data),
    (".pdf", lambda data: data),
    (".epub", lambda data: data),
    (".epub", lambda data: _epub(data, "a.xhtml")),
    (".epub", lambda data: _epub(data, "o.opf")),
    (".epub", lambda data: _epub(data, "n.xhtml")),
    (".epub", lambda data: _epub(data, "META-INF/container.xml")),
    (".docx", lambda data: data),
    (".docx", lambda data: _docx(data, "word/document.xml")),
    (".docx", lambda data: _docx(data, "word/styles.xml")),
    (".docx", lambda data: _docx(data, "word/footnotes.xml")),
)


def read(data: bytes, folder: Path) -> None:
    """One input: read it, and check what every reading promises."""
    if not data:
        return
    suffix, make = FORMATS[data[0] % len(FORMATS)]
    path = folder / f"input{suffix}"
    path.write_bytes(make(data[1:]))
    by_suffix = [reader for reader in READERS if suffix in reader.suffixes]
    reader = by_suffix[0] if by_suffix else READERS[-1]
    try:
        parsed = reader.read(Source(path, "input", careful=True))
    except SaChatError as error:
        if not (error.message.endswith(".") and error.hint):
            raise AssertionError("no sentence and hint") from error
        return
    assert parsed.parts
    lines = [part.text.count("\n") + part.line for part in parsed.parts]
    for part in parsed.parts:
        part.text.encode()
        assert "\r" not in part.text
        assert "\x00" not in part.text
    for entry in parsed.outline:
        assert parsed.parts[entry.part].line <= entry.line <= lines[entry.part], entry
        assert entry.level >= 1
        assert entry.title.strip()
    outline = sorted(parsed.outline, key=lambda entry: (entry.part, entry.line))
    whole = OutlineEntry("input", 0, 0, parsed.parts[0].line)
    documents = DocumentSet("input", parsed.parts, (whole, *outline), (), 0.0)
    documents.text()
    try:
        choose(documents, exclude=("#*",))
    except SaChatError:
        return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seeds", type=Path, help="files to begin with, of any of the formats")
    parser.add_argument("--work", type=Path, required=True, help="where found inputs are kept")
    parser.add_argument("--timeout", type=int, default=15, help="seconds for one input")
    parser.add_argument("--memory", type=int, default=2048, help="MiB")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.seeds:
        _take_seeds(args.seeds, args.work)
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    atheris.Setup(
        [
            sys.argv[0],
            str(args.work),
            f"-max_total_time={round(args.minutes * 60)}",
            f"-timeout={args.timeout}",
            f"-rss_limit_mb={args.memory}",
            "-max_len=16384",
            f"-artifact_prefix={args.work}/found-",
            "-print_final_stats=1",
        ],
        lambda data: read(data, folder),
    )
    atheris.Fuzz()


def _take_seeds(seeds: Path, work: Path) -> None:
    """Each file once, behind the byte of its format."""
    kinds = [suffix for suffix, _ in FORMATS]
    for number, path in enumerate(sorted(seeds.iterdir())):
        if path.suffix in kinds and path.is_file():
            kind = bytes([kinds.index(path.suffix)])
            (work / f"seed-{number}").write_bytes(kind + path.read_bytes()[:16_000])


if __name__ == "__main__":
    main()
