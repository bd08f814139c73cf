"""Detects files with the same content."""

from __future__ import annotations

import os
from hashlib import blake2b

from .contents import Content

_LEAST_BYTES = 64  # shorter files, such as an `__init__.py`, coincide by chance
_STEP_BYTES = 1 << 20


class Duplicates:
    """Remembers the files seen so far.  Reads whole files only where size and beginning agree."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, bytes], list[str]] = {}
        self._digests: dict[str, bytes] = {}

    def earlier(self, path: str, content: Content) -> str | None:
        """The path of an earlier file with the same content, if there is one."""
        if content.size < _LEAST_BYTES:
            return None
        start = blake2b(content.head, digest_size=16).digest()
        alike = self._seen.setdefault((content.size, start), [])
        for other in alike:
            if content.size <= len(content.head) or self._digest(other) == self._digest(path):
                return other
        alike.append(path)
        return None

    def _digest(self, path: str) -> bytes:
        if path not in self._digests:
            self._digests[path] = _digest_of(path)
        return self._digests[path]


def _digest_of(path: str) -> bytes:
    digest = blake2b(digest_size=16)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            while step := file.read(_STEP_BYTES):
                digest.update(step)
    except OSError:
        return os.fsencode(path)  # unique; the format reader reports the error
    return digest.digest()
