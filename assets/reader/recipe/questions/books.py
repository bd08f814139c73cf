"""What books are asked: who says what, first and last mentions, all about a name, chapters."""

from __future__ import annotations

import random
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corpus import WORD
from questions.turn import Turn, first_mention, last_mention, roughened, says
from wordings.paraphrase import STOP_WORDS

if TYPE_CHECKING:
    from questions.sentences import Prose

NAME = r"(?:(?:Mr|Mrs|Ms|Dr|St)\. |Miss |Lady |Sir )?[A-Z][a-zé]+(?: [A-Z][a-zé]+)?"
SAYING = (
    "said|says|replied|asked|cried|answered|exclaimed|returned|remarked|added|observed|whispered"
    "|shouted|muttered|murmured|continued|repeated|inquired|called|explained|began"
)
# The words of a speech before its closing mark, then who says them.
SPEECH = re.compile(
    rf"(?:^|[“\"])([^“”\"]{{16,300}})[”\"] (?:(?:{SAYING}) ({NAME})|({NAME}) (?:{SAYING}))\b"
)
NAMED = re.compile(
    r"(?<=[a-z,;] )(?:(?:Mr|Mrs|Ms|Dr)\. |Miss |Lady |Sir )?[A-Z][a-zé]{2,}(?: [A-Z][a-zé]{2,})?\b"
)
TITLES = frozenset("Mr. Mrs. Ms. Dr. Miss Lady Sir".split())
NOT_NAMES = frozenset(
    """He She It They We You There The This That These Those What Who Which When Where Why How But
    And Then Here Not One His Her Its Their Our Your My Yes No Oh God Lord Monday Tuesday Wednesday
    Thursday Friday Saturday Sunday January February March April May June July August September
    October November December""".split()
)
HEADING = re.compile(
    r"(?:(?P<word>chapter|book|part|section|letter|appendix|act) (?P<number>[ivxlc]+|\d+|the [a-z]+"
    r"|one|two|three|four|five|six|seven|eight|nine|ten)(?:[.:]| ?[—–-])\s*(?P<title>\S.{2,70})"
    r"|(?P<roman>[IVXLC]+)(?::|\.| [—–-])\s(?P<named>[A-Z“\"].{2,70}))",
    re.IGNORECASE,
)

WHO_SAYS = [
    'Who says "{p}"?',
    'Who said "{p}"?',
    'Whose words are "{p}"?',
    'Who is it that says "{p}"?',
    'Who speaks the words "{p}"?',
    'By whom is it said: "{p}"?',
    'Which character says "{p}"?',
    'Which person says "{p}"?',
    'who said "{p}"',
    'Who utters "{p}"?',
    "Who says “{p}”?",
    "Who said “{p}”?",
    "Do you know who says “{p}”?",
    "Tell me who said “{p}”.",
    "Who is speaking here: “{p}”?",
]
SAYS_ABOUT = [
    "What does {n} say about {w}?",
    "What did {n} say about {w}?",
    "What are {n}'s words about {w}?",
    "Quote {n} on {w}.",
    "What has {n} to say about {w}?",
    "Which words of {n} mention {w}?",
    "What does {n} say of {w}?",
    "Where does {n} speak of {w}?",
    "Does {n} say anything about {w}?",
    "Find what {n} says about {w}.",
]
FIRST = [
    "Where is {n} first mentioned?",
    "Where is {n} mentioned first?",
    "When is {n} first mentioned?",
    "What is the first mention of {n}?",
    "Find the first mention of {n}.",
    "Quote the first sentence that mentions {n}.",
    "Which sentence mentions {n} first?",
    "Where does {n} first appear?",
    "Where does {n} appear for the first time?",
    "Where does the name {n} first come up?",
    "Where do we first hear of {n}?",
    "Show me the first passage with {n}.",
    "first mention of {n}",
    "How is {n} introduced?",
]
LAST = [
    "Where is {n} last mentioned?",
    "When is {n} mentioned for the last time?",
    "What is the last mention of {n}?",
    "Find the last mention of {n}.",
    "Quote the last sentence that mentions {n}.",
    "Which sentence mentions {n} last?",
    "Where does {n} appear for the last time?",
    "Where does the name {n} come up last?",
    "Where do we last hear of {n}?",
    "Show me the last passage with {n}.",
    "last mention of {n}",
    "What is the last thing that is said about {n}?",
]
ALL_ABOUT = [
    "What is said about {n}?",
    "Quote all passages on {n}.",
    "Quote all sentences that mention {n}.",
    "Quote every sentence with {n}.",
    "Which sentences mention {n}?",
    "Where is {n} mentioned?",
    "Find all mentions of {n}.",
    "List the passages about {n}.",
    "List everything that is said about {n}.",
    "Show me every mention of {n}.",
    "What does the document tell about {n}?",
    "What do we learn about {n}?",
    "everything about {n}",
    "all mentions of {n}",
    "Give me all that the text says of {n}.",
]
CALLED = [
    "What is {c} called?",
    "What is the title of {c}?",
    "What is the heading of {c}?",
    "How is {c} titled?",
    "Which title does {c} have?",
    "Give me the title of {c}.",
    "Quote the heading of {c}.",
    "What's the name of {c}?",
    "what is {c} about, by its title",
    "Under which title does {c} stand?",
]
WHICH_CHAPTER = [
    'Which {k} is called "{t}"?',
    'Which {k} has the title "{t}"?',
    "Which {k} is titled “{t}”?",
    'What number has the {k} "{t}"?',
    "Where is the {k} “{t}”?",
    'Find the {k} with the heading "{t}".',
]


@dataclass(frozen=True)
class Heading:
    kind: str  # "chapter", "book", ...
    number: str  # as it stands: "IV", "4", "the First"
    title: str
    line: str


@dataclass(frozen=True)
class Speech:
    sentence: int
    speaker: str
    words: str


def headings(lines: Iterable[str]) -> list[Heading]:
    """The numbered headings with a title whose number and title come once each.

    Books are split into chapters by a bare roman numeral too: "IV: The Mail".
    """
    found: dict[tuple[str, str], set[Heading]] = {}
    for line in lines:
        if not 8 <= len(line) <= 90 or not (heading := _heading(" ".join(line.split()))):
            continue
        found.setdefault((heading.kind, heading.number.lower()), set()).add(heading)
    single = [next(iter(same)) for same in found.values() if len(same) == 1]
    titles = [heading.title.lower() for heading in single]
    return [h for h in single if titles.count(h.title.lower()) == 1]


def _heading(line: str) -> Heading | None:
    match = HEADING.fullmatch(line)
    if not match or line.endswith((",", ";", "-", "—")):
        return None
    word, roman = match["word"], match["roman"]
    if (word or roman)[0].islower() or (roman and not roman.isupper()):
        return None
    title = match["title"] or match["named"]
    words = [w for w in WORD.findall(title) if w.lower() not in STOP_WORDS]
    if not title[0].isalnum() and title[0] not in "“\"‘'":
        return None
    if not words or sum(w[0].isupper() for w in words) < 0.7 * len(words):
        return None
    if word:
        return Heading(word.lower(), match["number"], title, line)
    return Heading("chapter", roman, title, line)


def speeches(sentences: list[str], usable: Iterable[int]) -> list[Speech]:
    """The usable sentences that hold a speech and name who says it."""
    found = []
    for i in usable:
        if "”" not in sentences[i] and '"' not in sentences[i]:
            continue
        match = SPEECH.search(sentences[i])
        speaker = (match[2] or match[3]) if match else ""
        if match and speaker.split()[0] not in NOT_NAMES and not match[1].startswith(" "):
            found.append(Speech(i, speaker, match[1].rstrip(",")))
    return found


def names(text: str, words: Container[str]) -> list[str]:
    """Names that occur inside sentences, most of them of people and places.

    What is among `words` in lower case is no name: "Captain Swosser" is asked as "Swosser".
    """
    found: dict[str, None] = {}
    for name in dict.fromkeys(NAMED.findall(text)):
        parts = name.split()
        title = parts[0] in TITLES
        while not title and parts and parts[0].lower() in words:
            del parts[0]
        if parts and not any(p in NOT_NAMES or p.lower() in words for p in parts[title:]):
            found[" ".join(parts)] = None
    return list(found)


def who_says(prose: Prose, rng: random.Random) -> Turn | None:
    if not prose.speeches:
        return None
    speech = rng.choice(prose.speeches)
    words = speech.words.split()
    if len(words) < 4:
        return None
    length = rng.randint(4, 14)
    start = 0 if len(words) <= length else rng.choice([0, rng.randrange(len(words) - length)])
    part = " ".join(words[start : start + length]).strip(",;:—")
    if not prose.once(part):
        return None
    return Turn(rng.choice(WHO_SAYS).format(p=part), says(prose.all[speech.sentence]))


def says_about(prose: Prose, rng: random.Random) -> Turn | None:
    """The word stands nowhere else, so that no other speech can be meant."""
    if not prose.speeches:
        return None
    speech = rng.choice(prose.speeches)
    words = [w for w in WORD.findall(speech.words) if w.lower() not in STOP_WORDS and len(w) > 3]
    chosen = rng.sample(words, min(len(words), rng.choice([1, 1, 2])))
    if not chosen or prose.holding(chosen) != {speech.sentence}:
        return None
    question = rng.choice(SAYS_ABOUT).format(n=speech.speaker, w=" and ".join(chosen))
    return Turn(roughened(question, rng), says(prose.all[speech.sentence]))


def mention(prose: Prose, rng: random.Random) -> Turn | None:
    """The first or the last of many.  It must be the first or last in the whole text."""
    if not prose.names:
        return None
    name = rng.choice(prose.names)
    places = prose.mentions(name)
    if not 3 <= len(places) <= 60:
        return None
    first = rng.random() < 0.55
    i = places[0] if first else places[-1]
    at = prose.text.find(name) if first else prose.text.rfind(name)
    if not prose.quotable(i) or not prose.inside(at, i):
        return None
    question = rng.choice(FIRST if first else LAST).format(n=name)
    answer = first_mention if first else last_mention
    return Turn(roughened(question, rng), answer(prose.all[i]))


def all_about(prose: Prose, rng: random.Random) -> Turn | None:
    """All two or three sentences with a name; the whole text has it nowhere else."""
    for _ in range(6):
        if not prose.names:
            return None
        name = rng.choice(prose.names)
        places = prose.mentions(name)
        if 2 <= len(places) <= 3 and all(map(prose.quotable, places)):
            break
    else:
        return None
    quotes = [prose.all[i] for i in places]
    if prose.text.count(name) != sum(quote.count(name) for quote in quotes):
        return None
    if len(set(quotes)) < len(quotes):
        return None
    return Turn(roughened(rng.choice(ALL_ABOUT).format(n=name), rng), says(*quotes))


def chapter(prose: Prose, rng: random.Random) -> Turn | None:
    if rng.random() * 6 > len(prose.headings):  # a few headings are soon asked
        return None
    heading = rng.choice(prose.headings)
    if not prose.once(heading.line):
        return None
    if rng.random() < 0.3:
        question = rng.choice(WHICH_CHAPTER).format(k=heading.kind, t=heading.title)
        return Turn(question, says(heading.line))
    kind = heading.kind.capitalize() if rng.random() < 0.2 else heading.kind
    shown = f"{kind} {heading.number}"
    question = rng.choice(CALLED).format(c=shown)
    return Turn(roughened(question, rng), says(heading.line))


def about_book(prose: Prose, rng: random.Random) -> Turn | None:
    makers = (who_says, says_about, mention, all_about, chapter)
    shares = (0.28, 0.13, 0.28, 0.24, 0.07)
    return rng.choices(makers, shares)[0](prose, rng)
