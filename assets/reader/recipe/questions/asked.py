"""Questions as people ask them: a few words of a passage in a frame of everyday language.

Unlike those of `prose`, not all of their words stand in the sentence that answers: some are in the
one beside it, a verb is in another form, one word may be another word for the text's.  What
answers is the sentence in whose surroundings the question's words are, as in no other place.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from corpus import WORD
from questions.asked_forms import (
    ABOUT_NAME,
    COUNTED,
    DONE,
    DONE_BY,
    HOW_TO,
    NEAR,
    PURPOSE,
)
from questions.sentences import Prose, plain
from questions.turn import Turn, roughened, says
from wordings.paraphrase import ANALYSES, STOP_WORDS, bases, other_word

DETERMINER = r"(?:the|an?|his|her|their|my|your|our|its|this|that|these|those|no|some|any|every)"
AFTER = r"(?=[,.;:!?—”’]| (?:of|in|on|at|to|from|with|and|or|was|is|are|were|had|has|that|which)\b)"
PHRASE = re.compile(rf"\b{DETERMINER} ((?:[a-z]{{3,}} )?[a-z][a-z-]{{2,}}){AFTER}")
ACTION = re.compile(
    rf"\b(?:to|can|must|should|may|could|would|will) ([a-z]{{3,}}) "
    rf"({DETERMINER} (?:[a-z]{{3,}} )?[a-z][a-z-]{{2,}}){AFTER}"
)
NOT_A_VERB = (
    rf"(?!(?:{DETERMINER}|have|been|what|which|those|them|him|all|such|one|each|both|make|say)\b)"
)
AIM = NOT_A_VERB + r"([a-z]{3,} [^,.;:()“”]{6,60})"
PURPOSES = tuple(
    re.compile(rf"{before} {AIM}{after}")
    for before, after in (
        (r"(?:^|[.;:,—] )(?:In order )?[Tt]o", r", (?:you|use|run|type|we|one|the|add|set|it)"),
        (r"\b[Ii]f you (?:want|need|wish|would like) to", ","),
        (r"\b(?:used|allows? (?:you|users|one)|lets you|helps? to|in order) to", r"[,.;]"),
    )
)
COUNT = re.compile(
    r"\b(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|forty|fifty"
    r"|hundred|thousand|several) ((?:[a-z]{3,} )?[a-z]{3,}s)\b"
)
BESIDE = 0.45  # what a word counts for the sentences beside its own
CLEARLY = 0.8  # of the best score: what another place may have at most
LEAST = 5.0  # a score below tells no place: two rare words, or one that a long text has once


@dataclass(frozen=True)
class Verb:
    base: str
    there: str  # as the text has it


def asked(s: Prose, i: int, rng: random.Random) -> Turn | None:
    """About sentence `i`, if the question's words lead there."""
    maker = rng.choices(MAKERS, SHARES)[0]
    made = maker(s, i, rng)
    if made is None:
        return None
    question, words = made
    if leads_to(s, words) != i:
        return None
    if rng.random() < 0.25:
        question = with_another_word(s, question, words, rng)
    return Turn(roughened(question, rng), says(s.all[i]))


Made = tuple[str, list[str]]  # a question, and the words of the text that it is made of


def leads_to(s: Prose, words: list[str]) -> int | None:
    """The sentence around which these words are; None if no place has them clearly."""
    scores: dict[int, float] = {}
    size = len(s.all)
    for word in dict.fromkeys(words):
        at = s.where.get(word, [])
        weight = math.log(size / len(at)) if at else 0.0
        if weight < 1.0:
            continue  # everywhere
        inside = set(at)
        for j in at:
            scores[j] = scores.get(j, 0.0) + weight
            for beside in (j - 1, j + 1):
                if beside not in inside:
                    scores[beside] = scores.get(beside, 0.0) + BESIDE * weight
    if not scores:
        return None
    best = max(scores, key=lambda j: scores[j])
    others = (score for j, score in scores.items() if abs(j - best) > 2)
    if scores[best] < LEAST or max(others, default=0.0) > CLEARLY * scores[best]:
        return None
    if max(scores.get(best + d, 0.0) for d in (-2, -1, 1, 2)) > 0.9 * scores[best]:
        return None  # the one or the other
    return best


def with_another_word(s: Prose, question: str, words: list[str], rng: random.Random) -> str:
    """One of the words in other words, if there are any."""
    for word in rng.sample(words, len(words)):
        new = other_word(word, s.idf or STOP_WORDS, rng)
        if new and re.search(rf"\b{re.escape(word)}\b", question):
            return re.sub(rf"\b{re.escape(word)}\b", new, question, count=1)
    return question


def words_of(s: Prose, *texts: str) -> list[str]:
    """The content words of these pieces of the text, as the index has them."""
    found = (plain(word) for text in texts for word in WORD.findall(text))
    return [w for w in found if w not in STOP_WORDS and w in s.where]


def phrases(text: str) -> list[str]:
    """ "little door" of "she closed the little door.": nouns with an adjective at most."""
    found = (match[1] for match in PHRASE.finditer(text))
    return [p for p in dict.fromkeys(found) if not set(p.split()) & STOP_WORDS]


def names_of(s: Prose, text: str) -> list[str]:
    capital = set(re.findall(r"[A-Z][a-zé]+", text))
    return [n for n in s.names if capital.issuperset(re.findall(r"[A-Z][a-zé]+", n)) and n in text]


def verbs(s: Prose, text: str) -> list[Verb]:
    """Past forms that have a base which is a word, too."""
    known = s.idf or s.where
    found = []
    for word in re.findall(r"\b[a-z]{3,}\b", text):
        if word in STOP_WORDS:
            continue
        base, form = ANALYSES.get(word, ("", ""))
        if form not in ("ed", "en") and word.endswith("ed"):
            base = next((b for b in bases(word)[1:] if b in known), "")
        elif form not in ("ed", "en"):
            base = ""
        if base:
            found.append(Verb(base, word))
    return found


def around(s: Prose, i: int) -> str:
    """The sentence and those beside it, as far as they are."""
    return " ".join(s.all[max(0, i - 1) : i + 2])


def how_to(s: Prose, i: int, rng: random.Random) -> Made | None:
    """ "To remove a package, use ...": how do I remove a package?"""
    for pattern in rng.sample(PURPOSES, len(PURPOSES)):
        if match := pattern.search(s.all[i]):
            aim = match[1]
            return rng.choice(PURPOSE).format(x=aim), words_of(s, aim)
    if match := ACTION.search(s.all[i]):
        aim = f"{match[1]} {match[2]}"
        beside = [p for p in phrases(around(s, i)) if p not in aim]
        question, more = rng.choice(HOW_TO).format(x=aim), []
        if beside and rng.random() < 0.4:
            more = [rng.choice(beside)]
            question = f"{question[:-1]} {rng.choice(NEAR)} the {more[0]}?"
        return question, words_of(s, aim, *more)
    return None


def counted(s: Prose, i: int, rng: random.Random) -> Made | None:
    """How many."""
    match = COUNT.search(s.all[i])
    if not match or set(match[1].split()) & STOP_WORDS:
        return None
    others = [f"the {p}" for p in phrases(around(s, i)) if p not in match[1]]
    others += names_of(s, around(s, i))
    if not others:
        return None
    other = rng.choice(others)
    return rng.choice(COUNTED).format(x=match[1], y=other), words_of(s, match[1], other)


def happening(s: Prose, i: int, rng: random.Random) -> Made | None:
    """What somebody did, or what became of something; more often than not and where else."""
    sentence, near = s.all[i], around(s, i)
    things = phrases(sentence)
    done = verbs(s, sentence)
    name = picked(names_of(s, near), rng)
    thing = picked(things, rng)
    verb = rng.choice(done) if done else None
    kind = rng.random()
    if verb and name and kind < 0.4:
        question, used = rng.choice(DONE_BY).format(n=name, v=verb.base, d=verb.there), name
        used = f"{used} {verb.there}"
    elif name and thing and kind < 0.7:
        question, used = rng.choice(ABOUT_NAME).format(n=name, x=thing), f"{name} {thing}"
    elif verb and thing and kind < 0.85:
        question = rng.choice(DONE).format(v=verb.base, d=verb.there, x=thing)
        used = f"{verb.there} {thing}"
    elif thing:
        question, used = f"What {rng.choice(NEAR_VERBS)} the {thing}?", thing
    else:
        return None
    others = [p for p in phrases(near) if not set(p.split()) & set(used.split())]
    if others and rng.random() < 0.6:
        other = rng.choice(others)
        question, used = f"{question[:-1]} {rng.choice(NEAR)} the {other}?", f"{used} {other}"
    return question, words_of(s, used)


def picked(found: list[str], rng: random.Random) -> str:
    return rng.choice(found) if found else ""


NEAR_VERBS = ("happens to", "happened to", "is", "is said of", "about", "becomes of", "was")
MAKERS: list[Callable[[Prose, int, random.Random], Made | None]] = [happening, how_to, counted]
SHARES = [0.62, 0.28, 0.10]
