"""A failure: one line in the conversation where it happened, and a banner while it matters."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from ...report.text import clean, one_line
from ...session.state import Notice


class NoticeView(Static):
    """Stays where it happened, so that it can be read again later."""

    def __init__(self, notice: Notice) -> None:
        content = Content.assemble(("✗ ", "$error"), (one_line(notice.message), "$label"))
        if notice.hint:
            content = Content.assemble(content, "\n  ", (one_line(notice.hint), "$faint"))
        super().__init__(content, markup=False)


class Banner(Static):
    """The newest failure, its hint and the way on.  It takes no room while all is well."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.display = False

    def tell(self, message: str, hint: str = "", *, calm: bool = False) -> None:
        """`calm`: something to know, and no failure."""
        self.set_class(calm, "-calm")
        content = Content.styled(clean(message), "bold $foreground" if calm else "bold $error")
        if hint:
            content = Content.assemble(content, "\n", (clean(hint), "$foreground"))
        self.update(content)
        self.display = True

    def dismiss(self) -> bool:
        """Whether there was something to dismiss."""
        shown = self.display
        self.display = False
        return shown
