"""Names, numbers and other words for the keys and values of made-up facts."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

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
ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh sk st t th tr v w y z".split()
VOWELS = "a a e e i i o o u y ae ai ea ei ie oa ou".split()
CODAS = ["", "", "n", "r", "s", "l", "m", "t", "d", "k", "x", "rn", "nd", "st", "ll", "ck", "sh"]
PLACE_ENDINGS = "ton ham bury ford mouth field wick stead holm by dale minster vale ia burg".split()
SURNAME_ENDINGS = "son er mann ley well wood ski ov ini etti ez ard worth ner berg quist".split()
COLOURS = """red green blue yellow black white grey brown purple pink orange crimson scarlet ivory
turquoise indigo violet maroon navy beige olive silver gold copper lilac bronze cream""".split()
SHADES = ["pale", "dark", "deep", "light", "bright", "dull", "faded", "warm", "cold", "bluish"]
CURRENCIES = ["{} pounds", "{} dollars", "{} euros", "{} crowns", "{} guineas", "${}", "£{}"]
MONTHS = """January February March April May June July August September October November
December""".split()


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


class Names:
    """Draws words.  `vocabulary` are words of the corpus, for keys that are plain words."""

    def __init__(self, rng: random.Random, vocabulary: list[str]) -> None:
        self.rng = rng
        self.vocabulary = vocabulary
        self.drawn: dict[str, Callable[[], str]] = {
            "place": self.place,
            "person": self.person,
            "thing": self.thing,
            "firm": self.firm,
            "project": self.project,
            "number": self.number,
            "year": lambda: str(rng.randint(1000, 2100)),
            "date": self.date,
            "money": self.money,
            "colour": self.colour,
            "word": self.word,
            "code": self.code,
        }

    def draw(self, kind: str) -> str:
        return self.drawn[kind]()

    def invented(self, syllables: int) -> str:
        rng = self.rng
        body = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(syllables))
        return (body + rng.choice(CODAS)).capitalize()

    def place(self) -> str:
        kind = self.rng.random()
        if kind < 0.5:
            return self.invented(self.rng.choice([1, 2, 2, 3, 3]))
        if kind < 0.7:
            return self.invented(1) + self.rng.choice(PLACE_ENDINGS)
        if kind < 0.85:
            return self.rng.choice(PLACES)
        return f"{self.rng.choice(['Port', 'Saint', 'New', 'Upper', 'Lake'])} {self.invented(2)}"

    def person(self) -> str:
        kind = self.rng.random()
        first = self.rng.choice(NAMES) if self.rng.random() < 0.6 else self.invented(2)
        if kind < 0.3:
            return self.invented(self.rng.choice([2, 2, 3]))
        if kind < 0.4:
            return first
        return f"{first} {self.invented(1)}{self.rng.choice(SURNAME_ENDINGS)}"

    def thing(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.4:
            return f"the {rng.choice(ADJECTIVES).capitalize()} {rng.choice(NOUNS).capitalize()}"
        if kind < 0.6:
            return f"the {self.plain()} {rng.choice(NOUNS)}"
        if kind < 0.8:
            return self.invented(rng.choice([2, 3]))
        return f"the {self.invented(2)}"

    def firm(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.4:
            return f"{self.invented(2)} {rng.choice(['Brothers', 'Works', 'House', 'Company'])}"
        if kind < 0.6:
            return f"the {rng.choice(ADJECTIVES).capitalize()} {rng.choice(NOUNS).capitalize()}"
        if kind < 0.8:
            return f"{self.invented(2)} and {self.invented(2)}"
        return self.invented(3)

    def project(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.4:
            return f"{rng.choice(ADJECTIVES)}-{rng.choice(NOUNS)}"
        if kind < 0.6:
            return f"{self.plain()}_{self.plain()}"
        if kind < 0.8:
            return self.invented(2).lower() + rng.choice(["", "d", "ctl", "-api", "db", "lib"])
        return self.invented(2)

    def plain(self) -> str:
        return self.rng.choice(self.vocabulary)

    def word(self) -> str:
        kind = self.rng.random()
        if kind < 0.4:
            return self.plain()
        if kind < 0.7:
            return f"{self.rng.choice(ADJECTIVES)} {self.rng.choice(NOUNS)}"
        return self.invented(2).lower()

    def number(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.7:
            return self.digits(rng.choice([2, 3, 4, 5, 5, 6]))
        if kind < 0.85:
            return f"{rng.randint(1, 999)},{rng.randint(0, 999):03d}"
        return f"{rng.randint(1, 999)}.{rng.randint(0, 99):02d}"

    def digits(self, count: int) -> str:
        rng = self.rng
        return rng.choice("123456789") + "".join(rng.choices(string.digits, k=count - 1))

    def money(self) -> str:
        return self.rng.choice(CURRENCIES).format(self.number())

    def date(self) -> str:
        rng = self.rng
        day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1500, 2090)
        forms = [
            f"{day} {MONTHS[month - 1]} {year}",
            f"{MONTHS[month - 1]} {day}, {year}",
            f"{day} {MONTHS[month - 1]}",
            f"{year}-{month:02d}-{day:02d}",
        ]
        return rng.choice(forms)

    def colour(self) -> str:
        colour = self.rng.choice(COLOURS)
        return f"{self.rng.choice(SHADES)} {colour}" if self.rng.random() < 0.6 else colour

    def code(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            return self.hexadecimal(rng.choice([(8, 4, 4), (4, 4), (8,), (8, 4, 4, 4, 12)]))
        if kind < 0.6:
            letters = "".join(rng.choices(string.ascii_uppercase, k=rng.randint(2, 4)))
            return f"{letters}-{rng.randint(10, 9999)}"
        if kind < 0.8:
            return self.digits(7)
        return "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(6, 10)))

    def hexadecimal(self, groups: tuple[int, ...]) -> str:
        rng = self.rng
        return "-".join("".join(rng.choices("0123456789abcdef", k=n)) for n in groups)

    def uuid(self) -> str:
        return self.hexadecimal((8, 4, 4, 4, 12))
