"""A failure: a line in the conversation where it happened, and a banner until it is dismissed."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from sa_chat.protocol.text import clean

from ...report.text import one_line
from ...session.state import Notice


class NoticeView(Static):
    """A failure in the conversation; it stays there, to be read again later."""

    def __init__(self, notice: Notice) -> None:
        content = Content.assemble(("✗ ", "$error"), (one_line(notice.message), "$label"))
        if notice.hint:
            content = Content.assemble(content, "\n  ", (one_line(notice.hint), "$faint"))
        super().__init__(content, markup=False)


class Banner(Static):
    """The newest failure and its hint; hidden while there is none."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.display = False

    def show_message(self, message: str, hint: str = "", *, calm: bool = False) -> None:
        """Show a failure, or, with `calm`, something worth knowing."""
        self.set_class(calm, "-calm")
        content = Content.styled(clean(message), "bold $foreground" if calm else "bold $error")
        if hint:
            content = Content.assemble(content, "\n", (clean(hint), "$foreground"))
        self.update(content)
        self.display = True

    def dismiss(self) -> None:
        self.display = False
