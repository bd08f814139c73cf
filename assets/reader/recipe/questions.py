"""Questions about real text, made from the text itself; every answer is a quotation.

Each maker takes what is in the context and returns (question, answer), or None when this
spot of the text gives no fair question.
"""

from __future__ import annotations

import random
import re

from corpus import WORD
from facts import ADJECTIVES, NOUNS, PLACES, capitalised

NOT_FOUND = "I could not find that in the document."
STOP_WORDS = frozenset(
    """the a an and or but of in on at to for from by with as is are was were be been being it its
    this that these those he she they them his her their which who whom what when where how why not
    no nor so if then than there here have has had do does did will would shall should can could may
    might must very more most such into out up down over under about after before again any all
    each some one two you your we our us me my him only also just upon said""".split()
)

FIND = [
    "Find the passage about {w}.",
    "What does the text say about {w}?",
    "Which sentence mentions {w}?",
    "Quote the passage that mentions {w}.",
    "Quote the sentence with the words {w}.",
    "Quote the sentence that contains {w}.",
    "Quote the sentence that has {w}.",
    "Which sentence has the words {w}?",
    "Find the sentence with the words {w}.",
    "Find the sentence with {w}.",
    "Where does the document talk about {w}?",
    "What is said about {w}?",
    "Tell me about {w}.",
    "Is there anything about {w}?",
    "Explain {w}.",
    "Show me the passage on {w}.",
    "Where is {w} mentioned?",
    "What about {w}?",
    "Do you remember {w}?",
    "How is {w} described?",
    "I am looking for {w}.",
    "Which passage deals with {w}?",
    "{w}?",
    "{w}",
]
CONTINUE = [
    "Continue the passage: “{p}”",
    "Continue: “{p}”",
    "What comes right after “{p}”?",
    "Complete the quote: “{p}”",
    "Complete the sentence: {p} ...",
    "How does this sentence go on: “{p}”",
    'Finish this quotation: "{p}"',
]
FOLLOWS = [
    "Which sentence follows “{p}”?",
    "What is the next sentence after “{p}”?",
    "What comes after “{p}”?",
    "What happens after “{p}”?",
]
DEFINED = [
    "Where is `{n}` defined?",
    "Where is {n} defined?",
    "Which file defines `{n}`?",
    "Find the definition of `{n}`.",
    "Show me where {n} is defined.",
    "What is the signature of `{n}`?",
    "In which file is {n}?",
    "Which file contains the {kind} `{n}`?",
    "Where can I find the {kind} {n}?",
    "{n}",
]
DOCSTRING = [
    "What does `{n}` do?",
    "What is {n} for?",
    "What does the docstring of `{n}` say?",
    "Explain {n}.",
    "Describe the {kind} `{n}`.",
]
WHAT_IS = [
    "What is {x}?",
    "What does {x} mean?",
    "Define {x}.",
    "Explain {x}.",
    "What are {x}?",
    "How is {x} defined?",
    "what's {x}?",
    "Who is {x}?",
    "Tell me what {x} is.",
]
IS_PATTERN = re.compile(
    r"^(The |An |A )?((?:[\w’'`-]+ ){0,5}?[\w’'`-]+) (is|are|was|were|means|refers to) "
)
QUESTION_VERBS = re.compile(
    r"^((?:[\w’'`,-]+ ){1,5}?)((?:is|are|was|were|has|had|can|may|must|will|would|should|does|did"
    r"|makes|takes|gives|shows|opens|returns|contains|holds|uses|allows|provides|became|came|went"
    r"|saw|took|gave|made|said|told|found|left|knew|thought|asked|stood|looked)\b .*)$"
)


def joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def roughened(question: str, rng: random.Random) -> str:
    """As people type: sometimes lower case, no question mark, or one slip of the finger."""
    kind = rng.random()
    if kind < 0.1:
        return question.lower()
    if kind < 0.18:
        return question.rstrip("?.")
    if kind < 0.22 and len(question) > 20:
        at = rng.randrange(5, len(question) - 2)
        return question[:at] + question[at + 1] + question[at] + question[at + 2 :]
    return question


class Sentences:
    """The prose sentences of one context, with an index from rare words to sentences."""

    def __init__(self, sentences: list[str], idf: dict[str, float], text: str = "") -> None:
        """`text` is the whole context, in which neighbours are looked up."""
        self.all = sentences
        self.text = " ".join(text.split())
        self.idf = idf
        self.usable = [i for i, s in enumerate(sentences) if 40 <= len(s) <= 360]
        self.where: dict[str, list[int]] = {}
        for i, sentence in enumerate(sentences):
            for word in {w.lower() for w in WORD.findall(sentence)}:
                self.where.setdefault(word, []).append(i)

    def holding(self, words: list[str]) -> set[int]:
        lists = [set(self.where.get(w.lower(), ())) for w in words]
        return set.intersection(*lists) if lists else set()

    def key_words(self, i: int, count: int, rng: random.Random) -> list[str] | None:
        """Words of sentence `i`, rare ones rather, that no other sentence has together."""
        words = [w for w in dict.fromkeys(WORD.findall(self.all[i])) if w.lower() not in STOP_WORDS]
        if len(words) < 2:
            return None
        if rng.random() < 0.5:
            rng.shuffle(words)
        else:
            words.sort(key=lambda w: -self.idf.get(w.lower(), 9.0) - rng.random() * 5)
        chosen = words[:count]
        return chosen if self.holding(chosen) == {i} else None


def by_key_words(s: Sentences, i: int, rng: random.Random) -> tuple[str, str] | None:
    words = s.key_words(i, rng.choice([1, 2, 2, 3, 3, 3, 4]), rng)
    if words is None:
        return None
    if rng.random() < 0.5:
        rng.shuffle(words)
    else:
        words.sort(key=s.all[i].find)
    if rng.random() < 0.25:
        words = [w.lower() for w in words]
    if rng.random() < 0.15:
        return " ".join(words), f"> {s.all[i]}"
    return rng.choice(FIND).format(w=joined(words)), f"> {s.all[i]}"


def by_phrase(s: Sentences, i: int, rng: random.Random) -> tuple[str, str] | None:
    """A few words in a row, taken over as they stand."""
    words = s.all[i].split()
    if len(words) < 8:
        return None
    length = rng.randint(3, 6)
    start = rng.randrange(0, len(words) - length)
    phrase = " ".join(words[start : start + length]).strip('.,;:!?"“”()')
    content = [w for w in WORD.findall(phrase) if w.lower() not in STOP_WORDS]
    if len(content) < 2 or s.holding(content) != {i}:
        return None
    return rng.choice(FIND).format(w=phrase), f"> {s.all[i]}"


def by_wh_word(s: Sentences, i: int, rng: random.Random) -> tuple[str, str] | None:
    """The subject replaced by a question word: "The key F1 opens help." -> "What opens help?" """
    match = QUESTION_VERBS.match(s.all[i])
    if not match:
        return None
    rest = match.group(2).rstrip(".!;:,").split()
    if len(rest) > 14:
        rest = rest[: rng.randint(6, 14)]
    content = [w for w in WORD.findall(" ".join(rest)) if w.lower() not in STOP_WORDS]
    if len(content) < 2 or s.holding(content) != {i}:
        return None
    who = rng.choice(["What", "Who", "Which one", "What", "Who"])
    return f"{who} {' '.join(rest)}?", f"> {s.all[i]}"


def by_definition(s: Sentences, i: int, rng: random.Random) -> tuple[str, str] | None:
    match = IS_PATTERN.match(s.all[i])
    if not match or match.group(2).lower() in STOP_WORDS:
        return None
    subject = ((match.group(1) or "").lower() + match.group(2)).strip()
    content = [w for w in WORD.findall(subject) if w.lower() not in STOP_WORDS]
    if not content:
        return None
    others = [j for j in s.holding(content) if j != i and IS_PATTERN.match(s.all[j])]
    if others:
        return None
    if rng.random() < 0.5:
        subject = match.group(2)
    return rng.choice(WHAT_IS).format(x=subject), f"> {s.all[i]}"


def by_start(s: Sentences, i: int, rng: random.Random) -> tuple[str, str] | None:
    """Goes on with a sentence whose first words are given."""
    words = s.all[i].split()
    if len(words) < 12:
        return None
    cut = rng.randrange(5, min(14, len(words) - 4))
    return rng.choice(CONTINUE).format(p=" ".join(words[:cut])), "> " + " ".join(words[cut:])


def by_previous(s: Sentences, i: int, rng: random.Random) -> tuple[str, str] | None:
    if i + 1 >= len(s.all) or not 20 <= len(s.all[i + 1]) <= 320 or len(s.all[i]) > 220:
        return None
    if f"{s.all[i]} {s.all[i + 1]}" not in s.text:
        return None  # a planted sentence, a marker or a gap lies between
    return rng.choice(FOLLOWS).format(p=s.all[i]), f"> {s.all[i + 1]}"


def absent(s: Sentences, rng: random.Random) -> tuple[str, str]:
    """Key words that the context does not have: invented, or real words that are elsewhere."""
    if rng.random() < 0.4:
        endings = ["ium", "ovich", "ette", "ax", "ington", "ara", "oling", "ent"]
        words = [
            rng.choice(NOUNS + ADJECTIVES)[:-1] + rng.choice(endings)
            for _ in range(rng.randint(1, 3))
        ]
        words = [capitalised(w) if rng.random() < 0.5 else w for w in words]
    else:
        pool = [w for w in ADJECTIVES + NOUNS + [p.lower() for p in PLACES] if w not in s.where]
        words = rng.sample(pool, min(len(pool), rng.randint(2, 3)))
    if not words:
        return "Who is Zorvath Quillington?", NOT_FOUND
    form = rng.choice(FIND + WHAT_IS).replace("{x}", "{w}")
    return form.format(w=joined(words)), NOT_FOUND


def about_elsewhere(s: Sentences, foreign: Sentences, rng: random.Random) -> tuple[str, str] | None:
    """A question that another text would answer, and this one does not."""
    for _ in range(6):
        if not foreign.usable:
            return None
        maker = rng.choice([by_key_words, by_wh_word, by_definition, by_phrase])
        at = rng.choice(foreign.usable)
        made = maker(foreign, at, rng)
        if made is None:
            continue
        asked = {w.lower() for w in WORD.findall(made[0])} - STOP_WORDS
        words = asked & {w.lower() for w in WORD.findall(foreign.all[at])}
        hits: dict[int, int] = {}
        for word in words:
            for i in s.where.get(word, ()):
                hits[i] = hits.get(i, 0) + 1
        if words and max(hits.values(), default=0) <= len(words) // 2:
            return roughened(made[0], rng), NOT_FOUND
    return None


MAKERS = [
    (0.50, by_key_words),
    (0.12, by_phrase),
    (0.12, by_wh_word),
    (0.10, by_definition),
    (0.10, by_start),
    (0.06, by_previous),
]


def about_text(s: Sentences, rng: random.Random) -> tuple[str, str] | None:
    """One question about the context's prose, or None if none of a few spots gave one."""
    if rng.random() < 0.07:
        question, answer = absent(s, rng)
        return roughened(question, rng), answer
    for _ in range(12):
        if not s.usable:
            return None
        maker = rng.choices([m for _, m in MAKERS], [w for w, _ in MAKERS])[0]
        made = maker(s, rng.choice(s.usable), rng)
        if made:
            keep = maker in (by_start, by_previous)
            return (made[0] if keep else roughened(made[0], rng)), made[1]
    return None


Definition = tuple[str, str, str, str, str | None]  # name, kind, path, line, docstring line
DEFINITION = re.compile(r"^\s*(?:async )?(def|class) (\w+)")


def definitions_of(files: list[tuple[str, str]]) -> list[Definition]:
    """(name, kind, path, line, first docstring line) of every name that is defined once."""
    seen: dict[str, list[Definition]] = {}
    for path, text in files:
        lines = text.split("\n")
        for number, line in enumerate(lines):
            match = DEFINITION.match(line)
            if not match:
                continue
            kind = "class" if match.group(1) == "class" else "function"
            doc = None
            for after in lines[number + 1 : number + 8]:
                quoted = re.match(r'^\s*[rR]?"""\s*([^"]{15,200}?)\s*(?:""")?$', after)
                if quoted:
                    doc = quoted.group(1)
                if quoted or after.rstrip().endswith((".", "pass")):
                    break
            entry = (match.group(2), kind, path, line.strip(), doc)
            seen.setdefault(match.group(2), []).append(entry)
    return [found[0] for found in seen.values() if len(found) == 1 and len(found[0][3]) < 200]


def about_code(definitions: list[Definition], rng: random.Random) -> tuple[str, str] | None:
    if not definitions:
        return None
    name, kind, path, line, doc = rng.choice(definitions)
    if doc and rng.random() < 0.4:
        return rng.choice(DOCSTRING).format(n=name, kind=kind), f"> {doc}"
    question = rng.choice(DEFINED).format(n=name, kind=kind)
    return question, f"`{name}` is defined in {path}:\n```python\n{line}\n```"


def absent_code(known: set[str], rng: random.Random) -> tuple[str, str]:
    while True:
        name = "_".join(rng.sample(NOUNS, rng.randint(1, 3)))
        if rng.random() < 0.4:
            name = "".join(map(capitalised, name.split("_")))
        if name not in known:
            kind = rng.choice(["class", "function"])
            return rng.choice(DEFINED + DOCSTRING).format(n=name, kind=kind), NOT_FOUND
