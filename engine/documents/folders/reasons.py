"""The reasons for which a file or folder is not read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .. import limits

FOLDER_TEXT_BYTES = 1 << 20  # of a text in a folder; larger ones are rarely written by hand
DATA_BYTES = 256 << 10  # of tables and JSON in a folder


@dataclass(frozen=True)
class Reason:
    """A reason; `text` is shown to users.  An explicit `--include` overrides a soft reason."""

    text: str
    soft: bool = True


LINK = Reason("a link", soft=False)
NOT_REGULAR = Reason("not a regular file", soft=False)
BINARY = Reason("binary", soft=False)
EMPTY = Reason("empty", soft=False)
TOO_DEEP = Reason(f"more than {limits.FOLDER_DEPTH} folders deep", soft=False)
EXCLUDED = Reason("excluded", soft=False)
NOT_INCLUDED = Reason("not included", soft=False)
CONTAINER_TOO_LARGE = Reason(f"larger than {limits.CONTAINER_BYTES >> 20:,} MiB", soft=False)
TEXT_TOO_LARGE = Reason(f"larger than {limits.TEXT_BYTES >> 20} MiB", soft=False)

HIDDEN_FILE = Reason("hidden file")
HIDDEN_FOLDER = Reason("hidden folder")
IGNORED_BY_GIT = Reason("ignored by git")
LOCK_FILE = Reason("lock file")
GENERATED = Reason("generated")
VENDORED = Reason("vendored")
INSTALLED = Reason("cache or installed packages")
BUILD_OUTPUT = Reason("build output")
MINIFIED = Reason("minified")
PICTURE = Reason("picture")
LARGE = Reason(f"larger than {FOLDER_TEXT_BYTES >> 20} MiB")
LARGE_DATA = Reason(f"data larger than {DATA_BYTES >> 10} KiB")


def cannot_open(error: OSError) -> Reason:
    return Reason(f"cannot be opened: {error.strerror}", soft=False)


def same_as(path: str) -> Reason:
    return Reason(f"the same as {path}")


def first_of(reasons: Iterable[Reason], brought_in: bool) -> Reason | None:
    """The first reason that applies; soft ones do not if the path was `brought_in`."""
    return next((reason for reason in reasons if not (reason.soft and brought_in)), None)
