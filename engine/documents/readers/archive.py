"""Reads members of a zip archive by name, within limits."""

from __future__ import annotations

import os
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from sa_chat.protocol.errors import DocumentError, PasswordError

from .. import limits
from .base import Source

_CHUNK = 1 << 16
_LOCAL_HEADER = 30  # bytes before the name
_DIRECTORY_BYTES = 256 * limits.MEMBERS  # read at once for the directory of members
# ValueError and NotImplementedError: flags and names that `zipfile` does not support.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class BadMember(ValueError):
    """A member cannot be read; the message says why."""


class Archive:
    """An open archive.  Names are only looked up, so none can refer to a file outside."""

    def __init__(self, archive: zipfile.ZipFile, shown: str) -> None:
        self._archive = archive
        self._shown = shown
        self._unpacked = 0
        self._members = {
            normal_name(info.filename): info
            for info in archive.infolist()
            if not info.filename.endswith("/")
        }

    def __contains__(self, name: str) -> bool:
        return normal_name(name) in self._members

    def read(self, name: str) -> bytes:
        """The unpacked content of a member.

        Raises `BadMember` if it is missing or damaged, and `DocumentError` beyond the limits.
        """
        info = self._members.get(normal_name(name))
        if info is None:
            raise BadMember("it is missing")
        if info.flag_bits & 1:
            raise PasswordError(
                f"{self._shown} is an archive with a password.", "Save a copy without it."
            )
        if info.compress_type not in _PACKED:
            raise BadMember(f"its compression (method {info.compress_type}) is not read")
        chunks: list[bytes] = []
        size = 0
        try:
            with self._archive.open(info) as member:
                while chunk := member.read(_CHUNK):
                    size += len(chunk)
                    self._check(size, len(chunk))
                    chunks.append(chunk)
        except _DAMAGE as error:
            raise BadMember(f"it is damaged ({str(error) or 'it ends early'})") from error
        return b"".join(chunks)

    def _check(self, size: int, more: int) -> None:
        self._unpacked += more
        if size > limits.MEMBER_BYTES:
            raise limits.too_large(
                self._shown, "unpacked, one member is larger", limits.MEMBER_BYTES
            )
        if self._unpacked > limits.ARCHIVE_BYTES:
            raise limits.too_large(self._shown, "unpacked, it is larger", limits.ARCHIVE_BYTES)


@contextmanager
def open_archive(source: Source) -> Iterator[Archive]:
    """Open an archive.  Raises `DocumentError` for what is not one, and for a malicious one."""
    shown = source.shown
    with source.opened(limits.CONTAINER_BYTES) as (file, _):
        try:
            archive = zipfile.ZipFile(_BoundedFile(file, shown))
        except _DAMAGE as error:
            raise DocumentError(
                f"{shown} is damaged: it is no complete archive.",
                "Copy or download it once more, or save it anew in its own program.",
            ) from error
        with archive:
            _check_directory(archive, shown)
            yield Archive(archive, shown)


def normal_name(name: str) -> str:
    """Normalise a name: `OEBPS/../text/./a.xhtml` is `text/a.xhtml`.  Never leads out of the
    archive."""
    return posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/")


def _check_directory(archive: zipfile.ZipFile, shown: str) -> None:
    members = archive.infolist()
    if len(members) > limits.MEMBERS:
        raise _too_many(shown)
    end = 0
    for info in sorted(members, key=lambda member: member.header_offset):
        if info.header_offset < end:
            raise DocumentError(
                f"{shown} is an archive whose members overlap, made to fill the memory.",
                "Do not open it; if you trust it, unpack it and name the files.",
            )
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _too_many(shown: str) -> DocumentError:
    return DocumentError(
        f"{shown} is an archive of more than {limits.MEMBERS:,} members.",
        "Unpack it and name the files.",
    )


class _BoundedFile:
    """A file for `zipfile` that refuses a directory of members larger than any accepted one."""

    def __init__(self, file: IO[bytes], shown: str) -> None:
        self._file = file
        self._shown = shown

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_BYTES:
            raise _too_many(self._shown)
        return self._file.read(min(size, _DIRECTORY_BYTES) if size >= 0 else _DIRECTORY_BYTES)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Does nothing: the owner closes the file."""
