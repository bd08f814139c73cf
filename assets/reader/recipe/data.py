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
from pathlib import Path

import numpy as np
import tiktoken
from contexts import Contexts
from corpus import Package, Work, inverse_document_frequency, load_packages, load_works
from facts import TRAINED, Fact, Wordings, random_facts
from questions import (
    NOT_FOUND,
    Definition,
    Sentences,
    about_code,
    about_elsewhere,
    about_text,
    absent_code,
    definitions_of,
)
from rows import Row

READER = Path(__file__).parent.parent
DOCUMENT_WEIGHT = 0.1


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


class Sampler:
    def __init__(
        self,
        works: list[Work],
        packages: list[Package],
        encoding: tiktoken.Encoding,
        idf: dict[str, float],
        seed: int,
        words: Wordings = TRAINED,
    ) -> None:
        self.encoding = encoding
        self.idf = idf
        self.words = words
        self.rng = random.Random(seed)
        self.contexts = Contexts(works, packages, encoding, self.rng)
        self.special = {s: encoding.encode_single_token(s) for s in encoding.special_tokens_set}

    def sample(self, tokens: int, *, facts_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """ids [T + 1] uint16 and weights [T + 1] float32."""
        rng = self.rng
        room = min(max(tokens // 4, 500), 5000)
        size = tokens - room - 64
        if not facts_only and rng.random() < 0.12:
            size = max(300, int(size * rng.uniform(0.05, 0.8)))  # a short document, much talk
        count = 12 if facts_only else rng.choice([0, 0, 2, 4, 8, 16, 24])
        facts = random_facts(rng, count, self.words) if count else []
        context = self.contexts.make(size, [f.statement for f in facts])
        planted = set(context.planted)
        facts = [f for f in facts if f.statement in planted]

        row = Row(self.encoding)
        row.special("<|im_start|>")
        row.text("user\n", 0)
        row.special("<|doc|>")
        row.text(f"{context.title}\n", 0)
        document_weight = DOCUMENT_WEIGHT if tokens <= 16_384 else DOCUMENT_WEIGHT / 2
        text = context.text if rng.random() < 0.5 else context.text.rstrip("\n")
        row.document(text, planted, document_weight)
        row.special("<|/doc|>")
        row.text("\n", 0)
        sentences = Sentences(context.sentences, self.idf, text)
        definitions = definitions_of(context.files)
        rng.shuffle(facts)
        first = True
        while row.length <= tokens:
            if facts_only and not facts:
                break
            turn = self.turn(facts, facts_only, sentences, definitions, planted)
            row.turn(*turn, first=first)
            first = False
        return row.finish(tokens + 1)

    def turn(
        self,
        facts: list[Fact],
        facts_only: bool,
        sentences: Sentences,
        definitions: list[Definition],
        planted: set[str],
    ) -> tuple[str, str]:
        """The next question and its answer; a fact that is asked leaves `facts`."""
        rng = self.rng
        if facts and (facts_only or rng.random() < 0.25):
            fact = facts.pop()
            return fact.question, fact.answer
        kind = rng.random()
        if kind < 0.04:
            for ghost in random_facts(rng, 3, self.words):
                if not any(ghost.key.lower() in p.lower() for p in planted):
                    return ghost.question, NOT_FOUND
        elif kind < 0.06 and definitions:
            return absent_code({d[0] for d in definitions}, rng)
        elif kind < 0.09:
            foreign = Sentences(self.contexts.elsewhere(), self.idf)
            if made := about_elsewhere(sentences, foreign, rng):
                return made
        for _ in range(4):
            if definitions and rng.random() < 0.5:
                made = about_code(definitions, rng)
            else:
                made = about_text(sentences, rng)
            if made:
                return made
        if definitions and rng.random() < 0.5:
            return absent_code({d[0] for d in definitions}, rng)
        return random_facts(rng, 1, self.words)[0].question, NOT_FOUND


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
