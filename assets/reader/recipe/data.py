"""Training samples: one long document, then many questions and answers about it.

    python data.py --corpus DIR [--site-packages DIR] --tokens 2048      prints one sample

A sample is a row of T + 1 token ids and as many loss weights: answers count 1, the document
`DOCUMENT_WEIGHT`, planted facts little (their values cannot be foreseen), questions nothing.
Everything derives from the seed.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tiktoken

from contexts import Context, Contexts
from corpus import Package, Work, inverse_document_frequency, load_packages, load_works
from questions.absence import missing
from questions.code import Code
from questions.facts import TRAINED, FactMaker, Facts
from questions.prose import turn_about
from questions.sentences import Prose
from questions.turn import Turn
from rows import Row
from wordings.names import Names
from wordings.relation import Relation

READER = Path(__file__).parent.parent
DOCUMENT_WEIGHT = 0.05
SHORTEST = 1024  # tokens: a page of text, and room for questions
MOST_TALK = 20_000  # tokens of questions and answers: a long document is dear, so ask it much
LONG = 16_384  # tokens: from here on, documents weigh less beside the answers
FACT_COUNTS = [0, 0, 3, 6, 12, 20, 30]


def load_encoding(folder: Path = READER) -> tiktoken.Encoding:
    form = json.loads((folder / "tiktoken.json").read_text())
    lines = (folder / "reader.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(t): int(r) for t, r in (line.split() for line in lines)}
    return tiktoken.Encoding(
        "reader",
        pat_str=form["pattern"],
        mergeable_ranks=ranks,
        special_tokens=form["special_tokens"],
    )


def plain_words(idf: dict[str, float]) -> list[str]:
    """Words for keys: neither frequent nor freaks."""
    return sorted(
        w for w, rarity in idf.items() if 4 <= len(w) <= 11 and w.isalpha() and rarity > 3
    )


class Sampler:
    def __init__(
        self,
        works: list[Work],
        packages: list[Package],
        encoding: tiktoken.Encoding,
        idf: dict[str, float],
        seed: int | str,
        relations: tuple[Relation, ...] = TRAINED,
        document_weight: float = DOCUMENT_WEIGHT,
    ) -> None:
        self.encoding = encoding
        self.document_weight = document_weight
        self.idf = idf
        self.rng = random.Random(seed)
        self.contexts = Contexts(works, packages, encoding, self.rng)
        self.facts = FactMaker(self.rng, Names(self.rng, plain_words(idf)), relations)

    def sample(self, tokens: int, *, facts_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """ids [T + 1] uint16 and weights [T + 1] float32.

        Raises `ValueError` for less than `SHORTEST` tokens."""
        if tokens < SHORTEST:
            raise ValueError(f"a sample has at least {SHORTEST} tokens, not {tokens}")
        rng = self.rng
        room = min(max(tokens // 4, 500), MOST_TALK)
        size = tokens - room - 64
        if not facts_only and rng.random() < 0.1:
            size = max(300, int(size * rng.uniform(0.05, 0.8)))  # a short document, much talk
        count = 12 if facts_only else rng.choice(FACT_COUNTS)
        facts = self.facts.make(min(count, size // 80))
        context = self.contexts.make(size, [f.statement for f in facts.all])
        text = context.text if rng.random() < 0.5 else context.text.rstrip("\n")
        facts.settle(" ".join(text.split()))
        row = Row(self.encoding)
        row.special("<|im_start|>")
        row.text("user\n", 0)
        row.special("<|doc|>")
        row.text(f"{context.title}\n", 0)
        weight = self.document_weight / (1 if tokens <= LONG else 2)
        row.document(text, {f.statement for f in facts.all}, weight)
        row.special("<|/doc|>")
        row.text("\n", 0)
        turns = self._fact_turns(facts) if facts_only else self._turns(context, facts)
        first = True
        while row.length <= tokens:
            turn = next(turns)
            row.turn(turn.question, turn.answer, first=first)
            first = False
        return row.finish(tokens + 1)

    def _fact_turns(self, facts: Facts) -> Iterator[Turn]:
        while True:
            yield from facts.turns()

    def _turns(self, context: Context, facts: Facts) -> Iterator[Turn]:
        """Questions of all kinds for which the context has something."""
        rng = self.rng
        code = Code(context.files) if context.files else None
        sentences = context.sentences or (code.sentences() if code else [])
        prose = Prose(sentences, self.idf, context.text) if sentences else None
        code_share = 0.55 if context.sentences else 0.85
        foreign: Prose | None = None
        fact_share = 0.4 if facts.all else 0.04
        if code is None and prose is None:
            fact_share = 1.0
        while True:
            if rng.random() < fact_share:
                yield from facts.turns()
                continue
            about_code = code is not None and (prose is None or rng.random() < code_share)
            absent = rng.random() < 0.12
            turn = None
            if about_code and code is not None:
                turn = code.missing(rng) if absent else code.turn(rng)
            elif prose is not None:
                if absent:
                    if foreign is None or rng.random() < 0.1:
                        sentences = self.contexts.elsewhere()
                        foreign = Prose(sentences, self.idf, " ".join(sentences))
                    turn = missing(prose, foreign, rng)
                else:
                    turn = turn_about(prose, rng)
            yield turn if turn is not None else facts.missing()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--site-packages", type=Path)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    works = load_works(args.corpus)
    packages = load_packages(args.site_packages) if args.site_packages else []
    encoding = load_encoding()
    idf = inverse_document_frequency(works, packages)
    ids, weights = Sampler(works, packages, encoding, idf, args.seed).sample(args.tokens)
    print(encoding.decode(ids.tolist()))
    shares = {w: round(float((weights == np.float32(w)).mean()), 3) for w in np.unique(weights)}
    print(f"\n{len(ids)} tokens; share of tokens by loss weight: {shares}")


if __name__ == "__main__":
    main()
