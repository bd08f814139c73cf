"""Ask the reader what can be checked: planted facts, key-word quotations, definitions, absences.

    python benchmarks/reader_questions.py --document BOOK.txt --tokens 4096
    python benchmarks/reader_questions.py --code FOLDER --tokens 16384

A window of the document, `--tokens` long in the reader's own tokens, is written to a file, and
every question goes through `sa-chat FILE --ask ... --json` in one process.  Fact wordings are
those of the training recipe, or with `--held-out` those that it holds out.  The document must be
one that the reader was not trained on.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

RECIPE = Path(__file__).parent.parent / "assets" / "reader" / "recipe"
sys.path.insert(0, str(RECIPE))

from corpus import WORD  # noqa: E402
from data import load_encoding  # noqa: E402
from facts import HELD_OUT, TRAINED, random_facts  # noqa: E402
from layout import blocks_of  # noqa: E402
from questions import NOT_FOUND, STOP_WORDS, Sentences, definitions_of, joined  # noqa: E402

from sa_chat.engine.environment import describe  # noqa: E402


def window(text: str, tokens: int, rng: random.Random) -> str:
    """About `tokens` tokens of `text`, whole paragraphs, from a random place."""
    encoding = load_encoding()
    start = rng.randrange(max(1, len(text) - tokens * 5))
    piece = text[text.find("\n\n", start) + 2 :][: tokens * 6]
    piece = encoding.decode(encoding.encode_ordinary(piece)[:tokens])
    return piece[: piece.rfind("\n\n")]


def ask(path: Path, questions: list[str], extra: list[str]) -> dict:
    command = ["sa-chat", str(path), "--json", *extra]
    for question in questions:
        command += ["--ask", question]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sa-chat ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def facts_found(args: argparse.Namespace, text: str, rng: random.Random) -> None:
    facts = random_facts(rng, args.count, HELD_OUT if args.held_out else TRAINED)
    blocks = blocks_of(window(text, args.tokens - 30 * args.count, rng))
    for fact in facts:
        block = rng.choice([b for b in blocks if b.prose])
        block.sentences.insert(rng.randrange(len(block.sentences) + 1), fact.statement)
    result = run(
        args, "\n\n".join(" ".join(b.sentences) for b in blocks), [f.question for f in facts]
    )
    right = [f.value in a["text"] for f, a in zip(facts, result["answers"], strict=True)]
    quoted = [any(c["verified"] for c in a["citations"]) for a in result["answers"]]
    show(args, result, facts, right)
    print(
        f"facts: {sum(right)} of {len(facts)} answers contain the value, {sum(quoted)} with a "
        f"verified quotation; {figures(result)}"
    )


def quotations_found(args: argparse.Namespace, text: str, rng: random.Random) -> None:
    piece = window(text, args.tokens, rng)
    sentences = [s for b in blocks_of(piece) if b.prose for s in b.sentences]
    windows = [fold(text[at : at + 4000]).lower() for at in range(0, len(text), 4000)]
    rarity = {
        word: math.log(len(windows) / (1 + sum(word in w for w in windows)))
        for word in {w.lower() for s in sentences for w in WORD.findall(s)}
    }
    index = Sentences(sentences, rarity)
    asked = []
    while len(asked) < args.count:
        at = rng.choice(index.usable)
        words = key_words(index, at)
        if words and len(words) == 3:
            asked.append((sentences[at], f"Quote the sentence with the words {joined(words)}."))
    result = run(args, piece, [q for _, q in asked])
    right = [
        any(c["verified"] and fold(s) in fold(c["quote"]) for c in a["citations"])
        for (s, _), a in zip(asked, result["answers"], strict=True)
    ]
    show(args, result, [s for s, _ in asked], right)
    print(
        f"quotations: {sum(right)} of {len(asked)} sentences quoted verbatim and verified; "
        f"{figures(result)}"
    )


def key_words(index: Sentences, at: int) -> list[str] | None:
    """The three rarest words of the sentence in this document, as they stand in it; None if
    another sentence has them all."""
    words = {w for w in WORD.findall(index.all[at]) if w.lower() not in STOP_WORDS}
    rarest = sorted(words, key=lambda w: (-index.idf[w.lower()], w))[:3]
    return sorted(rarest, key=index.all[at].find) if index.holding(rarest) == {at} else None


def absences_told(args: argparse.Namespace, text: str, rng: random.Random) -> None:
    facts = random_facts(rng, args.count)
    result = run(args, window(text, args.tokens, rng), [f.question for f in facts])
    right = [a["text"].strip() == NOT_FOUND for a in result["answers"]]
    show(args, result, facts, right)
    print(f"absences: {sum(right)} of {len(facts)} told as not found; {figures(result)}")


def definitions_found(args: argparse.Namespace, rng: random.Random) -> None:
    encoding, files, total = load_encoding(), [], 0
    for path in sorted(args.code.rglob("*.py")):
        source = path.read_text("utf-8", errors="replace")
        count = len(encoding.encode_ordinary(source))
        if total + count <= args.tokens:
            files.append((path.relative_to(args.code.parent).as_posix(), source))
            total += count
    names = rng.sample(found := definitions_of(files), min(args.count, len(found)))
    with tempfile.TemporaryDirectory() as folder:
        for path, source in files:
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source, "utf-8")
        questions = [f"Where is `{name}` defined?" for name, *_ in names]
        result = ask(Path(folder, args.code.name), questions, args.extra)
    right = [n[2] in a["text"] for n, a in zip(names, result["answers"], strict=True)]
    show(args, result, names, right)
    print(f"definitions: {sum(right)} of {len(names)} files named; {figures(result)}")


def run(args: argparse.Namespace, text: str, questions: list[str]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "document.txt")
        path.write_text(text, "utf-8")
        return ask(path, questions, args.extra)


def fold(text: str) -> str:
    return " ".join(text.split())


def figures(result: dict) -> str:
    attention = result["attention"]
    return (
        f"{result['prompt_tokens']:,} tokens, {attention['mode']}, density "
        f"{attention['density']:.3f}, TTFT {result['ttft']['total_s']:.1f} s"
    )


def show(args: argparse.Namespace, result: dict, wanted: list, right: list[bool]) -> None:
    if args.verbose:
        for want, answer, good in zip(wanted, result["answers"], right, strict=True):
            print(
                f"{'ok ' if good else 'BAD'} {answer['question']}\n    wanted {want}\n    "
                f"got    {answer['text']!r}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--document", type=Path, help="a text file")
    parser.add_argument("--code", type=Path, help="a folder of Python sources")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--count", type=int, default=20, help="questions of a kind")
    parser.add_argument("--kinds", default="facts,quotations,absences")
    parser.add_argument("--held-out", action="store_true", help="wordings not trained on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="show every answer")
    parser.add_argument("extra", nargs="*", help="options for sa-chat, after --")
    args = parser.parse_args()
    if bool(args.document) == bool(args.code):
        parser.error("give either --document or --code")
    print(describe())
    rng = random.Random(args.seed)
    if args.code:
        definitions_found(args, rng)
        return
    text = args.document.read_text("utf-8")
    kinds = {"facts": facts_found, "quotations": quotations_found, "absences": absences_told}
    for kind in args.kinds.split(","):
        kinds[kind](args, text, rng)


if __name__ == "__main__":
    main()
