"""A process of isolated readers that do what parsers do to hostile files."""

from __future__ import annotations

import os
import signal
import sys
import time

from sa_chat.engine.documents import Part
from sa_chat.engine.documents.isolation import child
from sa_chat.engine.documents.readers import ParsedFile, Source
from sa_chat.protocol.errors import UsageError


class HostileReader:
    """Does what the file says."""

    suffixes = frozenset((".hostile",))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return False

    def read(self, source: Source) -> ParsedFile:
        words = source.content().decode().split()
        match words[0]:
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "crash-unless-careful":
                if not source.careful:
                    os.kill(os.getpid(), signal.SIGSEGV)
            case "leave":
                os._exit(3)
            case "hang":
                time.sleep(60)
            case "crawl":
                for step in range(10_000):
                    source.progress(step / 10_000)
                    time.sleep(0.02)
            case "fill":
                bytearray(4 << 30)
            case "raise":
                raise KeyError("/Pages")
            case "refuse":
                raise UsageError("No such page.", "Choose another.")
            case "emoji":
                words = ["\U0001f600" * int(words[1])]
            case "print":
                sys.stdout.write("hello from a parser\n")
                sys.stdout.flush()
                os.write(1, b"and from its library\n")
            case "write":
                with open(words[1], "w") as file:
                    file.write("x" * 100_000)
        pid = str(os.getpid())
        return ParsedFile("title", (Part(source.shown, None, f"{' '.join(words)} \ud83d {pid}"),))


if __name__ == "__main__":
    child.READERS = (HostileReader(),)
    sys.exit(child.main())
