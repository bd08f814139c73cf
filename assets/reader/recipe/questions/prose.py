"""Questions about real text, made from the text itself; every answer is a quotation."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from questions import books
from questions.asked import asked
from questions.prose_forms import (
    BEFORE,
    CONTINUE,
    DEFINED,
    DEFINED_PERSON,
    FOLLOWS,
    LOOSE,
    NOUN,
    PHRASE,
    TEXT,
    VERB,
    WHAT,
    WHETHER,
    WHICH,
    WHO,
    WITH,
)
from questions.sentences import IS_PATTERN, Prose, content_of
from questions.turn import Turn, goes_on, rather_early, roughened, says
from wordings.paraphrase import STOP_WORDS, other_word, slipped

QUESTION_VERBS = re.compile(
    r"((?:[\w’'`-]+ ){1,4}?)((?:is|are|was|were|has|had|can|may|must|will|would|should|does|did"
    r"|makes|takes|gives|shows|opens|returns|contains|holds|uses|allows|provides|became|came|went"
    r"|saw|took|gave|made|said|told|found|left|knew|thought|asked|stood|looked|turned|brought"
    r"|began|sat|felt|heard|kept|sent|put|got|ran|wrote|lost|read|specifies|sets|defines)\b .*)"
)
PEOPLE = frozenset("he she i we they you mr mrs miss ms dr sir lady nobody everybody".split())
NOT_SUBJECTS = STOP_WORDS - PEOPLE - frozenset("the a an my his her their our your this".split())
QUOTES = ["“{}”", '"{}"', '"{}"']

Maker = Callable[[Prose, int, random.Random], Turn | None]


def joined(words: list[str], rng: random.Random) -> str:
    kind = rng.random()
    if len(words) == 1:
        return words[0] if kind < 0.9 else f'"{words[0]}"'
    if kind < 0.62:
        return ", ".join(words[:-1]) + " and " + words[-1]
    if kind < 0.76:
        return ", ".join(words)
    if kind < 0.86:
        return " ".join(words)
    if kind < 0.93:
        return " and ".join(words)
    return ", ".join(f'"{w}"' for w in words)


def filled(form: str, words: str, rng: random.Random) -> str:
    question = form.format(w=words, q=words, p=words, t=rng.choice(TEXT), n=rng.choice(NOUN))
    return question[0].upper() + question[1:] if form[0] == "{" and rng.random() < 0.3 else question


def strict_question(words: list[str], rng: random.Random) -> str:
    """Asks for the one sentence that has just these words."""
    shown = joined(words, rng)
    if rng.random() < 0.25:
        return filled(for_one(rng.choice(WHICH), words), shown, rng)
    article = "the" if rng.random() < 0.9 else "the exact"
    noun = f"{article} {rng.choice(NOUN)}"
    which = for_one(rng.choice(WITH), words)
    return rng.choice(VERB).format(n=noun, w=which.format(w=shown))


def for_one(form: str, words: list[str]) -> str:
    """The form in the singular if there is but one word."""
    if len(words) > 1:
        return form
    form = form.replace("do the words", "does the word").replace("the words", "the word")
    return form.replace("come up", "comes up").replace("which {w} stand", "which {w} stands")


def loose_question(words: list[str], rng: random.Random) -> str:
    return filled(rng.choice(LOOSE), joined(words, rng), rng)


def in_quotes(sentence: str, rng: random.Random) -> str | None:
    """In quotation marks that do not occur in it."""
    fitting = [q for q in QUOTES if q[0] not in sentence and q[-1] not in sentence]
    return rng.choice(fitting).format(sentence) if fitting else None


def by_key_words(s: Prose, i: int, rng: random.Random) -> Turn | None:
    """One to four words that no other sentence has together."""
    words = s.content(i)
    three = rng.random() < 0.5
    count = 3 if three else rng.choice([1, 2, 2, 3, 4])
    if len(words) < max(2, count):
        return None
    if rng.random() < 0.5:
        chosen = sorted(words, key=lambda w: (s.count(w), -len(w)))[:count]
    else:
        chosen = rng.sample(words, count)
    if s.holding(chosen) != {i} or (count == 1 and s.idf.get(chosen[0].lower(), 9.0) < 4):
        return None
    if three or rng.random() < 0.5:
        chosen.sort(key=words.index)
    if rng.random() < 0.25:
        chosen = [w.lower() for w in chosen]
    make = strict_question if rng.random() < 0.6 else loose_question
    return Turn(roughened(make(chosen, rng), rng), says(s.all[i]))


def by_phrase(s: Prose, i: int, rng: random.Random) -> Turn | None:
    """A few words in a row, taken over as they stand."""
    words = s.all[i].split()
    if len(words) < 8:
        return None
    length = rng.randint(3, 7)
    start = rng.randrange(len(words) - length)
    phrase = " ".join(words[start : start + length]).strip(".,;:!?\"“”()—‘’'")
    content = content_of(phrase)
    if len(content) < 2 or s.holding(content) != {i} or "“" in phrase or '"' in phrase:
        return None
    if rng.random() < 0.3:
        return Turn(roughened(filled(rng.choice(LOOSE), phrase, rng), rng), says(s.all[i]))
    question = filled(rng.choice(PHRASE), rng.choice(QUOTES).format(phrase), rng)
    return Turn(roughened(question, rng), says(s.all[i]))


def by_wh_word(s: Prose, i: int, rng: random.Random) -> Turn | None:
    """The subject replaced by a question word: "The key F1 opens help." -> "What opens help?" """
    match = QUESTION_VERBS.match(s.all[i])
    if not match:
        return None
    subject = match.group(1).split()
    if subject[0].lower() in NOT_SUBJECTS or any(w.lower() in NOT_SUBJECTS for w in subject[1:-1]):
        return None
    rest = match.group(2).split(";")[0].rstrip(".!;:,?”").split()
    if len(rest) > 14:
        rest = rest[: rng.randint(7, 14)]
    while rest and (rest[-1].lower() in STOP_WORDS or not rest[-1][-1].isalnum()):
        rest[-1] = rest[-1].rstrip(",;:—.")
        if rest[-1].lower() in STOP_WORDS or not rest[-1] or not rest[-1][-1].isalnum():
            rest.pop()
    asked = " ".join(rest)
    content = content_of(asked)
    if len(content) < 2 or s.holding(content) != {i} or "“" in asked or '"' in asked:
        return None
    person = subject[0].lower().rstrip(".") in PEOPLE or (
        subject[-1][0].isupper() and subject[-1].lower() not in s.text_words and len(subject) < 3
    )
    return Turn(roughened(f"{rng.choice(WHO if person else WHAT)} {asked}?", rng), says(s.all[i]))


def by_definition(s: Prose, _: int, rng: random.Random) -> Turn | None:
    """The only sentence that begins by saying what something is."""
    if not s.definitions:
        return None
    i = rng.choice(s.definitions)
    match = IS_PATTERN.match(s.all[i])
    if not match:
        return None
    article, subject, verb = match.groups()
    words = subject.lower().split()
    if words[0] in STOP_WORDS or words[-1] in STOP_WORDS or "not" in words:
        return None
    content = content_of(subject)
    if not content or min(map(s.count, content)) > 12 + len(s.all) // 200:
        return None
    if any(j != i and IS_PATTERN.match(s.all[j]) for j in s.holding(content)):
        return None
    if article:
        subject = (article.lower() if rng.random() < 0.7 else "") + subject
    verb = verb if verb in ("is", "are", "was", "were") else "is"
    known_person = words[0] in ("mr.", "mrs.", "miss", "dr.", "sir", "lady") or (
        not article and subject in s.names and any(h.speaker == subject for h in s.speeches)
    )
    form = rng.choice(DEFINED_PERSON if known_person else DEFINED)
    return Turn(roughened(form.format(x=subject, v=verb), rng), says(s.all[i]))


def paraphrased(s: Prose, i: int, rng: random.Random) -> Turn | None:
    """Some words are others than the text's; those that stay are in no other sentence."""
    if rng.random() < 0.4:
        return paraphrased_clause(s, i, rng)
    words = s.content(i)
    count = rng.choice([3, 3, 4, 4, 5])
    if len(words) < count + 1:
        return None
    words.sort(key=lambda w: s.count(w) + rng.random() * 2)
    kept = words[: rng.choice([2, 2, 3])]
    if not s.rare(kept[1]) or s.holding(kept) != {i}:
        return None
    changed = [c for w in words[len(kept) :][:5] if (c := changed_word(s, w, rng))]
    changed = changed[: max(1, count - len(kept))][:2]
    if not changed:
        return None
    if rng.random() < 0.4:
        kept = [w.lower() for w in kept]
    shown = kept + changed
    rng.shuffle(shown)
    return Turn(roughened(loose_question(shown, rng), rng), says(s.all[i]))


def changed_word(s: Prose, word: str, rng: random.Random) -> str | None:
    """Another word for it, or sometimes itself with a slip."""
    if word[0].isupper() or rng.random() < 0.25:
        return slipped(word, rng) if len(word) > 5 else None
    return other_word(word, s.idf or STOP_WORDS, rng)


def paraphrased_clause(s: Prose, i: int, rng: random.Random) -> Turn | None:
    """Some words in a row, one or two of them changed."""
    words = s.all[i].split()
    length = rng.randint(6, 11)
    if len(words) < length:
        return None
    start = rng.randrange(len(words) - length + 1)
    part = [w.strip('.,;:!?"“”()—') for w in words[start : start + length]]
    while part and part[-1].lower() in STOP_WORDS:
        part.pop()
    order = rng.sample(range(len(part)), len(part))
    done: list[int] = []
    for at in order:
        word = part[at]
        if len(done) == 2 or not word.isalpha() or word.lower() in STOP_WORDS or len(word) < 4:
            continue
        if new := changed_word(s, word, rng):
            part[at] = new
            done.append(at)
    kept = content_of(" ".join(w for at, w in enumerate(part) if at not in done))
    clause = " ".join(part)
    if not done or sum(map(s.rare, kept)) < 2 or s.holding(kept) != {i}:
        return None
    if "“" in clause or '"' in clause:
        return None
    if start == 0 and part[0].lower() in STOP_WORDS:
        clause = clause[0].lower() + clause[1:]
    return Turn(roughened(filled(rng.choice(WHETHER), clause, rng), rng), says(s.all[i]))


def by_start(s: Prose, i: int, rng: random.Random) -> Turn | None:
    """Goes on with a sentence whose first words are given."""
    words = s.all[i].split()
    if len(words) < 10:
        return None
    cut = rng.randrange(5, min(13, len(words) - 3))
    start = " ".join(words[:cut])
    shown = in_quotes(start, rng)
    if not shown or not s.once(start):
        return None
    form = rng.choice(CONTINUE)
    return Turn(form.format(q=shown, p=start), goes_on(" ".join(words[cut:])))


def next_sentence(s: Prose, i: int, rng: random.Random) -> Turn | None:
    given = s.all[i]
    if len(given) > 220 or not s.adjacent(i) or not s.quotable(i + 1):
        return None
    shown = in_quotes(given, rng)
    if not shown or not s.once(given):
        return None
    return Turn(rng.choice(FOLLOWS).format(q=shown), goes_on(s.all[i + 1]))


def previous_sentence(s: Prose, i: int, rng: random.Random) -> Turn | None:
    if i + 1 >= len(s.all) or len(s.all[i + 1]) > 220 or len(s.all[i + 1]) < 25:
        return None
    given = s.all[i + 1]
    shown = in_quotes(given, rng)
    if not shown or not s.adjacent(i) or not s.once(given):
        return None
    return Turn(rng.choice(BEFORE).format(q=shown), says(s.all[i]))


def about_book(s: Prose, _: int, rng: random.Random) -> Turn | None:
    return books.about_book(s, rng)


MAKERS: list[Maker] = [
    by_key_words,
    by_phrase,
    by_wh_word,
    by_definition,
    paraphrased,
    by_start,
    next_sentence,
    previous_sentence,
    about_book,
    asked,
]
SHARES = [0.33, 0.07, 0.12, 0.07, 0.12, 0.06, 0.12, 0.03, 0.12, 0.30]  # some spots give none


def turn_about(s: Prose, rng: random.Random) -> Turn | None:
    """A question that the text answers, or None if a few spots gave none.  An answer that
    was given before comes again only if nothing else is found."""
    if not s.usable:
        return None
    repeated: list[Turn] = []
    for _ in range(4):
        maker = rng.choices(MAKERS, SHARES)[0]
        for _ in range(6):
            made = maker(s, rather_early(s.usable, rng), rng)
            if made and made.answer not in s.given:
                s.given.add(made.answer)
                return made
            repeated += [made] if made else []
            if len(repeated) > 2:
                return repeated[0]
    return repeated[0] if repeated else None
