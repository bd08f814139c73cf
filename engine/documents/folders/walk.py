"""Walks a folder: which files are read, in which order, and why the others are not."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from posixpath import basename

from sa_chat.protocol.errors import DocumentError
from sa_chat.protocol.values import LeftOut

from .. import limits
from ..globs import FolderFilter
from . import names, reasons
from .attributes import Attributes
from .contents import content_reasons, peek
from .duplicates import Duplicates
from .git import list_files
from .ignoring import GitRules, IgnoreFiles, Rules
from .reasons import Reason, first_of

LONGEST_S = 60.0  # guards against ignore files crafted to match slowly
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def walk_folder(
    root: Path, wanted: FolderFilter, prefix: str = ""
) -> tuple[list[Path], list[LeftOut]]:
    """The files to read, sorted, each folder's files before its subfolders; and what is left out.

    Paths are displayed with `prefix`, which ends with a slash, and filtered with and without it.
    Links are never followed, so nothing outside `root` is read and nothing inside it twice.  In a
    git repository the files are those that git lists.  Raises `DocumentError` for too many files.
    """
    walk = _Walk(str(root), wanted, prefix)
    listing = list_files(str(root), own=False)
    # A folder that is itself ignored lists nothing, yet it was asked for.
    rules: Rules = GitRules("", listing) if listing and listing.files else IgnoreFiles()
    walk.enter(_Folder(str(root), "", rules, Attributes()))
    return [root / relative for relative in walk.found], walk.left_out


def shown_path(relative: str) -> str:
    """A path as one printable, encodable line; other characters become U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", relative)


@dataclass(frozen=True)
class _Folder:
    path: str
    relative: str  # to the root; without a trailing slash
    rules: Rules
    attributes: Attributes
    depth: int = 0
    left_out: Reason | None = None  # applies to everything but what an include pattern names

    def child(self, name: str) -> str:
        return f"{self.relative}/{name}" if self.relative else name


@dataclass
class _Walk:
    root: str
    wanted: FolderFilter
    prefix: str
    found: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    _duplicates: Duplicates = field(default_factory=Duplicates)
    _entries: int = 0
    _deadline: float = field(default_factory=lambda: time.monotonic() + LONGEST_S)

    def enter(self, folder: _Folder) -> None:
        try:
            with os.scandir(folder.path) as entries:
                listed = sorted(self._counted(entries), key=lambda entry: entry.name)
        except OSError as error:
            self._leave_out(f"{folder.relative}/".lstrip("/"), reasons.cannot_open(error))
            return
        inside = {entry.name for entry in listed}
        wanted = folder.left_out or self.wanted.brings_in(folder.relative, self.prefix)
        if folder.relative and names.holds_installed(inside) and not wanted:
            if not self._leave_out_folder(folder.relative, reasons.INSTALLED):
                return
            folder = replace(folder, left_out=reasons.INSTALLED)
        rules = self._rules_in(folder, inside)
        attributes = folder.attributes.entering(folder.path, folder.relative, inside)
        folder = replace(folder, rules=rules, attributes=attributes)
        folders = []
        for entry in listed:
            if time.monotonic() > self._deadline:
                raise self._too_much(f"takes more than {LONGEST_S:.0f} s to look through")
            if _is_folder(entry):
                folders.append(entry)
            else:
                self._file(folder, entry)
        for entry in folders:
            self._folder(folder, entry, inside)

    def _counted(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        for entry in entries:
            self._entries += 1
            if self._entries > limits.FOLDER_FILES:
                raise self._too_much(f"holds more than {limits.FOLDER_FILES:,} files and folders")
            yield entry

    def _too_much(self, what: str) -> DocumentError:
        return DocumentError(
            f"{self.prefix.rstrip('/') or self.root} {what}.",
            "Name a folder inside it, or leave folders out with --exclude.",
        )

    def _rules_in(self, folder: _Folder, inside: Set[str]) -> Rules:
        """The rules inside a folder; a repository below the root has its own."""
        if folder.relative and ".git" in inside:
            listing = list_files(folder.path, own=True)
            if listing is not None:
                return GitRules(f"{folder.relative}/", listing)
        return folder.rules.entering(folder.path, folder.relative, inside)

    def _folder(self, parent: _Folder, entry: os.DirEntry[str], siblings: Set[str]) -> None:
        relative = parent.child(entry.name)
        brought_in = self.wanted.brings_in(relative, self.prefix)
        own = first_of(self._folder_reasons(parent, entry, siblings), brought_in)
        reason = own or (None if brought_in else parent.left_out)
        listed = parent.left_out is not None
        if reason is not None and not self._leave_out_folder(relative, reason, listed):
            return
        self.enter(
            replace(
                parent, path=entry.path, relative=relative, depth=parent.depth + 1, left_out=reason
            )
        )

    def _leave_out_folder(self, relative: str, reason: Reason, listed: bool = False) -> bool:
        """List the folder as left out, unless a parent is `listed` already.  Returns whether
        something in it is read nevertheless."""
        leads = reason.soft and self.wanted.leads_to(relative, self.prefix)
        if not listed:
            text = f"{reason.text}, but for what --include names" if leads else reason.text
            self._leave_out(f"{relative}/", Reason(text))
        return leads

    def _folder_reasons(
        self, parent: _Folder, entry: os.DirEntry[str], siblings: Set[str]
    ) -> Iterator[Reason]:
        relative = parent.child(entry.name)
        if entry.is_symlink():
            yield reasons.LINK
        if self.wanted.excluded(relative, self.prefix):
            yield reasons.EXCLUDED
        if parent.depth >= limits.FOLDER_DEPTH:
            yield reasons.TOO_DEEP
        top = not parent.relative or ".git" in siblings
        tracked = parent.rules.tracks(relative)
        yield from names.folder_reasons(
            entry.name, siblings, basename(parent.relative), top, tracked
        )
        ignored = parent.rules.reason(relative, is_folder=True)
        if ignored is not None and not _is_empty(entry.path):
            yield ignored

    def _file(self, folder: _Folder, entry: os.DirEntry[str]) -> None:
        relative = folder.child(entry.name)
        brought_in = self.wanted.brings_in(relative, self.prefix)
        if folder.left_out is not None and not brought_in:
            return  # its folder is listed
        reason = first_of(self._file_reasons(folder, entry), brought_in)
        if reason is None:
            self.found.append(relative)
        else:
            self._leave_out(relative, reason)

    def _file_reasons(self, folder: _Folder, entry: os.DirEntry[str]) -> Iterator[Reason]:
        relative = folder.child(entry.name)
        if self.wanted.excluded(relative, self.prefix):
            yield reasons.EXCLUDED
        if not self.wanted.included(relative, self.prefix):
            yield reasons.NOT_INCLUDED
        if entry.is_symlink():
            yield reasons.LINK
        if not entry.is_file(follow_symlinks=False):
            yield reasons.NOT_REGULAR
        ignored = folder.rules.reason(relative, is_folder=False)
        if ignored is not None:
            yield ignored
        said = folder.attributes.said(relative)
        yield from (reason for reason, holds in said.items() if holds)
        for reason in names.file_reasons(entry.name, folder.rules.tracks(relative)):
            if said.get(reason, True):
                yield reason
        content = peek(entry.path)
        if isinstance(content, Reason):
            yield content
            return
        for reason in content_reasons(entry.name, content):
            if said.get(reason, True):
                yield reason
        earlier = self._duplicates.earlier(entry.path, content)
        if earlier is not None:
            same = shown_path(os.path.relpath(earlier, self.root))
            yield reasons.same_as(self.prefix + same)

    def _leave_out(self, relative: str, reason: Reason) -> None:
        self.left_out.append(LeftOut(self.prefix + shown_path(relative), reason.text))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link in a circle


def _is_empty(folder: str) -> bool:
    """Whether git has no reason to list the folder."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False  # the error is reported when the folder is entered
