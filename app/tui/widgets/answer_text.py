"""The text of an answer: Markdown that grows while the model writes it."""

from __future__ import annotations

from markdown_it import MarkdownIt
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownStream

from sa_chat.protocol.text import clean

_LINKS = ("link", "image", "autolink", "linkify", "reference")


def inert_parser() -> MarkdownIt:
    """A Markdown parser without links, images and HTML: all of them stay plain text."""
    return MarkdownIt("gfm-like", {"html": False, "linkify": False}).disable(_LINKS)


def code_blocks(text: str) -> list[str]:
    """The contents of all fenced and indented code blocks of an answer."""
    tokens = inert_parser().parse(clean(text))
    return [token.content for token in tokens if token.type in ("fence", "code_block")]


class AnswerText(Markdown):
    """The model's text, cleaned and streamed.

    Textual joins pieces that arrive faster than they can be drawn.  The finished text is parsed
    once more as a whole, so that the result does not depend on how it was split.
    """

    def __init__(self) -> None:
        super().__init__(parser_factory=inert_parser, open_links=False)
        self._stream: MarkdownStream | None = None
        self._shown = ""

    async def grow(self, text: str) -> None:
        """Show `text`, which continues the text that is shown."""
        text = clean(text)
        if text == self._shown:
            return
        if not text.startswith(self._shown):
            await self.finish(text)
            return
        if self._stream is None:
            self._stream = Markdown.get_stream(self)
        await self._stream.write(text[len(self._shown) :])
        self._shown = text

    async def finish(self, text: str) -> None:
        """Show `text` as the complete answer."""
        await self._end_stream()
        self._shown = clean(text)
        await self.update(self._shown)

    async def on_unmount(self) -> None:
        await self._end_stream()

    async def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()
