"""Makes foreign text safe to show.

Documents, models and file names may hold anything.  What reaches a terminal has no control
characters, no escape sequences and no characters that reorder what the reader sees.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"""\x1b(?:
          \[[0-?]*[ -/]*[@-~]?                         # CSI: colours, cursor
        | [\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?       # OSC, DCS, SOS, PM, APC: titles, clipboard
        | [ -/]*[0-~]?                                 # two- and three-byte escapes
        )""",
    re.VERBOSE,
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that change the reading direction
    "\ufeff\ufff9-\ufffb\ud800-\udfff]"  # byte order mark, annotations, lone surrogates
)


def clean(text: str) -> str:
    """`text` without escape sequences, control characters or direction overrides.

    Tabs and newlines stay; every other line end becomes a newline.  An escape sequence that is
    cut off at the end is dropped too, so that cleaning a growing text never shows half of one.
    """
    return _FORBIDDEN.sub("", _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)))
