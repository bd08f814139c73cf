"""Foreign text made safe to show, also in the sentences of errors."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.protocol.errors import EXIT_CODES, error_of_kind
from sa_chat.protocol.text import clean


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("a\x1b[31mred\x1b[0mb", "aredb"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;c2VjcmV0\x1b\\text", "text"),
        ("cut \x1b[3", "cut "),
        ("a\x00\x07\x9bb\x7f", "ab"),
        ("one\r\ntwo\x0bthree\u2028four\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("tab\tand [bold]markup[/bold]", "tab\tand [bold]markup[/bold]"),
    ],
)
def test_clean(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


@given(st.text())
def test_clean_leaves_no_control_character(dirty: str) -> None:
    left = {c for c in clean(dirty) if unicodedata.category(c) in ("Cc", "Cs")}
    assert left <= {"\n", "\t"}


@pytest.mark.parametrize("kind", EXIT_CODES)
def test_errors_are_clean(kind: str) -> None:
    error = error_of_kind(kind, "There is no \x1b]0;title\x07model \u202ex.", "Try\x9b another.")
    assert (error.message, error.hint) == ("There is no model x.", "Try another.")
    assert str(error) == error.message
