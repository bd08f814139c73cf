"""Ask real questions about real documents and write a transcript.

    python benchmarks/reader_real_questions.py --documents FOLDER --device cuda > transcript.md
    python benchmarks/reader_real_questions.py --documents FOLDER --model DIR \\
        --rope-scaling yarn:4 --compare --json answers.json > transcript.md
    python benchmarks/reader_real_questions.py --documents FOLDER --check

The questions are those of reader_real_questions.json.  Each document is read once; every question
is asked as the first, except for follow-ups, which come right after the question they refer to.  An
answer is right by quotation if a verified quotation overlaps an expected passage at its place in
the document, and right by words if it has enough of the content words of an expected passage, for
models that answer in their own words; where the document has no answer, by both if it says so.
--compare reads every document dense and sparse with one loaded model.  --check only looks up all
expected passages and their positions in tokens of the embedded reader.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from sa_chat.engine.citations.folding import fold
from sa_chat.engine.info.environment import describe
from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.tools.eval.asked.judge import key_words
from sa_chat.engine.tools.eval.asked.words import content_words
from sa_chat.engine.tools.eval.scoring import refused
from sa_chat.engine.tools.eval.statistics import mcnemar
from sa_chat.protocol.arguments import add_rope_scaling_argument, method_name
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


@dataclass(frozen=True)
class Judged:
    """A question, how its document was read, and what became of it."""

    document: str
    mode: str  # "dense" or "sparse"
    number: int  # of the question in its document, from 1
    kind: str
    question: str
    expected: tuple[str, ...] | None
    text: str
    quotations: int
    verified: int
    by_quotation: bool
    by_words: bool
    tokens: int
    stop_reason: str

    @property
    def right(self) -> bool:
        """By either judge."""
        return self.by_quotation or self.by_words


def in_own_words(answer: str, question: str, expected: Sequence[str] | None) -> bool:
    """Whether an answer in the model's own words says what an expected passage says: it has a third
    of the passage's content words that are not in the question, and at least two of them where
    there are two; or, where the document has no answer, it says so."""
    if expected is None or refused(answer):
        return expected is None and refused(answer)
    found = content_words(answer)
    for passage in expected:
        words = key_words(passage, question)
        if words and len(words & found) >= max(min(2, len(words)), len(words) / 3):
            return True
    return False


class Asker:
    """Asks one loaded model about one document after another, in one mode after another."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._events: list[Event] = []
        self._model = LocalEngine(config, self._events.append)
        self._engine = self._model

    def open(self, path: Path, mode: str) -> PrefillDone:
        self._engine = self._model.reconfigured(replace(self._config, attention=mode))
        self._engine.open(OpenOptions(paths=(str(path),)))
        return self._last(PrefillDone)

    def ask(self, question: str, follows: bool) -> Answer:
        if not follows:
            self._engine.reset_turns()
        self._engine.ask(question)
        return self._last(Answer)

    def close(self) -> None:
        self._model.close()

    def _last(self, kind: type[_E]) -> _E:
        found = next(event for event in reversed(self._events) if isinstance(event, kind))
        self._events.clear()
        return found


def transcript(entry: dict[str, Any], folder: Path, asker: Asker, mode: str) -> list[Judged]:
    """Print the transcript of a document that is read in this mode; returns the judged answers."""
    text = document_of(entry, folder)
    folded = fold(text).text
    with tempfile.TemporaryDirectory() as below:
        path = Path(below, Path(entry["path"]).name)
        path.write_text(text, "utf-8")
        done = asker.open(path, mode)
    print(f"\n## {entry['path']}, {mode}\n")
    print(
        f"Read: {entry['range']}; {done.tokens:,} tokens, {done.attention.mode}, density "
        f"{done.attention.density:.3f}, {done.ttft.select_s + done.ttft.prefill_s:.1f} s.",
        flush=True,
    )
    judged = []
    for number, item in enumerate(entry["questions"], start=1):
        answer = asker.ask(item["question"], item.get("follows", False))
        one = judge(entry["path"], mode, number, item, answer, folded)
        judged.append(one)
        print(f"\n### {number}. {item['question']}\n\n({item['kind']})\n")
        print("\n".join(f"    {line}" for line in answer.text.strip().split("\n")))
        print(
            f"\n- verified: {one.verified} of {one.quotations} quotations\n"
            f"- right: {_yes(one.right)} (by quotation: {_yes(one.by_quotation)}, by words: "
            f"{_yes(one.by_words)})",
            flush=True,
        )
        if not one.right:
            wanted = item["expected"] or ["(not in the document)"]
            print("\n".join(f"- wanted: {passage}" for passage in wanted))
    print(f"\nRight: {_counts(judged)}.")
    return judged


def judge(
    document: str, mode: str, number: int, item: dict[str, Any], answer: Answer, folded: str
) -> Judged:
    """Judge an answer by its quotations and by its words; `folded` is the folded document."""
    expected = item["expected"]
    return Judged(
        document=document,
        mode=mode,
        number=number,
        kind=item["kind"],
        question=item["question"],
        expected=None if expected is None else tuple(expected),
        text=answer.text,
        quotations=len(answer.citations),
        verified=sum(citation.verified for citation in answer.citations),
        by_quotation=is_right(answer, expected, folded),
        by_words=in_own_words(answer.text, item["question"], expected),
        tokens=answer.tokens,
        stop_reason=answer.stop_reason,
    )


def comparison(judged: Sequence[Judged]) -> str:
    """Dense against sparse, question by question, and McNemar's exact test by each judge."""
    dense, sparse = (
        {(one.document, one.number): one for one in judged if one.mode == mode}
        for mode in ("dense", "sparse")
    )
    lines = ["## Dense against sparse", ""]
    for key, first in dense.items():
        second = sparse[key]
        if first.right != second.right:
            change = "lost" if first.right else "won"
            lines.append(f"- {change}: {key[0]} {key[1]}. {first.question}")
    lines.append("")
    for name, right in JUDGES.items():
        pairs = [(right(first), right(sparse[key])) for key, first in dense.items()]
        lost, won = pairs.count((True, False)), pairs.count((False, True))
        lines.append(
            f"- {name}: right {sum(first for first, _ in pairs)} dense and "
            f"{sum(second for _, second in pairs)} sparse of {len(pairs)}; {lost} lost, {won} won, "
            f"McNemar p {mcnemar(lost, won):.3f}"
        )
    return "\n".join(lines)


JUDGES: dict[str, Callable[[Judged], bool]] = {
    "by quotation": lambda one: one.by_quotation,
    "by words": lambda one: one.by_words,
    "by either": lambda one: one.right,
}


def _counts(judged: Sequence[Judged]) -> str:
    found = ", ".join(f"{name} {sum(map(right, judged))}" for name, right in JUDGES.items())
    return f"{found} of {len(judged)}"


def _yes(right: bool) -> str:
    return "yes" if right else "NO"


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
    parser.add_argument("--max-context", type=int, metavar="N")
    add_rope_scaling_argument(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all answers there")
    parser.add_argument(
        "--compare", action="store_true", help="dense and sparse, one after the other"
    )
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
            max_context=args.max_context,
            rope_scaling=args.rope_scaling,
        )
        judged = _asked(config, documents, args)
    except SaChatError as error:
        print(f"reader_real_questions: {error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    if args.compare:
        print(f"\n{comparison(judged)}")
    else:
        print(f"\nAll: {_counts(judged)} right.")
    return 0


def _asked(
    config: EngineConfig, documents: Sequence[dict[str, Any]], args: argparse.Namespace
) -> list[Judged]:
    """Ask everything; with --json the answers so far are written after every document."""
    modes = ("dense", "sparse") if args.compare else (config.attention,)
    asker = Asker(config)
    judged: list[Judged] = []
    machine = describe()
    print(f"# Real questions\n\n{args.model}; {machine}")
    try:
        for entry, mode in itertools.product(documents, modes):
            judged += transcript(entry, args.documents, asker, mode)
            if args.json is not None:
                answers = [{**asdict(one), "right": one.right} for one in judged]
                settings = {**asdict(config), "machine": machine, "modes": modes}
                args.json.write_text(
                    json.dumps({"settings": settings, "answers": answers}, indent=1) + "\n",
                    "utf-8",
                )
    finally:
        asker.close()
    return judged


if __name__ == "__main__":
    sys.exit(main())
