"""Ask real questions about real documents and write a transcript.

    python benchmarks/reader_real_questions.py --documents FOLDER --device cuda > transcript.md
    python benchmarks/reader_real_questions.py --documents FOLDER --check

The questions are those of reader_real_questions.json.  Each document is read once; every question
is asked as the first, except for follow-ups, which come right after the question they refer to.  An
answer is right if a verified quotation overlaps an expected passage at its place in the document,
or, where the document has no answer, if it says so.  --check only looks up all expected passages
and their positions in tokens of the embedded reader.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sa_chat.engine.citations.folding import fold
from sa_chat.engine.info.environment import describe
from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.tools.eval.scoring import refused
from sa_chat.protocol.arguments import method_name
from sa_chat.protocol.config import (
    DEFAULT_ALPHA,
    EMBEDDED_MODEL,
    METHODS,
    EngineConfig,
    OpenOptions,
)
from sa_chat.protocol.errors import DocumentError, SaChatError
from sa_chat.protocol.events import Answer, Event, PrefillDone

QUESTIONS = Path(__file__).with_suffix(".json")
READER = Path(__file__).parent.parent / "assets" / "reader"
LAST_TOKEN = 110_000  # limit for the positions of expected passages
_SHARED = 20  # least characters shared by a quotation and a passage, unless one is shorter

_E = TypeVar("_E", PrefillDone, Answer)


def document_of(entry: dict[str, Any], folder: Path) -> str:
    """The text of a document as it is read.  Raises `DocumentError`."""
    path = folder / entry["path"]
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path} cannot be read: {error}.", "Check --documents.") from error
    if entry["until"] is None:
        return text
    before, found, _ = text.partition(f"\n{entry['until']}\n")
    if not found:
        raise DocumentError(f"{path} has no line {entry['until']!r}.", "It is another edition.")
    return before + "\n"


def places(needle: str, text: str) -> Iterator[tuple[int, int]]:
    """The spans of `needle` in `text`, both folded."""
    at = text.find(needle)
    while needle and at >= 0:
        yield at, at + len(needle)
        at = text.find(needle, at + 1)


def overlaps(quote: str, passage: str, text: str) -> bool:
    """Whether a quotation and a passage overlap somewhere in the folded text."""
    quote, passage = fold(quote).text.strip(), fold(passage).text.strip()
    least = min(_SHARED, len(quote), len(passage))
    return any(
        min(end, last) - max(start, first) >= least
        for start, end in places(quote, text)
        for first, last in places(passage, text)
    )


def is_right(answer: Answer, expected: Sequence[str] | None, text: str) -> bool:
    """Whether an answer is right; `text` is the folded document."""
    if expected is None:
        return refused(answer.text)
    return any(
        overlaps(citation.quote, passage, text)
        for citation in answer.citations
        if citation.verified
        for passage in expected
    )


def check(documents: Sequence[dict[str, Any]], folder: Path) -> int:
    """Look up all expected passages; returns how many are missing or too far back."""
    from sa_chat.engine.tokens.tiktoken_tokenizer import TiktokenTokenizer

    tokenizer = TiktokenTokenizer.load(READER)
    wrong = 0
    for entry in documents:
        text = " ".join(document_of(entry, folder).split())
        print(f"{entry['path']}: {entry['range']}, about {len(tokenizer.encode(text)):,} tokens")
        for number, item in enumerate(entry["questions"], start=1):
            for passage in item["expected"] or ():
                at = text.find(" ".join(passage.split()))
                token = len(tokenizer.encode(text[:at])) if at >= 0 else LAST_TOKEN
                fine = token < LAST_TOKEN
                wrong += not fine
                where = f"token {token:,}" if at >= 0 else "NOT FOUND"
                print(f"  {number}. {'' if fine else 'BAD '}{where}: {passage[:60]}")
    return wrong


class Asker:
    """Asks one model about one document after another."""

    def __init__(self, config: EngineConfig) -> None:
        self._events: list[Event] = []
        self._engine = LocalEngine(config, self._events.append)

    def open(self, path: Path) -> PrefillDone:
        self._engine.open(OpenOptions(paths=(str(path),)))
        return self._last(PrefillDone)

    def ask(self, question: str, follows: bool) -> Answer:
        if not follows:
            self._engine.reset_turns()
        self._engine.ask(question)
        return self._last(Answer)

    def close(self) -> None:
        self._engine.close()

    def _last(self, kind: type[_E]) -> _E:
        found = next(event for event in reversed(self._events) if isinstance(event, kind))
        self._events.clear()
        return found


def transcript(entry: dict[str, Any], folder: Path, asker: Asker) -> tuple[int, int]:
    """Print the transcript of a document; returns the numbers of right answers and of questions."""
    text = document_of(entry, folder)
    folded = fold(text).text
    with tempfile.TemporaryDirectory() as below:
        path = Path(below, Path(entry["path"]).name)
        path.write_text(text, "utf-8")
        done = asker.open(path)
    print(f"\n## {entry['path']}\n")
    print(
        f"Read: {entry['range']}; {done.tokens:,} tokens, {done.attention.mode}, density "
        f"{done.attention.density:.3f}, {done.ttft.select_s + done.ttft.prefill_s:.1f} s.",
        flush=True,
    )
    count = 0
    for number, item in enumerate(entry["questions"], start=1):
        answer = asker.ask(item["question"], item.get("follows", False))
        right = is_right(answer, item["expected"], folded)
        count += right
        found = sum(citation.verified for citation in answer.citations)
        print(f"\n### {number}. {item['question']}\n\n({item['kind']})\n")
        print("\n".join(f"    {line}" for line in answer.text.strip().split("\n")))
        print(
            f"\n- verified: {found} of {len(answer.citations)} quotations\n"
            f"- right: {'yes' if right else 'NO'}",
            flush=True,
        )
        if not right:
            wanted = item["expected"] or ["(not in the document)"]
            print("\n".join(f"- wanted: {passage}" for passage in wanted))
    print(f"\nRight: {count} of {len(entry['questions'])}.")
    return count, len(entry["questions"])


def main(argv: Sequence[str] | None = None) -> int:
    """Print the transcript; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", metavar="TEXT", help="documents with this in their path")
    parser.add_argument("--check", action="store_true", help="only look up the passages")
    parser.add_argument("--model", default=EMBEDDED_MODEL, metavar="DIR_OR_HUB_ID")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda")
    parser.add_argument("--attention", default="sparse", metavar="sparse|dense")
    parser.add_argument("--method", type=method_name, default="auto", metavar="|".join(METHODS))
    parser.add_argument("--alpha", type=float, default=DEFAULT_ALPHA)
    args = parser.parse_args(argv)
    documents = json.loads(QUESTIONS.read_text("utf-8"))["documents"]
    documents = [entry for entry in documents if (args.only or "") in entry["path"]]
    if not documents:
        parser.error(f"no document has {args.only!r} in its path")
    try:
        if args.check:
            return 1 if check(documents, args.documents) else 0
        config = EngineConfig(
            model=args.model,
            device=args.device,
            attention=args.attention,
            method=args.method,
            alpha=args.alpha,
        )
        asker = Asker(config)
        try:
            print(f"# Real questions\n\n{args.model}; {describe()}")
            counts = [transcript(entry, args.documents, asker) for entry in documents]
        finally:
            asker.close()
        print(f"\nAll: {sum(c for c, _ in counts)} of {sum(n for _, n in counts)} right.")
    except SaChatError as error:
        print(f"reader_real_questions: {error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
