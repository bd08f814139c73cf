"""Does the document fit, with room for the conversation?  Nothing is ever cut to make it fit."""

from __future__ import annotations

import glob
from collections import defaultdict
from collections.abc import Sequence

from .errors import ContextOverflow
from .events import Section

_SHARE = 16  # of the context, for questions and answers
_LEAST = 1024  # a few questions with long answers
_MOST = 8192
_CAP_SHARE = 4  # of a small context
_MAX_NAMED = 3


def reserve_for(context_tokens: int) -> int:
    """Tokens to keep free for questions and answers: a 16th of the context, between 1,024
    and 8,192, but never more than a quarter of it."""
    return min(max(_LEAST, min(_MOST, context_tokens // _SHARE)), context_tokens // _CAP_SHARE)


def check_budget(
    prompt_tokens: int,
    context_tokens: int,
    reserve_tokens: int,
    sections: Sequence[Section] = (),
    fitting_pages: str | None = None,
) -> None:
    """Raises `ContextOverflow` with exact numbers if prompt and reserve exceed the context.

    The hint names what to drop: pages that would fit (`fitting_pages`, see
    `TokenizedPrompt.fitting_pages`), files or folders, or the largest sections.
    """
    room = context_tokens - reserve_tokens
    excess = prompt_tokens - room
    if excess <= 0:
        return
    noun = "token" if excess == 1 else "tokens"
    raise ContextOverflow(
        f"The document is {excess:,} {noun} too long: it has {prompt_tokens:,}, and {room:,} fit "
        f"({context_tokens:,} of context less {reserve_tokens:,} for questions and answers).",
        _advice(excess, sections, fitting_pages),
    )


def _advice(excess: int, sections: Sequence[Section], fitting_pages: str | None) -> str:
    if fitting_pages is not None:
        largest = _largest_chapters(sections)
        named = f" The largest sections: {largest}." if largest else ""
        return f"--pages {fitting_pages} would fit.{named}"
    files = {section.path: section.tokens for section in sections if section.level == 0}
    if len(files) > 1:
        dropped = _to_drop(excess, files)
        flags = " ".join(f"--exclude '{_glob(path)}'" for path, _ in dropped)
        listed = ", ".join(f"{path} ({tokens:,})" for path, tokens in dropped)
        enough = sum(tokens for _, tokens in dropped) >= excess
        tail = "" if enough else " That alone is not enough."
        return f"Leave out {listed}: {flags}.{tail}"
    largest = _largest_chapters(sections)
    if largest:
        return f"Give a part of the document only; its largest sections: {largest}."
    return "Give a part of the document only, or choose a model with a longer context."


def _to_drop(excess: int, files: dict[str, int]) -> list[tuple[str, int]]:
    """The smallest single file or folder that frees enough; else the largest files."""
    sizes: defaultdict[str, int] = defaultdict(int)
    for path, tokens in files.items():
        sizes[path] += tokens
        parts = path.split("/")
        for depth in range(1, len(parts)):
            sizes["/".join(parts[:depth]) + "/"] += tokens
    everything = sum(files.values())
    enough = [item for item in sizes.items() if excess <= item[1] < everything]
    if enough:
        return [min(enough, key=lambda item: (item[1], -len(item[0])))]
    chosen: list[tuple[str, int]] = []
    for item in sorted(files.items(), key=lambda item: -item[1])[:_MAX_NAMED]:
        chosen.append(item)
        if sum(tokens for _, tokens in chosen) >= excess:
            break
    return chosen


def _glob(path: str) -> str:
    """As `--exclude` takes it: a name without `/` would match at any depth."""
    escaped = glob.escape(path)
    return escaped if "/" in path.rstrip("/") else f"/{escaped}"


def _largest_chapters(sections: Sequence[Section]) -> str:
    chapters = [section for section in sections if section.level == 1]
    chapters.sort(key=lambda section: -section.tokens)
    return ", ".join(
        f"{section.title!r} ({section.tokens:,} tokens)" for section in chapters[:_MAX_NAMED]
    )
