"""Made-up facts: keys, relations, values, and the many ways to state and to ask one.

Wordings are composed (opening x core x closing), not listed.  The *_HELD_OUT lists are never
trained on; they measure whether the reader understands or only recognises.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

ADJECTIVES = """amber ancient autumn bitter black blue bold brass bright broken calm clever cobalt
cold copper coral crimson curious dark dawn distant dusty early eager elder emerald empty faint
fierce final frozen gentle gilded golden grand gray green hidden hollow honest humble idle iron
ivory jade keen kind late lavender light lonely lost lucky marble merry misty modern narrow noble
northern odd olive open orange pale patient plain polar proud purple quick quiet rapid rare red
restless rough royal ruby rusty sacred scarlet secret shady sharp silent silver simple small
smooth solemn southern stark steady stone strange subtle sunny swift tall tender tiny urban velvet
violet warm weary western white wild windy winter wise wooden young""".split()
NOUNS = """anchor apple arrow badge banner basin beacon bell birch boat bridge brook cabin candle
canyon castle cedar chapel cliff cloud clover comet compass cradle creek crown desert dolphin
dragon drum eagle ember engine falcon feather fern field flame flute forest fountain fox garden
gate glacier glove grove hammer harbor harp hawk hearth heron hill island jacket jewel kettle key
kite ladder lagoon lantern leaf ledger lemon lily lion maple market meadow mirror moon mountain
needle nest oak ocean orchard otter owl palace panther parrot path pearl pebble pepper piano
pigeon pilot pine planet plum pond prairie prism quarry quill rabbit raven reef ribbon river robin
rocket rose saddle sail school shadow shell ship shore signal sky spark sparrow spring star statue
storm stream summit sun swan table temple thistle thunder tiger tower trail train tree tulip tunnel
turtle valley vessel village violin wagon walnut water wave well wheel willow window wolf
zebra""".split()
PLACES = """Paris London Madrid Lisbon Vienna Prague Dublin Oslo Helsinki Athens Cairo Nairobi
Lagos Accra Delhi Mumbai Tokyo Osaka Kyoto Seoul Beijing Sydney Toronto Montreal Boston Chicago
Denver Seattle Austin Lima Quito Bogota Santiago Havana Geneva Zurich Munich Berlin Hamburg Warsaw
Krakow Budapest Riga Tallinn Bergen Malmo Genoa Naples Turin Seville Porto Lyon Nantes Ghent Bruges
Leeds York Bath Oxford""".split()
NAMES = """Ada Alma Amos Arlo Asta Basil Bela Bruno Cara Cleo Cyrus Dana Dora Edgar Elsa Emil Enid
Ezra Fay Felix Flora Gideon Greta Gustav Hanna Hugo Ida Igor Inez Ivan Jonas Judith Kai Klara Leo
Lena Linus Lotte Mabel Marco Mina Nadia Nils Nora Olga Oscar Otto Paula Petra Quentin Rhea Rolf
Rosa Ruben Selma Silas Stella Theo Thora Ulla Umberto Vera Viktor Wanda Willa Xenia Yara Yusuf
Zelda""".split()

RELATIONS = """magic number,secret code,password,access key,locker number,identifier,passphrase,
room number,score,price,weight,serial number,zip code,phone extension,invoice total,license plate,
batch number,ticket number,account number,reference,nickname,favourite animal,favourite colour,
destination,supplier,index value,checksum,token,seat,delivery slot,shelf mark,call sign,
registration,voucher,order number,emblem,codename,station,landmark,contact,budget,deadline,
default port,time limit,retry count,maximum size,version,home town,password hint,opening hour,
magic word,inventory number,target,rank""".replace("\n", "").split(",")
RELATIONS_HELD_OUT = ["vault combination", "boarding gate", "special number", "container label"]

STATEMENTS = [
    "The {rel} for {key} is {val}.",
    "The {rel} of {key} is {val}.",
    "{Key}: the {rel} is {val}.",
    "One of the {rel}s for {key} is: {val}.",
    "One of the special {rel}s for {key} is: {val}.",
    "For {key}, the {rel} was set to {val}.",
    "{Key} has the {rel} {val}.",
    "{val} is the {rel} of {key}.",
    "{val} is the {rel} for {key}.",
    "The {rel} for {key} equals {val}.",
    "In the register, {key} is listed with {rel} {val}.",
    "{Key} was given the {rel} {val}.",
    "As {rel} of {key} they chose {val}.",
    "The {rel} that belongs to {key} is {val}.",
    "They gave {key} {val} as {rel}.",
    "{Key}'s {rel} is {val}.",
    "The {rel} assigned to {key} was {val}.",
    "Under {key} the entry for {rel} reads {val}.",
    "{Key} uses {val} as its {rel}.",
    "The current {rel} of {key} remains {val}.",
    "{Key} ({rel}: {val}).",
    "{rel} of {key} = {val}.",
]
OPENINGS = [
    "",
    "",
    "",
    "",
    "",
    "Note that ",
    "Remember that ",
    "According to the records, ",
    "For the record, ",
    "It is known that ",
    "As agreed, ",
    "Please note: ",
    "At that time, ",
    "By the way, ",
    "The notes say that ",
    "On the last page it said that ",
]
CLOSINGS = [
    "",
    "",
    "",
    "",
    "",
    "",
    ", as everybody knew",
    ", and it has not changed since",
    ", according to the list",
    " until further notice",
]
LOWERED = frozenset({"The", "One", "For", "In", "As", "They", "Under"})
STATEMENTS_HELD_OUT = [
    "It was noted that the {rel} belonging to {key} is {val}.",
    "Whoever asks about {key} should be told the {rel} {val}.",
    "Nobody had forgotten {key}, whose {rel} happened to be {val}.",
]

QUESTIONS = [
    "What is the {rel} for {key}?",
    "What is the {rel} of {key}?",
    "Which {rel} does {key} have?",
    "Tell me the {rel} for {key}.",
    "Give the {rel} of {key}.",
    "{Key}: what is the {rel}?",
    "Find the {rel} for {key}.",
    "What is the {rel} for {key} mentioned in the text?",
    "What is the special {rel} for {key} mentioned in the provided text?",
    "According to the document, what is the {rel} of {key}?",
    "I need the {rel} for {key}.",
    "What {rel} was {key} given?",
    "What is {key}'s {rel}?",
    "Do you know the {rel} of {key}?",
    "What does the text say the {rel} for {key} is?",
    "Which {rel} belongs to {key}?",
    "{rel} of {key}?",
    "{key} {rel}",
    "Can you find which {rel} {key} has?",
    "What was the {rel} of {key}?",
    "Look for {key}. What is its {rel}?",
    "How is the {rel} of {key} given?",
    "Please quote the {rel} of {key}.",
    "Is there a {rel} for {key}?",
]
QUESTIONS_HELD_OUT = [
    "What are the {rel} details for {key} mentioned in the provided text?",
    "Please look up the {rel} of {key}.",
    "Somebody asked me about {key} and its {rel}; what should I answer?",
]
SHORT_ANSWERS = ["The {rel} for {key} is {val}."]


@dataclass(frozen=True)
class Fact:
    key: str
    relation: str
    value: str
    statement: str
    question: str

    @property
    def answer(self) -> str:
        """A lead-in with the value, and the sentence that says so, quoted."""
        lead = SHORT_ANSWERS[0].format(rel=self.relation, key=self.key, val=self.value)
        return f"{lead}\n\n> {self.statement}"


@dataclass(frozen=True)
class Wordings:
    relations: list[str]
    statements: list[str]
    questions: list[str]
    openings: list[str]
    closings: list[str]


TRAINED = Wordings(RELATIONS, STATEMENTS, QUESTIONS, OPENINGS, CLOSINGS)
HELD_OUT = Wordings(RELATIONS_HELD_OUT, STATEMENTS_HELD_OUT, QUESTIONS_HELD_OUT, [""], [""])


def random_value(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.5:
        return "".join(rng.choice(string.digits) for _ in range(rng.choice([3, 4, 5, 6, 7, 7, 7])))
    if kind < 0.6:
        groups = rng.choice([(8, 4, 4, 4, 12), (8, 4, 4), (4, 4), (8,)])
        return "-".join("".join(rng.choice("0123456789abcdef") for _ in range(n)) for n in groups)
    if kind < 0.68:
        letters = "".join(rng.choice(string.ascii_uppercase) for _ in range(rng.randint(2, 3)))
        return f"{letters}-{rng.randint(10, 9999)}"
    if kind < 0.74:
        return f"{rng.randint(1, 999)}.{rng.randint(0, 99):02d}"
    if kind < 0.8:
        return rng.choice(PLACES)
    if kind < 0.86:
        return rng.choice(NAMES)
    return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"


def random_key(rng: random.Random, pool: tuple[list[str], list[str]]) -> str:
    """A key; `pool` of few words makes keys that differ in one word only."""
    adjectives, nouns = pool
    kind = rng.random()
    if kind < 0.4:
        return f"{rng.choice(adjectives)}-{rng.choice(nouns)}"
    if kind < 0.55:
        return rng.choice(PLACES)
    if kind < 0.7:
        return f"the {rng.choice(adjectives)} {rng.choice(nouns)}"
    if kind < 0.8:
        return f"{rng.choice(NAMES)} {rng.choice(nouns).capitalize()}"
    if kind < 0.9:
        return f"{rng.choice(nouns).capitalize()} {rng.choice(nouns).capitalize()}"
    return f"project {rng.choice(nouns).capitalize()}"


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def random_facts(rng: random.Random, count: int, words: Wordings = TRAINED) -> list[Fact]:
    """`count` facts, no (key, relation) twice; some keys carry several relations."""
    pool = (ADJECTIVES, NOUNS)
    if rng.random() < 0.4:
        pool = (rng.sample(ADJECTIVES, 6), rng.sample(NOUNS, 6))
    shared = rng.sample(words.relations, 2) if rng.random() < 0.4 else words.relations
    facts: list[Fact] = []
    used: set[tuple[str, str]] = set()
    keys: list[str] = []
    while len(facts) < count:
        key = rng.choice(keys) if keys and rng.random() < 0.2 else random_key(rng, pool)
        relation = rng.choice(words.relations if rng.random() < 0.3 else shared)
        if (key, relation) in used:
            continue
        used.add((key, relation))
        keys.append(key)
        facts.append(make_fact(rng, key, relation, random_value(rng), words))
    return facts


def make_fact(
    rng: random.Random, key: str, relation: str, value: str, words: Wordings = TRAINED
) -> Fact:
    fill = {"rel": relation, "key": key, "Key": capitalised(key), "val": value}
    opening, closing = rng.choice(words.openings), rng.choice(words.closings)
    core = rng.choice(words.statements)
    if opening:
        fill["Key"] = key
    statement = core.format(**fill)
    if opening and statement.split()[0] in LOWERED:
        statement = statement[:1].lower() + statement[1:]
    statement = opening + statement if opening else capitalised(statement)
    if closing:
        statement = statement[:-1] + closing + "."
    fill["Key"] = capitalised(key)
    question = rng.choice(words.questions).format(**fill)
    return Fact(key, relation, value, statement, question)
