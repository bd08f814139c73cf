"""What a sample's document is made of: windows of works, files of packages, planted facts."""

from __future__ import annotations

import random
from dataclasses import dataclass

import tiktoken

from corpus import Package, Work
from layout import Block, blocks_of, render


@dataclass
class Context:
    """What one sample's document is made of, before it is laid out."""

    title: str
    text: str  # as the model reads it
    sentences: list[str]  # of its prose, in order, without planted ones and code
    files: list[tuple[str, str]]  # of code
    planted: list[str]


class Contexts:
    """Makes contexts of about so many tokens from a corpus."""

    def __init__(
        self,
        works: list[Work],
        packages: list[Package],
        encoding: tiktoken.Encoding,
        rng: random.Random,
    ) -> None:
        self.books = [w for w in works if w.kind == "books"]
        self.docs = [w for w in works if w.kind == "docs"]
        self.packages = packages
        self.encoding = encoding
        self.rng = rng

    def make(self, size: int, planted: list[str]) -> Context:
        """Of a random kind, with each statement of `planted` somewhere in it.  A few may not
        find a place: `Context.planted` says which did."""
        rng = self.rng
        if self.packages and self.docs and rng.random() < 0.12:
            return self.mixed_context(size, planted)
        if planted and rng.random() < 0.06:
            return self.noise_context(size, planted)
        shares = {"books": (4, self.books), "docs": (3, self.docs), "code": (3, self.packages)}
        kinds = {kind: share for kind, (share, pool) in shares.items() if pool}
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        make = self.code_context if kind == "code" else self.prose_context
        return make(size, planted, kind)

    def elsewhere(self) -> list[str]:
        """Sentences from a random place of the corpus."""
        work = self.rng.choice(self.books + self.docs)
        at = self.rng.randrange(max(1, len(work.text) - 8000))
        blocks = blocks_of(work.text[work.text.find("\n\n", at) + 2 :][:4000])
        return [s for b in blocks if b.prose for s in b.sentences]

    def noise_context(self, size: int, planted: list[str]) -> Context:
        """A few short sentences over and over, a line each round: nothing to go by but the
        planted ones."""
        rng = self.rng
        short = [s for s in self.elsewhere() if 12 < len(s) < 60] or ["All is well."]
        noise = " ".join(rng.sample(short, min(len(short), rng.randint(2, 5))))
        rounds = max(2, size // (len(self.encoding.encode_ordinary(noise)) + 1))
        lines = [noise] * rounds
        for statement in planted:
            lines.insert(rng.randrange(len(lines) + 1), statement)
        title = rng.choice(["text.txt", "notes.txt", "list"])
        return Context(title, "\n".join(lines) + "\n", [], [], planted)

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
            prose.sentences,
            code.files,
            prose.planted + code.planted,
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
        waiting = sorted((rng.random(), statement) for statement in planted)
        while left > size * 0.04 + 40 or not works:
            work = rng.choices(pool, [len(w.text) for w in pool])[0]
            at = rng.randrange(max(1, len(work.text) - size * 3))
            probe = work.text[at : at + 6000]
            per_token = 0.94 * len(probe) / max(1, len(self.encoding.encode_ordinary(probe)))
            chars = int(min(left, size / share + 1) * per_token)
            inside = at > 0 and rng.random() > 0.1
            at = work.text.find("\n\n", at) + 2 if inside else 0
            blocks = blocks_of(work.text[at : at + chars])
            reached = 1 - (left - chars / per_token) / size
            here = [statement for spot, statement in waiting if spot < reached]
            waiting = waiting[len(here) :]
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
        left_over = {statement for _, statement in waiting}
        done = [p for p in planted if p not in left_over]
        return Context(title, "".join(texts), sentences, [], done)

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
        marks = [f"=== {path} ===\n" for path, _ in files]
        bodies = [text if text.endswith("\n") else text + "\n" for _, text in files]
        for statement in planted:
            n = rng.randrange(len(bodies))
            lines = bodies[n].split("\n")
            lines.insert(rng.randrange(len(lines)), f"# {statement}")
            bodies[n] = "\n".join(lines)
        text = "".join(m + b for m, b in zip(marks, bodies, strict=True))
        return Context(title, text, [], files, planted)


def plant(blocks: list[Block], statements: list[str], rng: random.Random) -> None:
    """Puts each statement between two sentences, or as a paragraph of its own."""
    for statement in statements:
        at = rng.randrange(len(blocks)) if blocks else 0
        if not blocks or rng.random() < 0.25 or not blocks[at].prose:
            blocks.insert(at, Block([statement]))
        else:
            spot = rng.randrange(len(blocks[at].sentences) + 1)
            blocks[at].sentences.insert(spot, statement)
