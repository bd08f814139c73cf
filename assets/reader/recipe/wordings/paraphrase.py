"""Other words for the words of a text: synonyms, other inflections, slips of the finger."""

from __future__ import annotations

import random
import re
from collections.abc import Container

STOP_WORDS = frozenset(
    """the a an and or but of in on at to for from by with as is are was were be been being it its
    this that these those he she they him his her their them who whom whose what which when where
    how why not no nor so if then than there here have has had do does did will would shall should
    can could may might must very more most such into out up down over under about after before
    again any all each some one two you your yours we our us me my mine him hers only also just upon
    said though although because since while until unless through without within between among
    against too yet ever never now still well own same other another both either neither many much
    few less least like even quite rather being having doing itself himself herself themselves
    myself yourself i'm i’m don't don’t it's it’s didn’t didn't can’t can't won’t won't that’s
    that's i’ll i'll i’ve i've""".split()
)

# Groups are parted by semicolons.  Verbs stand in their base form, nouns in the singular.
THESAURUS = """
big large; huge enormous immense; small little; tiny minute; fast quick rapid swift; slow
sluggish; begin start commence; finish complete conclude; end stop cease; help assist aid; show
display; buy purchase; sell trade; build construct; make create produce; break shatter; fix repair
mend; change alter modify; keep retain preserve; get obtain acquire; give grant; take seize; send
dispatch transmit; receive accept; ask inquire; answer reply respond; speak talk; tell inform;
shout yell; whisper murmur; cry weep; laugh giggle; smile grin; look glance; see notice observe;
watch monitor; hear listen; think believe; know understand; remember recall recollect; forget
overlook; guess suppose; hope wish; want desire; need require; love adore; like enjoy; hate detest
loathe; fear dread; happy glad joyful; sad unhappy sorrowful; angry furious cross; afraid
frightened scared; brave courageous; calm tranquil quiet; silent mute; loud noisy; strange odd
peculiar; common usual ordinary; rare unusual uncommon; old ancient; new recent; young youthful;
beautiful lovely pretty; ugly hideous; rich wealthy; poor needy; clever smart intelligent; foolish
silly stupid; wise prudent; mad insane; ill sick unwell; healthy fit; strong powerful; weak
feeble; hard difficult; easy simple; heavy weighty; empty vacant; full filled; wide broad; narrow
thin; tall high; deep profound; cold chilly; hot warm; wet damp moist; dry arid; dark dim gloomy;
bright brilliant; clean pure; dirty filthy soiled; safe secure; dangerous perilous hazardous; true
genuine real; false untrue wrong; correct right accurate; error mistake; fault defect flaw;
problem difficulty trouble; idea notion thought; opinion view; reason cause motive; result outcome
consequence; goal aim purpose; plan scheme; way manner method; road path lane; journey trip
voyage; travel wander; walk stroll; run hurry; rush hasten; go proceed; come arrive; leave depart;
return revert; enter access; follow pursue chase; escape flee; hide conceal; find discover locate;
search seek hunt; lose mislay; meet encounter; gather collect assemble; join unite connect;
separate divide split; cut slice; tear rip; throw toss fling; catch capture; hold grasp grip;
carry bear convey; lift raise hoist; drop fall; push shove; pull drag tug; open unlock; close
shut; cover wrap; fill load; pour spill; burn scorch; shine gleam glitter; house dwelling home;
room chamber; door gate; window pane; chair seat; bed couch; garden yard; wood forest; hill mount;
field meadow; stone rock; street avenue; town city; village hamlet; country nation; land soil
ground; sea ocean; storm tempest; wind breeze; rain shower; snow frost; morning dawn; evening dusk
twilight; night midnight; year twelvemonth; moment instant; period era; man gentleman fellow;
woman lady; child kid; boy lad; girl lass maiden; father dad; mother mum; husband spouse; friend
companion; enemy foe; servant attendant; master lord; king monarch; soldier warrior; doctor
physician; lawyer attorney; teacher tutor; pupil student; priest clergyman; thief robber; crowd
mob throng; group band; meeting gathering; fight struggle; battle combat; war conflict; victory
triumph; defeat loss; attack assault; defend protect guard; kill slay; wound injury hurt; pain
ache; death decease; dead deceased; murder homicide; crime offence; guilt blame; punish chastise;
prison jail; free release; law rule regulation; court tribunal; judge magistrate; money cash;
price cost; pay remunerate; debt liability; gift present; prize award; job task; work labour toil;
worker labourer; trade commerce business; shop store; letter note; book volume; story tale; poem
verse; picture image; song tune melody; dance waltz; food meal; dinner supper; drink beverage;
bread loaf; horse steed; dog hound; bird fowl; coat cloak; hat cap; shoe boot; dress gown; face
countenance; eye gaze; voice tone; hand palm; head skull; heart bosom; mind intellect; soul
spirit; body corpse; sleep slumber; dream vision; tired weary exhausted; hungry starving; proud
haughty; humble modest; kind gentle; cruel harsh; polite courteous civil; rude impolite; honest
sincere; lie falsehood; secret mystery; famous renowned celebrated; unknown obscure; important
significant; useful helpful; useless worthless; necessary essential needed; possible feasible;
certain sure; doubt uncertainty; clear plain obvious; vague unclear; suddenly abruptly; often
frequently; seldom rarely; always constantly; sometimes occasionally; soon shortly; immediately
instantly; finally eventually; almost nearly; about approximately; entirely completely wholly;
only merely; mainly chiefly mostly; perhaps possibly; probably likely; together jointly; apart
asunder; near close; far distant; below beneath; above overhead; behind after; inside within;
outside beyond; whole entire; part portion piece; half moiety; number figure; amount quantity sum;
enough sufficient; extra additional; increase grow; decrease reduce diminish; add append; remove
delete erase; replace substitute; insert include; exclude omit; contain comprise; copy duplicate;
move shift transfer; store save; read peruse; write compose; print publish; sign mark; count
tally; measure gauge; compare contrast; check verify; test try; prove demonstrate; explain
clarify; describe depict; define specify; mention cite; suggest propose; advise recommend counsel;
order command; demand insist; allow permit; forbid prohibit ban; prevent hinder avoid; refuse
decline; agree consent; disagree differ; promise vow pledge; warn caution; threaten menace; praise
commend; blame accuse; thank acknowledge; forgive pardon; deceive trick cheat; trust rely; choose
select pick; prefer favour; decide determine; attempt endeavour; use employ utilise; waste
squander; share distribute; divide partition; arrange organise; prepare ready; place put; set
configure; install deploy; execute invoke; launch boot; quit exit; fail crash; bug defect; feature
capability; function routine; argument parameter; option setting flag; value quantity; variable
identifier; string text; list array; table grid; file document; folder directory; link reference;
page sheet; line row; column pillar; key button; screen monitor; computer machine; program
application; software package; version release; update upgrade; download fetch; upload submit;
server host; client customer; user operator; network web; message notification; request query;
reply response; password passphrase; account profile; permission authorisation; security safety;
memory storage; disk drive; process procedure; thread strand; kernel core; library module; compile
assemble; configure adjust; default standard; manual handbook; guide tutorial; example instance
sample; section chapter; note remark comment; summary abstract; detail particular; type sort
category; class kind; name title; label tag; mode state; step stage; level degree; limit bound;
range span; size extent; length duration; weight mass; speed velocity; power force strength;
energy vigour; light glow; sound noise; colour hue; shape form; edge border margin; centre middle;
top summit peak; bottom base; front fore; back rear; side flank; corner angle; hole gap opening;
box container case; bag sack; rope cord; tool instrument implement; engine motor; wheel disc;
machine apparatus device; metal iron; gold bullion; glass crystal; paper parchment; cloth fabric;
fire blaze flame; smoke fume; ash cinder; dust powder; smell odour scent; taste flavour; touch
contact; quarrel dispute argue; marry wed; wedding marriage; visit call; guest visitor; stranger
foreigner; neighbour resident; leader chief head; president chairman; member participant; author
writer; reader audience; maintainer keeper; developer programmer; contributor participant; policy
rule; licence permit; vote ballot; proposal suggestion; advantage benefit; disadvantage drawback;
support backing; provide supply furnish; offer tender; perform accomplish; achieve attain reach;
happen occur; appear emerge; vanish disappear; remain stay; wait linger; continue persist; repeat
reiterate; improve enhance; damage harm; destroy ruin wreck; deny contradict; confess admit;
pretend feign; astonish amaze surprise; disturb bother annoy; comfort console soothe; excite
thrill; pity compassion; joy delight; grief sorrow; anger rage wrath; pride vanity; shame
disgrace; honour glory; fame renown; luck fortune; fate destiny; danger peril risk; chance
opportunity; habit custom; skill talent; knowledge learning; truth verity; wisdom prudence; belief
faith; religion creed; church temple; prayer devotion; sin vice; virtue goodness; heaven paradise;
hell inferno; ghost phantom spectre; magic sorcery; monster beast; animal creature; plant herb;
tree timber; flower blossom; fruit produce; grass turf; species variety; science research; theory
hypothesis; experiment trial; evidence proof; fact datum; history past; future prospect;
parliament legislature; government administration; minister secretary; tax duty; profit gain;
market bazaar; labour work; wage salary pay; capital funds; property estate; owner proprietor;
heir successor; tenant lodger; peasant farmer; merchant trader; empire realm kingdom; province
region; frontier boundary; army troops; general commander; sword blade; gun rifle; shield armour;
castle fortress; palace mansion; tower turret; wall barrier; bridge viaduct; carriage coach; ship
vessel; sailor seaman; captain skipper; island isle; shore coast
"""

# base past participle
IRREGULAR_VERBS = """
begin began begun; break broke broken; bring brought brought; build built built;
buy bought bought; catch caught caught; choose chose chosen; come came come; cut cut cut;
draw drew drawn; drink drank drunk; drive drove driven; fall fell fallen; feel felt felt;
fight fought fought; find found found; flee fled fled; fling flung flung; fly flew flown;
forbid forbade forbidden; forget forgot forgotten; forgive forgave forgiven; get got got;
give gave given; go went gone; grow grew grown; hear heard heard; hide hid hidden;
hold held held; hurt hurt hurt; keep kept kept; know knew known; lead led led; leave left left;
lose lost lost; make made made; mean meant meant; meet met met; pay paid paid; put put put;
read read read; rise rose risen; run ran run; see saw seen; seek sought sought; sell sold sold;
send sent sent; set set set; shine shone shone; show showed shown; shut shut shut;
sing sang sung; sit sat sat; slay slew slain; sleep slept slept; speak spoke spoken;
split split split; stand stood stood; swim swam swum; take took taken; teach taught taught;
tear tore torn; tell told told; think thought thought; throw threw thrown;
understand understood understood; wear wore worn; weep wept wept; win won won;
write wrote written; bear bore borne
"""
IRREGULAR = {
    base: (past, participle)
    for base, past, participle in (row.split() for row in IRREGULAR_VERBS.split(";"))
}
PLURALS = {"men": "man", "women": "woman", "children": "child", "wives": "wife", "lives": "life"}
DOUBLING = frozenset("begin admit permit refer occur prefer commit forget submit regret".split())
SHORT_VERB = re.compile(r"^[^aeiou]+[aeiou][bdgmnprt]$")
NOUN_OF_VERB = (
    ("ate", "ation"),
    ("ise", "isation"),
    ("ize", "ization"),
    ("ify", "ification"),
    ("t", "tion"),
    ("ss", "ssion"),
    ("de", "sion"),
    ("e", "ation"),
    ("", "ation"),
    ("", "ment"),
    ("e", "ion"),
    ("", "ion"),
    ("", "er"),
    ("e", "er"),
    ("e", "or"),
    ("", "or"),
    ("ate", "ator"),
    ("", "ness"),
    ("y", "iness"),
    ("", "ity"),
    ("e", "ity"),
    ("le", "ility"),
    ("ent", "ence"),
    ("ant", "ance"),
    ("", "ance"),
    ("", "al"),
    ("", "ful"),
    ("", "less"),
    ("", "able"),
    ("e", "able"),
)


def third_person(base: str) -> str:
    """With -s, which is the plural of nouns as well."""
    if base in PLURALS.values():
        return next(many for many, one in PLURALS.items() if one == base)
    if base.endswith("y") and base[-2:-1] not in set("aeiou"):
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "x", "z", "ch", "sh")) else "s")


def with_ending(base: str, ending: str) -> str:
    """`base` with "ed" or "ing"."""
    if base.endswith("e") and not base.endswith(("ee", "ye", "oe")):
        return base[:-1] + ending
    if ending == "ed" and base.endswith("y") and base[-2:-1] not in set("aeiou"):
        return base[:-1] + "ied"
    if base in DOUBLING or SHORT_VERB.match(base):
        return base + base[-1] + ending
    return base + ending


def adverb(base: str) -> str:
    if base.endswith("le"):
        return base[:-1] + "y"
    return (base[:-1] + "i" if base.endswith("y") else base) + "ly"


def inflected(base: str, form: str) -> str:
    """`form` is "", "s", "ed", "en" (past participle), "ing" or "ly"."""
    if form == "s":
        return third_person(base)
    if form == "ly":
        return adverb(base)
    if form in ("ed", "en"):
        past, participle = IRREGULAR.get(base, (with_ending(base, "ed"),) * 2)
        return past if form == "ed" else participle
    return with_ending(base, "ing") if form == "ing" else base


FORMS = ("", "s", "ed", "en", "ing", "ly")


def _groups() -> dict[str, tuple[str, ...]]:
    """word -> the other words of all its groups."""
    others: dict[str, dict[str, None]] = {}
    for row in THESAURUS.split(";"):
        group = row.split()
        for word in group:
            others.setdefault(word, {}).update(dict.fromkeys(w for w in group if w != word))
    return {word: tuple(rest) for word, rest in others.items()}


SYNONYMS = _groups()


def _analyses() -> dict[str, tuple[str, str]]:
    """Inflected form -> (base, form) of all words of the thesaurus and of the irregular verbs."""
    forms: dict[str, tuple[str, str]] = {base: (base, "") for base in (*SYNONYMS, *IRREGULAR)}
    for form in FORMS[1:]:
        for base in (*SYNONYMS, *IRREGULAR):
            forms.setdefault(inflected(base, form), (base, form))
    return forms


ANALYSES = _analyses()


def synonyms(word: str, known: Container[str]) -> list[str]:
    """Words of like meaning in the inflection of `word`; only `known` ones."""
    base, form = ANALYSES.get(word.lower(), ("", ""))
    found = (inflected(other, form) for other in SYNONYMS.get(base, ()))
    return [w for w in found if w in known and w != word.lower()]


def bases(word: str) -> list[str]:
    """What `word` may be an inflection of, itself first."""
    found = [word]
    if word in ANALYSES:
        found.append(ANALYSES[word][0])
    if word.endswith("ies") or word.endswith("ied"):
        found.append(word[:-3] + "y")
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        found += [word[:-1], word[:-2]] if word.endswith("es") else [word[:-1]]
    for ending in ("ing", "ed", "ly"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            stem = word[: -len(ending)]
            found.append(stem)
            if ending != "ly":
                found.append(stem + "e")
            if len(stem) > 3 and stem[-1] == stem[-2]:
                found.append(stem[:-1])
    for verb, noun in NOUN_OF_VERB:
        if word.endswith(noun) and len(word) > len(noun) + 4:
            found.append(word[: -len(noun)] + verb)
    return found


def inflections(word: str, known: Container[str]) -> list[str]:
    """Other words of the same stem; only `known` ones, as the rules make some that are none."""
    word = word.lower()
    found: dict[str, None] = {}
    for base in bases(word):
        if base != word and base not in known:
            continue
        found[base] = None
        found.update(dict.fromkeys(inflected(base, form) for form in FORMS[1:]))
        for verb, noun in NOUN_OF_VERB:
            if base.endswith(verb) and len(base) > 4:
                found[base[: len(base) - len(verb)] + noun] = None
    return [w for w in found if w != word and len(w) > 2 and w in known]


def other_word(word: str, known: Container[str], rng: random.Random) -> str | None:
    """A synonym or another inflection of `word`, in lower case."""
    makers = [synonyms, inflections]
    if rng.random() < 0.4:
        makers.reverse()
    for maker in makers:
        if found := maker(word, known):
            return rng.choice(found)
    return None


def slipped(word: str, rng: random.Random) -> str:
    """One slip of the finger behind the first letter: swapped, dropped or doubled letters."""
    at = rng.randrange(1, len(word) - 1)
    kind = rng.random()
    if kind < 0.4 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind < 0.7:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]
