"""Trials of natural questions: a context of whole paragraphs, and the questions it answers."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..documents.spread import spread
from ..sizing import TOLERANCE, TokenCounter, largest
from ..sources import Sources
from ..trial import NotEnough, Question, Trial
from .context import Paragraph, file_names, files_of, paragraphs_in, texts_of
from .questions import SourceQuestion, by_document

ASKED = "asked"
QUESTIONS_PER_DOCUMENT = 25
_ANSWER_TOKENS = 128
_STARTS = 8  # attempts
_SPARE = 512  # paragraphs after the cut, of which those that fit fill the context up
_JOINT_TOKENS = 2  # between two paragraphs, at most
_MOST_CHARACTERS = 12  # more than the average token has
_WORD_END = re.compile(r"\S(?=\s)")
_GOLDEN = 0.618034  # of which multiples spread evenly over a document


@dataclass(frozen=True)
class _Document:
    paragraphs: list[Paragraph]
    questions: list[SourceQuestion]


def asked_trial(
    length: int, index: int, rng: random.Random, counter: TokenCounter, sources: Sources
) -> Trial:
    """Context `index` of the task: from document `index` (modulo their number) on, another place of
    it each time; further documents follow, as files of their own, where it is too short.

    Its questions are up to `QUESTIONS_PER_DOCUMENT` of those whose sentence is in the context,
    spread evenly.  Raises `NotEnough` without questions, or with too little text.
    """
    if sources.asked is None:
        raise NotEnough("It needs questions about the documents: give a file with --questions.")
    if not sources.asked:
        raise NotEnough("No question of --questions can be judged: all of them were left out.")
    documents = _documents(sources)
    if not any(document.questions for document in documents):
        raise NotEnough("No document of --questions is among the documents.")
    seed = rng.getrandbits(64)
    for attempt in range(_STARTS):
        try:
            own = random.Random(f"{seed}/{attempt}")
            return _from_one_start(length, index, own, counter, documents)
        except NotEnough as error:
            reason = error
    raise reason


def _documents(sources: Sources) -> list[_Document]:
    """Those with questions first; the others only follow where these are too short."""
    assert sources.asked is not None
    paths = [path for path, _ in sources.prose]
    names, questions = file_names(paths), by_document(sources.asked, paths)
    documents = [
        _Document(paragraphs_in(names[path], text), questions.get(path, []))
        for path, text in sources.prose
    ]
    return sorted(documents, key=lambda document: not document.questions)


def _from_one_start(
    length: int,
    index: int,
    rng: random.Random,
    counter: TokenCounter,
    documents: Sequence[_Document],
) -> Trial:
    text = _paragraphs_from(length, index, rng, counter, documents)
    asked = {
        document.paragraphs[0].file: document.questions
        for document in documents
        if document.paragraphs
    }
    every = [question for questions in asked.values() for question in questions]
    longest = max(every, key=lambda question: len(question.question))
    size = largest(
        int,
        lambda size: counter.count(files_of(text[:size]), (_question(longest, 0, None),)),
        length,
        most=len(text),
    )
    questions = _chosen(text[:size], asked, index, rng)
    if not questions:
        raise NotEnough(f"No question of --questions is answered in {length:,} tokens of text.")
    context = _filled(text[:size], text[size : size + _SPARE], questions, length, counter)
    files = files_of(context)
    tokens = counter.count(files, questions)
    if tokens < length * (1 - TOLERANCE):
        raise NotEnough(
            f"The documents of --questions make {tokens:,} tokens of paragraphs from one place on; "
            f"{length:,} were asked for."
        )
    return Trial(f"{ASKED}/{length}/{index}", length, tokens, files, questions)


def _paragraphs_from(
    length: int,
    index: int,
    rng: random.Random,
    counter: TokenCounter,
    documents: Sequence[_Document],
) -> list[Paragraph]:
    """Safely more than `length` tokens, or all that there is, from the start of trial `index`."""
    count = sum(bool(document.questions) for document in documents)
    first, visit = index % count, index // count
    paragraphs = documents[first].paragraphs
    share = (_GOLDEN * visit + 0.1 * rng.random()) % 1.0
    tokens = counter.text_tokens("\n\n".join(each.text for each in paragraphs))
    if tokens > (1 + 2 * TOLERANCE) * length:
        room = 1 - (1 + 2 * TOLERANCE) * length / tokens
        start = _place_at(paragraphs, room * share)
    else:
        start = _place_at(paragraphs, share / 2)
    found = paragraphs[start:]
    following = [*documents[first + 1 : count], *documents[:first], *documents[count:]]
    characters = sum(len(each.text) for each in found)
    for document in following:
        if characters > _MOST_CHARACTERS * length:
            break
        found = [*found, *document.paragraphs]
        characters += sum(len(each.text) for each in document.paragraphs)
    return found


def _place_at(paragraphs: Sequence[Paragraph], share: float) -> int:
    """The paragraph at this share of a document's characters."""
    left = share * sum(len(each.text) for each in paragraphs)
    for place, each in enumerate(paragraphs):
        if left < len(each.text):
            return place
        left -= len(each.text)
    return 0


def _chosen(
    context: Sequence[Paragraph],
    asked: dict[str, list[SourceQuestion]],
    index: int,
    rng: random.Random,
) -> tuple[Question, ...]:
    """The questions about the context, in the order of their sentences."""
    found: list[tuple[int, SourceQuestion]] = []
    total = 0
    for name, text in texts_of(context):
        folded = " ".join(text.split())
        for question in asked.get(name, ()):
            place = folded.find(question.sentence)
            if place >= 0:
                found.append((total + place, question))
        total += len(folded)
    found.sort(key=lambda pair: (pair[0], pair[1].question))
    if len(found) > QUESTIONS_PER_DOCUMENT:
        places = [float(place) for place, _ in found]
        chosen = spread(places, total, rng, QUESTIONS_PER_DOCUMENT)
        found = [found[at] for at in sorted(chosen)]
    return tuple(
        _question(question, index * QUESTIONS_PER_DOCUMENT + number, 100 * place / total)
        for number, (place, question) in enumerate(found)
    )


def _question(source: SourceQuestion, number: int, depth: float | None) -> Question:
    return Question(
        ASKED,
        number,
        source.question,
        (source.answer, source.sentence),
        ASKED,
        depth,
        answer_tokens=_ANSWER_TOKENS,
    )


def _filled(
    context: Sequence[Paragraph],
    spare: Sequence[Paragraph],
    questions: Sequence[Question],
    length: int,
    counter: TokenCounter,
) -> list[Paragraph]:
    """The context with those of the following paragraphs that still fit; the last may end after
    any of its words if it takes that to come within 1 %."""

    def count(paragraphs: Sequence[Paragraph]) -> int:
        return counter.count(files_of(paragraphs), questions)

    filled, passed = list(context), list[Paragraph]()
    left = length - count(filled)
    for paragraph in spare:
        tokens = counter.text_tokens(paragraph.text) + _JOINT_TOKENS
        if paragraph.file != filled[-1].file or left < TOLERANCE * length / 2:
            break
        if tokens <= left:
            filled.append(paragraph)
            left -= tokens
        else:
            passed.append(paragraph)
    while len(filled) > len(context) and count(filled) > length:
        filled.pop()
    rest = next(iter(passed or spare), None)
    if rest is None or count(filled) >= (1 - TOLERANCE) * length:
        return filled
    ends = [0, *(end.end() for end in _WORD_END.finditer(rest.text))]

    def with_words(number: int) -> list[Paragraph]:
        return [*filled, replace(rest, text=rest.text[: ends[number]])] if number else filled

    return largest(with_words, count, length, least=0, most=len(ends) - 1)
