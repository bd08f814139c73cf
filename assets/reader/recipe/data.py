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
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tiktoken
from corpus import Package, Work, inverse_document_frequency, load_packages, load_works
from facts import TRAINED, Wordings, random_facts
from layout import Block, blocks_of, render
from questions import NOT_FOUND, Sentences, about_code, about_text, absent_code, definitions_of

READER = Path(__file__).parent.parent
DOCUMENT_WEIGHT = 0.2
PLANTED_WEIGHT = 0.05
MARKERS = re.compile(
    r"((?:^|(?<=\n))=== [^\n]+ ===\n(?:\[page [^\n]+\]\n)?|(?:^|\n)\[page [^\n]+\]\n)"
)


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


@dataclass
class Context:
    """What one sample's document is made of, before it is laid out."""

    title: str
    text: str  # as the model reads it
    sentences: list[str]  # of its prose, in order, planted ones left out
    files: list[tuple[str, str]]  # of code
    planted: list[str]


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
        self.books = [w for w in works if w.kind == "books"]
        self.docs = [w for w in works if w.kind == "docs"]
        self.packages = packages
        self.encoding = encoding
        self.idf = idf
        self.words = words
        self.rng = random.Random(seed)
        self.special = {s: encoding.encode_single_token(s) for s in encoding.special_tokens_set}

    def sample(self, tokens: int, *, facts_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """ids [T + 1] uint16 and weights [T + 1] float32."""
        rng = self.rng
        room = min(max(tokens // 4, 500), 5000)
        size = tokens - room - 64
        if not facts_only and rng.random() < 0.12:
            size = max(
                300, int(size * rng.uniform(0.05, 0.8))
            )  # short documents, long conversations
        kinds = [
            k
            for k, pool in (("books", self.books), ("docs", self.docs), ("code", self.packages))
            if pool
        ]
        kind = rng.choices(kinds, [{"books": 4, "docs": 3, "code": 3}[k] for k in kinds])[0]
        count = 12 if facts_only else rng.choice([0, 0, 2, 4, 8, 16, 24])
        facts = random_facts(rng, count, self.words) if count else []
        planted = [f.statement for f in facts]
        if self.packages and self.docs and rng.random() < 0.15:
            context = self.mixed_context(size, planted)
        else:
            make = self.code_context if kind == "code" else self.prose_context
            context = make(size, planted, kind)

        row = Row(self.encoding)
        row.special("<|im_start|>")
        row.text("user\n", 0)
        row.special("<|doc|>")
        row.text(f"{context.title}\n", 0)
        document_weight = DOCUMENT_WEIGHT if tokens <= 16_384 else DOCUMENT_WEIGHT / 2
        text = context.text if rng.random() < 0.5 else context.text.rstrip("\n")
        row.document(text, set(planted), document_weight)
        row.special("<|/doc|>")
        row.text("\n", 0)
        sentences = Sentences(context.sentences, self.idf)
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

    def turn(self, facts, facts_only, sentences, definitions, planted) -> tuple[str, str]:  # type: ignore[no-untyped-def]
        rng = self.rng
        if facts and (facts_only or rng.random() < 0.45):
            fact = facts.pop()
            return fact.question, fact.answer
        if rng.random() < 0.05:
            for ghost in random_facts(rng, 3, self.words):
                if not any(ghost.key.lower() in p.lower() for p in planted):
                    return ghost.question, NOT_FOUND
        if definitions and rng.random() < 0.55:
            if rng.random() < 0.07:
                return absent_code({d[0] for d in definitions}, rng)
            made = about_code(definitions, rng)
        else:
            made = about_text(sentences, rng)
        return made or (random_facts(rng, 1, self.words)[0].question, NOT_FOUND)

    def mixed_context(self, size: int, planted: list[str]) -> Context:
        """A manual or book beside source files, as a project's folder has them."""
        rng = self.rng
        cut, share = rng.randint(0, len(planted)), rng.uniform(0.25, 0.75)
        kind = rng.choice(["docs", "docs", "books"])
        prose = self.prose_context(int(size * share), planted[:cut], kind, named=True)
        code = self.code_context(int(size * (1 - share)), planted[cut:], "code")
        parts = [prose, code] if rng.random() < 0.7 else [code, prose]
        return Context(
            ", ".join(p.title for p in parts),
            "".join(p.text for p in parts),
            prose.sentences + code.sentences,
            code.files,
            planted,
        )

    def prose_context(
        self, size: int, planted: list[str], kind: str, *, named: bool = False
    ) -> Context:
        """Windows of works, each from a paragraph's start, until `size` tokens are there.
        Several works, or `named` ones, stand under file markers."""
        rng = self.rng
        pool = self.books if kind == "books" else self.docs
        texts: list[str] = []
        sentences: list[str] = []
        works: list[Work] = []
        left = size
        several = rng.random() < 0.15
        share = rng.randint(2, 4) if several else 1
        spots = sorted(rng.random() for _ in planted)
        while left > size * 0.04 + 40:
            work = rng.choices(pool, [len(w.text) for w in pool])[0]
            at = rng.randrange(max(1, len(work.text) - size * 3))
            probe = work.text[at : at + 6000]
            per_token = 0.94 * len(probe) / max(1, len(self.encoding.encode_ordinary(probe)))
            chars = int(min(left, size / share + 1) * per_token)
            inside = at > 0 and rng.random() > 0.1
            at = work.text.find("\n\n", at) + 2 if inside else 0
            blocks = blocks_of(work.text[at : at + chars])
            low, high = 1 - left / size, 1 - (left - chars / per_token) / size
            here = [p for p, spot in zip(planted, spots, strict=True) if low <= spot < high]
            sentences += [s for b in blocks if b.prose for s in b.sentences]
            plant(blocks, here, rng)
            works.append(work)
            name = work.title.lower().replace(" ", "-")
            text = render(blocks, rng, name if several or named else None)
            texts.append(text)
            left -= max(len(self.encoding.encode_ordinary(text)), 30)
            if len(texts) > 40:
                break
        title = works[0].title if not several else ", ".join(w.title for w in works[:3])
        return Context(title, "\n".join(texts), sentences, [], planted)

    def code_context(self, size: int, planted: list[str], kind: str) -> Context:
        """Consecutive files of one package, and of another if one is not enough."""
        rng = self.rng
        files: list[tuple[str, str]] = []
        left, title = size, ""
        while left > size * 0.05 + 60 or not files:
            package = rng.choices(self.packages, [p.chars for p in self.packages])[0]
            title = title or package.name
            start = rng.randrange(len(package.files))
            for path, text in package.files[start : start + 400]:
                count = len(self.encoding.encode_ordinary(text))
                if count > left:
                    if left < 400 and files:
                        left = 0
                        break
                    text = text[: int(len(text) * left / count * 0.95)]
                    text = text[: text.rfind("\n") + 1]
                    count = left
                if text:
                    files.append((path, text))
                    left -= count + 12
                if left <= 60:
                    break
        sentences = []
        for _, text in files:
            for line in text.split("\n"):
                bare = line.strip()
                if bare.startswith("#") and len(bare) > 45:
                    sentences.append(bare)
        sentences += [doc for *_, doc in definitions_of(files) if doc]
        marks = [f"=== {path} ===\n" for path, _ in files]
        bodies = [text if text.endswith("\n") else text + "\n" for _, text in files]
        for statement in planted:
            n = rng.randrange(len(bodies))
            lines = bodies[n].split("\n")
            lines.insert(rng.randrange(len(lines)), f"# {statement}")
            bodies[n] = "\n".join(lines)
        text = "".join(m + b for m, b in zip(marks, bodies, strict=True))
        return Context(title, text, sentences, files, planted)


def plant(blocks: list[Block], statements: list[str], rng: random.Random) -> None:
    """Puts each statement between two sentences, or as a paragraph of its own."""
    for statement in statements:
        at = rng.randrange(len(blocks))
        if rng.random() < 0.25 or not blocks[at].prose:
            blocks.insert(at, Block([statement]))
        else:
            spot = rng.randrange(len(blocks[at].sentences) + 1)
            blocks[at].sentences.insert(spot, statement)


class Row:
    """Token ids and loss weights of one sample, as it grows."""

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self.encoding = encoding
        self.ids: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.length = 0

    def add(self, ids: list[int], weight: float | np.ndarray) -> None:
        self.ids.append(np.asarray(ids, np.uint16))
        self.weights.append(np.broadcast_to(np.float32(weight), len(ids)))
        self.length += len(ids)

    def special(self, token: str, weight: float = 0) -> None:
        self.add([self.encoding.encode_single_token(token)], weight)

    def text(self, text: str, weight: float) -> None:
        self.add(self.encoding.encode_ordinary(text), weight)

    def document(self, text: str, planted: set[str], weight: float) -> None:
        """Tokenised page by page and file by file, exactly as the engine does it: markers
        by themselves, the line end before a page marker with the marker."""
        for part in MARKERS.split(text):
            if MARKERS.fullmatch(part):
                self.text(part, 0)
            elif part:
                ids = self.encoding.encode_ordinary(part)
                weights = np.full(len(ids), weight, np.float32)
                self._lower_planted(part, ids, planted, weights)
                self.add(ids, weights)

    def _lower_planted(
        self, piece: str, ids: list[int], planted: set[str], weights: np.ndarray
    ) -> None:
        spots = [(at, len(p)) for p in planted if (at := piece.find(p)) >= 0]
        if not spots:
            return
        ends = np.cumsum([len(self.encoding.decode_single_token_bytes(i)) for i in ids])
        for at, length in spots:
            low = len(piece[:at].encode())
            high = low + len(piece[at : at + length].encode())
            inside = (ends > low) & (ends <= high)
            weights[inside] = PLANTED_WEIGHT

    def turn(self, question: str, answer: str, *, first: bool) -> None:
        if not first:
            self.special("<|im_start|>")
            self.text("user\n", 0)
        self.text(question, 0)
        self.special("<|im_end|>")
        self.text("\n", 0)
        self.special("<|im_start|>")
        self.text("assistant\n", 0)
        self.text(answer, 1)
        self.special("<|im_end|>", 1)
        self.text("\n", 0)

    def finish(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        ids, weights = np.concatenate(self.ids), np.concatenate(self.weights)
        short = length - len(ids)
        if short > 0:
            end = self.encoding.encode_single_token("<|endoftext|>")
            ids = np.concatenate([ids, np.full(short, end, np.uint16)])
            weights = np.concatenate([weights, np.zeros(short, np.float32)])
        return ids[:length], weights[:length].astype(np.float32)


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
