"""A failure in the conversation: one sentence, one hint."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from ..state import Notice
from ..text import clean


class NoticeView(Static):
    """Stays where it happened, so that it can be read again later."""

    def __init__(self, notice: Notice) -> None:
        content = Content.styled(clean(notice.message), "bold $error")
        if notice.hint:
            content = Content.assemble(content, "\n", (clean(notice.hint), "$foreground"))
        super().__init__(content, markup=False)
