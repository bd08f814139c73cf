"""What plain mode says, and how: answers and figures for the ear."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sa_chat.app.headless import plain_text
from sa_chat.app.headless.commands import command_of
from sa_chat.app.headless.narrator import Narrator
from sa_chat.app.headless.speech import SpeechLines
from sa_chat.protocol.events import (
    Answer,
    CalibrationProgress,
    DocumentReady,
    LoadProgress,
    PrefillDone,
    PrefillProgress,
    TextDelta,
)
from sa_chat.protocol.values import AttentionFigures, Citation, LeftOut, Section, Ttft

MARKDOWN = """\
## Figures ##
Some **bold** and *slanted* and __strong__ and _low_ and ~~gone~~ words, ***all three***.
But `a * b * c`, 2 * 3 * 4, 2**8, a*b*c, snake_case_name and \\*stars\\* stay.
**Begun here
and ended here.** So.
> One *quotation*
> goes on.

> > Deeper.
- red
* green
  1. first
2) second
---
| Name | Value |
|------|:-----:|
| one | `1` |
[the site](https://example.org/a) and ![a whale](whale.png) and [1].

~~~
  > **kept**

~~~
> ```c++
> int x;
back
````text
```
"""
SPOKEN = """\
Heading: Figures
Some bold and slanted and strong and low and gone words, all three.
But a * b * c, 2 * 3 * 4, 2**8, a*b*c, snake_case_name and *stars* stay.
Begun here
and ended here. So.
Quote: One quotation
goes on.
Quote: Deeper.
red
green
1. first
2) second
Name; Value
one; 1
the site (link https://example.org/a) and Picture, a whale (link whale.png) and [1].
Code.
  > **kept**

End of code.
Code, c++.
int x;
End of code.
back
Code, text.
```
End of code.
"""


@pytest.mark.parametrize("size", [1, 7, len(MARKDOWN)])
def test_markdown_is_spoken_the_same_in_any_pieces(size: int) -> None:
    lines, said = SpeechLines(), list[str]()
    for at in range(0, len(MARKDOWN), size):
        said += lines.feed(MARKDOWN[at : at + size])
    said += lines.finish()
    assert said == SPOKEN.splitlines()


def test_a_line_is_spoken_when_it_is_complete() -> None:
    lines = SpeechLines()
    assert lines.feed("One, ") == []
    assert lines.feed("two.\nThr") == ["One, two."]
    assert lines.feed("ee.") == []
    assert lines.finish() == ["Three."]
    assert lines.feed("```\nx\n") == ["Code.", "x"]
    assert lines.finish() == ["End of code."]
    assert lines.feed("no code\n") == ["no code"]


def test_spoken_lines_have_no_control_characters() -> None:
    lines = SpeechLines()
    said = lines.feed("a\x1b[2Jb\x07\r\nc\rd\x85e\u202ef\n\x1b]0;title")
    assert [*said, *lines.finish()] == ["ab", "c", "d", "ef"]


@pytest.mark.parametrize(
    "piece", ["*", "**a", "_a ", "`a``", "[", "[a](", "| ", "> ", "- ", "~~a", "a**", "#", "\\*"]
)
def test_a_long_line_of_marks_takes_no_time(piece: str) -> None:
    began = time.process_time()
    SpeechLines().feed(piece * 8_000 + "\n")
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 milliseconds"),
        (0.001, "1 millisecond"),
        (0.25, "250 milliseconds"),
        (0.9996, "1 second"),
        (6.62, "6.6 seconds"),
        (9.96, "10 seconds"),
        (38.4, "38 seconds"),
        (59.7, "1 minute"),
        (65.0, "1 minute 5 seconds"),
        (160.0, "2 minutes 40 seconds"),
        (3_600.0, "1 hour"),
        (3_725.0, "1 hour 2 minutes"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert plain_text.duration(seconds) == words


def test_estimates_sizes_and_shares_in_words() -> None:
    assert [plain_text.rounded(s) for s in (0.2, 13.4, 41.0, 158.0)] == [
        "1 second",
        "13 seconds",
        "40 seconds",
        "2 minutes 40 seconds",
    ]
    assert [plain_text.size(n) for n in (2**20, 812 * 2**20, 2**30, 2**31 - 2**27)] == [
        "1 mebibyte",
        "812 mebibytes",
        "1 gibibyte",
        "1.9 gibibytes",
    ]
    assert (plain_text.percent(0.25), plain_text.percent(0.9754)) == ("25 percent", "97.5 percent")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/help", "help"),
        ("/Left-Out", "left-out"),
        ("/nonsense", "nonsense"),
        ("help", None),
        ("/etc/hosts", None),
        ("/help me", None),
        ("/", None),
    ],
)
def test_a_command_is_one_word_behind_a_slash(line: str, command: str | None) -> None:
    assert command_of(line) == command


_DENSE = AttentionFigures("dense", 0.95, 1.0, 1.0)


def _progress(part: float, seconds: float) -> PrefillProgress:
    return PrefillProgress(round(part * 65_349), 65_349, seconds, 0.3, ())


def _told(narrator: Narrator, *events: Any) -> list[str]:
    return [line for event in events for line in narrator.lines(event)]


def test_progress_is_told_at_milestones() -> None:
    narrator = Narrator()
    assert _told(
        narrator,
        LoadProgress("parse", 0.0, 0.0),
        LoadProgress("parse", 0.05, 11.0),
        LoadProgress("parse", 0.4, 12.0),
        LoadProgress("parse", 1.0, 40.0),
        LoadProgress("tokenize", 1.0, 0.1),
    ) == ["The files are being opened.", "40 percent of the files opened."]
    assert _told(
        narrator,
        _progress(0.05, 5.0),
        _progress(0.20, 9.0),
        _progress(0.25, 13.3),
        _progress(0.40, 20.0),  # too soon
        _progress(0.50, 30.0),
        _progress(0.55, 70.0),  # too little
        _progress(1.0, 160.0),  # told as the end
        PrefillDone(65_349, Ttft(1.0, 0.5, 30.0, 128.5), _DENSE, ()),
    ) == [
        "25 percent read, about 40 seconds left.",
        "50 percent read, about 30 seconds left.",
        "Read 65,349 tokens in 2 minutes 40 seconds.",
    ]


def _document(*paths: str, left_out: int = 0) -> DocumentReady:
    sections = tuple(Section(path, path, 0, None, 1, 10) for path in paths)
    gone = tuple(LeftOut(f"{number}.png", "not text") for number in range(left_out))
    return DocumentReady("src", ("src",), sections, gone, 1, 100, 10)


def _answer(stop_reason: str = "stop", text: str = "x") -> Answer:
    citation = Citation("import os", "src/a.py", None, 31, True)
    return Answer("?", text, (citation,), 1, 1.0, 0.1, stop_reason, Ttft(), True, request_id="q1")


def test_the_place_of_a_quotation_names_the_file_where_there_are_several() -> None:
    one, many = Narrator(), Narrator()
    _told(one, _document("src/a.py"))
    _told(many, _document("src/a.py", "src/b.py"))
    assert _told(one, _answer())[0] == "Quotation 1, verified, line 31: import os"
    assert _told(many, _answer())[0] == "Quotation 1, verified, src/a.py, line 31: import os"
    assert list(many.quotations()) == ["Quotation 1, verified, src/a.py, line 31: import os"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("cancelled", "The answer was stopped."),
        ("length", "The answer ends here, because it reached its limit."),
        ("repetition", "The answer was ended, because it repeated itself."),
    ],
)
def test_why_an_answer_ended_is_said(reason: str, said: str) -> None:
    assert _told(Narrator(), _answer(reason))[0] == said


def test_much_that_is_left_out_is_told_in_short() -> None:
    narrator = Narrator()
    said = _told(narrator, _document("a", left_out=12))
    assert said[2:] == [
        "0.png is left out: not text.",
        "1.png is left out: not text.",
        "2.png is left out: not text.",
        "9 more things are left out.",
    ]
    assert len(list(narrator.left_out())) == 12
    assert list(Narrator().left_out()) == ["Nothing is left out."]


def test_measuring_the_machine_is_told() -> None:
    measured = (CalibrationProgress(part, 6.0 * part) for part in (0.0, 0.5, 1.0))
    assert _told(Narrator(), *measured) == [
        "This machine is being measured, once.",
        "Measuring took 6 seconds.",
    ]


def test_how_an_answer_ended_is_told() -> None:
    narrator = Narrator()
    assert _told(narrator, TextDelta("a", request_id="q1"), TextDelta("b", request_id="q1")) == [
        "Answer:"
    ]
    assert _told(narrator, _answer("cancelled"))[0] == "The answer was stopped."
    assert _told(narrator, _answer("length"))[0].startswith("The answer ends here")
    said = _told(narrator, _answer(text="\n"))
    assert (said[0], said[-1]) == (
        "The answer is empty.",
        "Earlier questions were forgotten, to make room.",
    )


def test_figures_without_a_reading_are_those_of_the_answer() -> None:
    narrator = Narrator()
    _told(narrator, _document("a"), _answer())
    assert list(narrator.stats()) == [
        "The last answer began after 100 milliseconds.",
        "It has 1 token, at 1 a second.",
    ]
