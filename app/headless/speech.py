"""Markdown answers as lines for a speech synthesizer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sa_chat.protocol.events import Answer
from sa_chat.protocol.text import clean

from ..report.printer import Answers

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`]*)$")
_QUOTE = re.compile(r" {0,3}>[ \t]?")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_RULE = re.compile(r" {0,3}(?:([-*_])(?:[ \t]*\1){2,}|={2,}|-{2,})[ \t]*$")  # or under a heading
_BULLET = re.compile(r"^[ \t]*[-*+][ \t]+(?=\S)")
_CELLS = re.compile(r"[ \t]*\|(.*)\|[ \t]*$")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(<?([^\s()<>]*)>?(?:[ \t]+\"[^\"]*\")?\)")
_STRONG = re.compile(r"(\*\*|~~|(?<!\w)__)(?=\S)((?:(?!\1).)+?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*]+)(?<=[^\s\\])\*(?![\w*])")
_UNDERLINED = re.compile(r"(?<![\w\\])_(?=[^\s_])([^_]+)(?<=[^\s\\])_(?!\w)")
_LONE_STRONG = re.compile(r"(?<!\S)\*\*(?=\w)|(?<=[\w.,;:!?])\*\*(?!\S)")  # goes on in another line
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")

_END_OF_CODE = "End of code."


class SpeechLines:
    """Takes an answer piece by piece and returns every line as soon as it is complete.

    Marks of quotations, headings, emphasis, links and fences are said or left out; numbers of
    lists and everything in code stay.
    """

    def __init__(self) -> None:
        self._begun = ""  # an incomplete line
        self._fence = ""  # of the current code block
        self._fence_depth = 0  # quotation marks before it
        self._in_quote = False

    def feed(self, text: str) -> list[str]:
        """The lines that `text` completes."""
        *complete, self._begun = (self._begun + text).split("\n")
        return [speech for line in complete for speech in self._lines(line)]

    def finish(self) -> list[str]:
        """The remaining lines.  The next piece begins another answer."""
        rest = list(self._lines(self._begun)) if self._begun else []
        if self._fence:
            rest.append(_END_OF_CODE)
        self._begun, self._fence, self._in_quote = "", "", False
        return rest

    def _lines(self, line: str) -> Iterator[str]:
        for part in clean(line.removesuffix("\r")).split("\n"):
            yield from self._line(part)

    def _line(self, line: str) -> Iterator[str]:
        depth, inner = _unquoted(line, self._fence_depth if self._fence else None)
        if self._fence and depth < self._fence_depth:
            self._fence = ""
            yield _END_OF_CODE
            depth, inner = _unquoted(line, None)
        begins_quote = depth > 0 and not self._in_quote
        self._in_quote = depth > 0
        fence = _FENCE.match(inner)
        if self._fence:
            if fence and fence[1].startswith(self._fence) and not fence[2].strip():
                self._fence = ""
                yield _END_OF_CODE
            else:
                yield inner.rstrip()
        elif fence:
            self._fence, self._fence_depth = fence[1], depth
            name = fence[2].split()
            yield f"Code, {name[0]}." if name else "Code."
        elif speech := _speech(inner):
            yield f"Quote: {speech}" if begins_quote else speech


class SpeechAnswers(Answers):
    """Prints answers to a terminal line by line, without Markdown."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = SpeechLines()

    def say(self, text: str) -> None:
        _print(self._lines.feed(text))

    def end(self, event: Answer) -> None:
        self.break_off()

    def break_off(self) -> None:
        _print(self._lines.finish())


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _unquoted(line: str, most: int | None) -> tuple[int, str]:
    """The number of quotation marks at the start of the line, and the rest of it."""
    depth = 0
    while (most is None or depth < most) and (mark := _QUOTE.match(line)):
        line = line[mark.end() :]
        depth += 1
    return depth, line


def _speech(line: str) -> str:
    """The speech for a line outside of code; may be empty."""
    if _RULE.match(line) or _TABLE_RULE.match(line):
        return ""
    if heading := _HEADING.match(line):
        return f"Heading: {_inline(heading[1])}" if heading[1] else ""
    if row := _CELLS.match(line):
        return "; ".join(_inline(cell.strip()) for cell in re.split(r"(?<!\\)\|", row[1]))
    return _inline(_BULLET.sub("", line).strip())


def _inline(text: str) -> str:
    """Text without inline marks; code between backticks is unchanged."""
    speech, at = "", 0
    for code in _CODE_SPAN.finditer(text):
        speech += _unmarked(text[at : code.start()]) + code[2].strip()
        at = code.end()
    return speech + _unmarked(text[at:])


def _unmarked(text: str) -> str:
    text = _LINK.sub(_link, text)
    for _ in range(2):  # emphasis within emphasis
        text = _STRONG.sub(r"\2", text)
        text = _UNDERLINED.sub(r"\1", _EMPHASIS.sub(r"\1", text))
    return _ESCAPED.sub(r"\1", _LONE_STRONG.sub("", text))


def _link(link: re.Match[str]) -> str:
    kind, words, target = link.groups()
    words = f"Picture, {words}" if kind else words
    return f"{words} (link {target})" if target and target != words else words
