"""Questions about prose that a text does not answer, and another would."""

from __future__ import annotations

import random
import re

from corpus import WORD
from questions import books
from questions.asked import asked
from questions.prose import (
    Maker,
    by_definition,
    by_key_words,
    by_phrase,
    by_wh_word,
    in_quotes,
    loose_question,
    paraphrased,
    strict_question,
)
from questions.prose_forms import BEFORE, FOLLOWS, INVENTED, REAL_NAME
from questions.sentences import Prose, content_of, plain
from questions.turn import NOT_FOUND, Turn, roughened

SYLLABLES = (
    "zor vath quil lan bren ith mor dax el vin tas ko rum pel fen gar shu wex ol mir".split()
)


def missing(s: Prose, foreign: Prose, rng: random.Random) -> Turn | None:
    """A question of the forms of `Prose.turn` that nothing in `s` answers; `foreign` is another
    text.  None if a few tries gave none."""
    for _ in range(8):
        maker = rng.choices(MISSING, MISSING_SHARES)[0]
        if question := maker(s, foreign, rng):
            return Turn(question, NOT_FOUND)
    return None


FOREIGN: list[Maker] = [
    by_key_words,
    by_wh_word,
    by_definition,
    by_phrase,
    paraphrased,
    asked,
]


def asked_elsewhere(s: Prose, foreign: Prose, rng: random.Random) -> str | None:
    """What the other text would answer; at most half of its words are together here."""
    if not foreign.usable:
        return None
    made = rng.choice(FOREIGN)(foreign, rng.choice(foreign.usable), rng)
    if made is None:
        return None
    asked = {plain(w) for w in WORD.findall(made.question)}
    words = asked & {plain(w) for w in content_of(made.answer)}
    hits: dict[int, int] = {}
    for word in words:
        for j in s.where.get(word, ()):
            hits[j] = hits.get(j, 0) + 1
    if not words or max(hits.values(), default=0) > len(words) // 2:
        return None
    return made.question if any(map(s.absent, words)) else None


def foreign_words(s: Prose, foreign: Prose, count: int, rng: random.Random) -> list[str]:
    """Words of one foreign sentence that this text does not have at all."""
    if not foreign.usable:
        return []
    words = foreign.content(rng.choice(foreign.usable))
    rng.shuffle(words)
    found: list[str] = []
    for word in words:
        if len(found) < count and s.absent(word):
            found.append(word)
    return found


def near_miss(s: Prose, foreign: Prose, rng: random.Random) -> str | None:
    """Two words of a sentence here with one or two that are nowhere here.

    The question asks for the very words, unlike a paraphrase, which a sentence may answer.
    """
    count = rng.randint(1, 2)
    new = foreign_words(s, foreign, count, rng)
    if not s.usable or len(new) < count:
        return None
    words = s.content(rng.choice(s.usable))
    if len(words) < 2:
        return None
    mixed = rng.sample(words, 2) + new
    rng.shuffle(mixed)
    return roughened(strict_question(mixed, rng), rng)


def half_known(s: Prose, foreign: Prose, rng: random.Random) -> str | None:
    """One word from here with two that are nowhere here."""
    new = foreign_words(s, foreign, 2, rng)
    if not s.usable or len(new) < 2 or not (words := s.content(rng.choice(s.usable))):
        return None
    mixed = [rng.choice(words), *new]
    rng.shuffle(mixed)
    return roughened(loose_question(mixed, rng), rng)


def invented(s: Prose, foreign: Prose, rng: random.Random) -> str | None:
    """A name that nobody bears."""
    del foreign
    name = [
        "".join(rng.sample(SYLLABLES, rng.choice([2, 2, 3]))) for _ in range(rng.choice([1, 2]))
    ]
    if not all(map(s.absent, name)):
        return None
    shown = " ".join(part.capitalize() for part in name)
    return roughened(rng.choice(INVENTED).format(x=shown), rng)


def name_elsewhere(s: Prose, foreign: Prose, rng: random.Random) -> str | None:
    """A name from the other text that this one does not have."""
    if not foreign.names:
        return None
    name = rng.choice(foreign.names)
    if not all(map(s.absent, name.split())):
        return None
    form = rng.choice(rng.choice([INVENTED, books.FIRST, books.LAST, books.ALL_ABOUT]))
    return roughened(form.format(x=name, n=name), rng)


def real_name(s: Prose, foreign: Prose, rng: random.Random) -> str | None:
    """A name of this text, asked about what is not here."""
    new = foreign_words(s, foreign, 1, rng)
    if not s.names or not new or not new[0].islower():
        return None
    form = rng.choice(REAL_NAME)
    return roughened(form.format(n=rng.choice(s.names), w=new[0]), rng)


def quoted_elsewhere(s: Prose, foreign: Prose, rng: random.Random) -> str | None:
    """What comes after, or who says, what does not stand here."""
    if not foreign.usable:
        return None
    if foreign.speeches and rng.random() < 0.4:
        words = " ".join(rng.choice(foreign.speeches).words.split()[:12]).rstrip(",;:")
        return rng.choice(books.WHO_SAYS).format(p=words) if words not in s.text else None
    given = foreign.all[rng.choice(foreign.usable)]
    shown = in_quotes(given, rng)
    if not shown or len(given) > 220 or given in s.text:
        return None
    return rng.choice(rng.choice([FOLLOWS, FOLLOWS, BEFORE])).format(q=shown)


def no_such_chapter(s: Prose, foreign: Prose, rng: random.Random) -> str | None:
    """A chapter of a number, or a Roman numeral, that is nowhere here."""
    del foreign
    number = str(rng.randint(1, 60))
    if rng.random() < 0.5:
        number = roman(int(number))
    if re.search(rf"\b{number}\b", s.text):
        return None
    return roughened(rng.choice(books.CALLED).format(c=f"chapter {number}"), rng)


def roman(number: int) -> str:
    """1 to 89."""
    tens, ones = divmod(number, 10)
    return ("L" * (tens >= 5) + ("XL" if tens == 4 else "X" * (tens % 5))) + (
        ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"][ones]
    )


MISSING = [
    asked_elsewhere,
    near_miss,
    half_known,
    invented,
    name_elsewhere,
    real_name,
    quoted_elsewhere,
    no_such_chapter,
]
MISSING_SHARES = [0.42, 0.16, 0.06, 0.08, 0.08, 0.10, 0.08, 0.02]
