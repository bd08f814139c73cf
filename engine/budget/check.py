"""Compares prompt and context, and reports the excess with exact numbers."""

from __future__ import annotations

from collections.abc import Sequence

from sa_chat.protocol.errors import ContextOverflow
from sa_chat.protocol.values import Drop

_SHARE = 16  # of the context, for questions and answers
_LEAST = 1024  # enough for a few questions with long answers
_MOST = 8192
_CAP_SHARE = 4  # of a small context
_MAX_NAMED = 8


def reserve_for(context_tokens: int) -> int:
    """Tokens to keep free for questions and answers: a sixteenth of the context, between 1,024 and
    8,192, but never more than a quarter of it."""
    return min(max(_LEAST, min(_MOST, context_tokens // _SHARE)), context_tokens // _CAP_SHARE)


def check_budget(
    prompt_tokens: int,
    context_tokens: int,
    reserve_tokens: int,
    proposal: Sequence[Drop] = (),
) -> None:
    """Raises `ContextOverflow` with exact numbers if prompt and reserve exceed the context.

    The hint is the proposal, as options of the command line.
    """
    available = context_tokens - reserve_tokens
    excess = prompt_tokens - available
    if excess <= 0:
        return
    noun = "token" if excess == 1 else "tokens"
    raise ContextOverflow(
        f"The document is {excess:,} {noun} too long: it has {prompt_tokens:,}, and "
        f"{available:,} fit ({context_tokens:,} of context less {reserve_tokens:,} for questions "
        "and answers).",
        _advice(proposal),
    )


def _advice(proposal: Sequence[Drop]) -> str:
    if not proposal:
        return "Give a part of the document only, or choose a model with a longer context."
    named = [f"{drop.name} ({drop.why}, {drop.tokens:,})" for drop in proposal[:_MAX_NAMED]]
    more = len(proposal) - len(named)
    if more:
        freed = sum(drop.tokens for drop in proposal[_MAX_NAMED:])
        return (
            f"Add --fit to leave out {', '.join(named)} and {more} more ({freed:,}); "
            "--count lists everything."
        )
    flags = " ".join(drop.flag for drop in proposal)
    return f"Add --fit to leave out {', '.join(named)}; or give it yourself: {flags}"
