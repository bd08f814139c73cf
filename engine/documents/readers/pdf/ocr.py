"""Text recognition for scanned pages, through RapidOCR (the `ocr` extra).

Its models are part of the package: nothing is downloaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sa_chat.protocol.errors import DocumentError

from .backends import Picture

_BEAT_S = 2.0
_MOST_S = 120.0  # for one page


class Recogniser:
    """Loads its models (about 2 s) on construction.  A dense page takes several seconds."""

    def __init__(self) -> None:
        """Raises `DocumentError` if the extra is not installed."""
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise DocumentError(
                "The packages that recognise the text of pictures are missing.",
                "Install them with: pip install 'sa-chat[ocr]'",
            ) from error
        self._engine: Any = RapidOCR(params={"Global.log_level": "critical"})

    def text(self, picture: Picture, alive: Callable[[], None]) -> str:
        """The recognised lines from top to bottom; empty if there are none.

        `alive` is called every few seconds, as a page can take longer than a format reader may
        be silent.
        """
        import numpy

        shape = (picture.height, picture.width, 3)
        pixels = numpy.frombuffer(picture.pixels, dtype=numpy.uint8).reshape(shape)
        with _beating(alive):
            result = self._engine(pixels)
        return "\n".join(result.txts or ())


@contextmanager
def _beating(alive: Callable[[], None]) -> Iterator[None]:
    """Calls `alive` from a thread every `_BEAT_S`, for `_MOST_S` at most."""
    done = threading.Event()

    def beat() -> None:
        for _ in range(int(_MOST_S / _BEAT_S)):
            if done.wait(_BEAT_S):
                return
            alive()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
