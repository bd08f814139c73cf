"""Earlier turns as tokens, to be appended to a document as if they had just taken place."""

from __future__ import annotations

from collections.abc import Sequence

from sa_chat.protocol.values import PastTurn

from .base import Tokenizer


def newest_turns(
    turns: Sequence[PastTurn], tokenizer: Tokenizer, most_tokens: int
) -> list[list[int]]:
    """The tokens of each of the newest turns that fit into `most_tokens`, in order.  The first turn
    follows the document."""
    chat = tokenizer.chat
    blank = _blank_before_answers(tokenizer)
    newest: list[list[int]] = []
    following: list[int] = []  # the first of them, encoded as following another turn
    for turn in reversed(turns):
        question = tokenizer.encode(turn.question.strip())
        answer = tokenizer.encode(blank + turn.text) if turn.text else []
        behind = [following, *newest[1:]] if newest else []
        first = [*chat.turn(question, True), *answer]
        if len(first) + sum(map(len, behind)) > most_tokens:
            break
        newest = [first, *behind]
        following = [*chat.turn(question, False), *answer]
    return newest


def _blank_before_answers(tokenizer: Tokenizer) -> str:
    """The space before answers, which their text lacks, if the chat format ends in a word."""
    detokenizer = tokenizer.detokenizer()
    frame = "".join(map(detokenizer.feed, tokenizer.chat.generation))
    return " " if frame and not frame[-1].isspace() else ""
