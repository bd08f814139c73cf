"""Earlier turns as tokens, to stand behind a document as if they had just been said."""

from __future__ import annotations

from collections.abc import Sequence

from sa_chat.protocol.events import PastTurn

from .base import Tokenizer


def newest_turns(
    turns: Sequence[PastTurn], tokenizer: Tokenizer, room_tokens: int
) -> list[list[int]]:
    """The tokens of each of the newest turns that fit, in order; the first follows the document."""
    chat = tokenizer.chat
    blank = _blank_before_answers(tokenizer)
    newest: list[list[int]] = []
    following: list[int] = []  # the first of them, as it is behind another
    for turn in reversed(turns):
        question = tokenizer.encode(turn.question.strip())
        answer = tokenizer.encode(blank + turn.text) if turn.text else []
        behind = [following, *newest[1:]] if newest else []
        first = [*chat.turn(question, True), *answer]
        if len(first) + sum(map(len, behind)) > room_tokens:
            break
        newest = [first, *behind]
        following = [*chat.turn(question, False), *answer]
    return newest


def _blank_before_answers(tokenizer: Tokenizer) -> str:
    """Where the frame ends in a word, answers begin with a blank, which is not in their text."""
    detokenizer = tokenizer.detokenizer()
    frame = "".join(map(detokenizer.feed, tokenizer.chat.generation))
    return " " if frame and not frame[-1].isspace() else ""
