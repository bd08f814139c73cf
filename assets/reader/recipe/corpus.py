"""The training corpus: plain-text books and documentation, and Python sources by package.

    python corpus.py --corpus DIR --site-packages DIR      counts what would be read

`DIR/books/*.txt` and `DIR/docs/*.txt` hold one work a file; a first line is its title.  Code
comes from installed packages; those in HELD_OUT_PACKAGES are never read for training, so that
they can serve for evaluation.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_PACKAGES = frozenset(
    {"requests", "uvicorn", "bottle", "flask", "httpx", "httpx2", "sa_chat"}
)
MIN_FILE_CHARS, MAX_FILE_CHARS = 300, 120_000


@dataclass(frozen=True)
class Work:
    """One book or manual."""

    kind: str  # "books" or "docs"
    title: str
    text: str


@dataclass(frozen=True)
class Package:
    """The source files of one installed package, in path order."""

    name: str
    files: tuple[tuple[str, str], ...]  # (path, text)

    @property
    def chars(self) -> int:
        return sum(len(text) for _, text in self.files)


def load_works(root: Path, kinds: tuple[str, ...] = ("books", "docs")) -> list[Work]:
    works = []
    for kind in kinds:
        for path in sorted((root / kind).glob("*.txt")):
            text = path.read_text(encoding="utf-8")
            title = path.stem.replace("_", " ").replace("-", " ").title()
            works.append(Work(kind, title, text))
    return works


def load_packages(
    site: Path, *, only: frozenset[str] | None = None, max_chars: int = 6_000_000
) -> list[Package]:
    """The packages under `site`, without the held-out ones unless `only` names them.

    Generated and test-data files are left out by size; a very large package is cut, so that
    no single one dominates.
    """
    packages = []
    for folder in sorted(p for p in site.iterdir() if (p / "__init__.py").exists()):
        if only is not None and folder.name not in only:
            continue
        if only is None and folder.name.lower() in HELD_OUT_PACKAGES:
            continue
        files, total = [], 0
        for path in sorted(folder.rglob("*.py")):
            vendored = {part.lower() for part in path.relative_to(folder).with_suffix("").parts}
            if only is None and vendored & HELD_OUT_PACKAGES:
                continue
            text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
            if not MIN_FILE_CHARS <= len(text) <= MAX_FILE_CHARS or "\ufffd" in text:
                continue
            if max(len(line) for line in text.splitlines()) > 1000:
                continue
            files.append((path.relative_to(site).as_posix(), text))
            total += len(text)
            if total > max_chars:
                break
        if total > 5000:
            packages.append(Package(folder.name, tuple(files)))
    single = [p for p in sorted(site.glob("*.py")) if only and p.stem in only]
    packages += [Package(p.stem, ((p.name, p.read_text(encoding="utf-8")),)) for p in single]
    return packages


def inverse_document_frequency(works: list[Work], packages: list[Package]) -> dict[str, float]:
    """log(N / windows that hold the word), on 4,000-character windows, one in ten of the text."""
    import collections
    import math

    seen: collections.Counter[str] = collections.Counter()
    windows = 0
    texts = [w.text for w in works] + [t for p in packages for _, t in p.files]
    for text in texts:
        for start in range(0, len(text), 40_000):
            windows += 1
            seen.update({w.lower() for w in WORD.findall(text[start : start + 4000])})
    return {word: math.log(windows / count) for word, count in seen.items()}


WORD = re.compile(r"[A-Za-z][A-Za-z’'-]{2,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--site-packages", type=Path)
    args = parser.parse_args()
    works = load_works(args.corpus)
    for kind in ("books", "docs"):
        part = [w for w in works if w.kind == kind]
        print(f"{kind}: {len(part)} works, {sum(len(w.text) for w in part):,} characters")
    if args.site_packages:
        packages = load_packages(args.site_packages)
        print(f"code: {len(packages)} packages, {sum(p.chars for p in packages):,} characters")


if __name__ == "__main__":
    main()
