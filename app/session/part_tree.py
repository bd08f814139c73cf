"""The choice of what is read: a tree of folders, files and chapters with exact token counts.

Plain values without widgets.  Leaving out a part leaves out its descendants.  Only the outermost
parts are marked, so that every token counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from sa_chat.protocol.events import DocumentCounted
from sa_chat.protocol.values import Drop, Section


class Mark(Enum):
    """Whether a part is read."""

    IN = "[x]"
    OUT = "[ ]"
    PARTLY = "[-]"


@dataclass(eq=False)
class Node:
    """A folder, a file or a chapter."""

    name: str
    key: str | None  # None for a folder, which the engine has no key for
    page: str | None = None
    tokens: int = 0
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    out: bool = False  # left out, and nothing above it is
    gone: int = 0  # tokens left out, here and below
    cuts: dict[str, int] = field(
        default_factory=dict
    )  # of a file: ranges that are left out, with their tokens

    def line_up(self) -> Iterator[Node]:
        """This part and its ancestors, innermost first."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def below(self) -> Iterator[Node]:
        """This part and its descendants, in document order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    @property
    def mark(self) -> Mark:
        if any(node.out for node in self.line_up()):
            return Mark.OUT
        if not self.gone:
            return Mark.IN
        whole = self.key is None and self.gone == self.tokens
        return Mark.OUT if whole else Mark.PARTLY


Marks = tuple[tuple[Node, ...], tuple[tuple[Node, dict[str, int]], ...]]


class Budget:
    """The choice over one count of a document; the parts in `drop` are left out at first."""

    def __init__(self, counted: DocumentCounted, drop: Iterable[str] = ()) -> None:
        self.counted = counted
        self.root = Node("", None)
        self._by_key: dict[str, Node] = {}
        self._files: dict[str, Node] = {}
        self._grow(counted.sections)
        self._take_out_keys(drop, 0)

    @property
    def chosen_tokens(self) -> int:
        """Tokens of the prompt that would be read."""
        return self.counted.prompt_tokens - self.root.gone

    @property
    def room_tokens(self) -> int:
        """Tokens that fit: the context less the reserve for questions and answers."""
        return self.counted.context_tokens - self.counted.reserve_tokens

    @property
    def free_tokens(self) -> int:
        """Tokens left free by the choice; negative if it is too long."""
        return self.room_tokens - self.chosen_tokens

    @property
    def empty(self) -> bool:
        """Whether nothing would be read."""
        return bool(self.root.children) and self.root.gone >= self.root.tokens

    def drop(self) -> tuple[str, ...]:
        """The outermost parts left out, in document order, for `OpenOptions.drop`."""
        keys: list[str] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            if node.out and node.key is not None:
                keys.append(node.key)
                continue
            keys.extend(node.cuts)
            stack.extend(reversed(node.children))
        return tuple(keys)

    def toggle(self, node: Node) -> None:
        """Take the part in if all of it is out, else take it out."""
        if node.mark is Mark.OUT:
            self.take_in(node)
        else:
            self.take_out(node)

    def take_out(self, node: Node) -> None:
        """Leave out a part with its descendants; of a folder, its files."""
        if any(holder.out for holder in node.line_up()):
            return
        self._release(node)
        self._uncut_above(node)
        for part in [node] if node.key is not None else _files_of(node):
            part.out = True
            _add(part, part.tokens)

    def take_in(self, node: Node) -> None:
        """Take in a part with its descendants.  Its siblings in a part that was out stay out."""
        line = list(node.line_up())
        holder = next((part for part in line if part.out), None)
        self._release(node)
        self._uncut_above(node)
        if holder is None or holder is node:
            return
        holder.out = False
        _add(holder, -holder.tokens)
        for inner in line[: line.index(holder)]:
            assert inner.parent is not None
            for sibling in inner.parent.children:
                if sibling is not inner:
                    self.take_out(sibling)

    def take_all_in(self) -> None:
        self._release(self.root)

    def marks(self) -> Marks:
        """The current choice, for `restore`."""
        nodes = list(self.root.below())
        out = tuple(node for node in nodes if node.out)
        return out, tuple((node, dict(node.cuts)) for node in nodes if node.cuts)

    def restore(self, marks: Marks) -> None:
        """Return to an earlier choice."""
        self._release(self.root)
        out, cuts = marks
        for node in out:
            node.out = True
            _add(node, node.tokens)
        for node, ranges in cuts:
            node.cuts = dict(ranges)
            _add(node, sum(ranges.values()))

    def accept(self, proposal: Iterable[Drop]) -> None:
        """Also leave out what is proposed."""
        for step in proposal:
            self._take_out_keys(step.keys, step.tokens)

    def _take_out_keys(self, keys: Iterable[str], tokens: int) -> None:
        """Leave out the parts of these keys; `tokens` are those of a range (`PATH#lines 10-`)."""
        for key in keys:
            node = self._by_key.get(key)
            file = self._files.get(key.rpartition("#")[0])
            if node is not None:
                self.take_out(node)
            elif file is not None and not file.out and key not in file.cuts:
                cut = min(tokens, file.tokens - file.gone)
                file.cuts[key] = cut
                _add(file, cut)

    def _release(self, node: Node) -> None:
        """Clear all marks at and below the node."""
        for part in node.below():
            if part.out:
                part.out = False
                _add(part, -part.tokens)
            self._uncut(part)

    def _uncut_above(self, node: Node) -> None:
        """Clear the ranges of a file, which overlap its chapters by an unknown number of tokens."""
        for part in node.line_up():
            self._uncut(part)

    def _uncut(self, part: Node) -> None:
        if part.cuts:
            _add(part, -sum(part.cuts.values()))
            part.cuts.clear()

    def _grow(self, sections: Iterable[Section]) -> None:
        folders: dict[str, Node] = {"": self.root}
        open_at: list[tuple[int, Node]] = []
        for section in sections:
            if section.level == 0:
                parent = self._folder(section.path, folders)
                name = section.path.rpartition("/")[2] or section.path
                open_at.clear()
            else:
                while open_at and open_at[-1][0] >= section.level:
                    open_at.pop()
                parent = open_at[-1][1] if open_at else self.root
                name = section.title
            node = Node(name, section.key, section.page, section.tokens, parent)
            parent.children.append(node)
            open_at.append((section.level, node))
            self._by_key[section.key] = node
            if section.level == 0:
                self._files[section.path] = node
        for node in reversed(list(self.root.below())):
            if node.key is None:
                node.tokens = sum(child.tokens for child in node.children)

    def _folder(self, path: str, folders: dict[str, Node]) -> Node:
        """The folder of a file, created with its ancestors if it is new."""
        folder = path.rpartition("/")[0]
        missing: list[str] = []
        while folder not in folders:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        node = folders[folder]
        for name in reversed(missing):
            child = Node(name.rpartition("/")[2] + "/", None, parent=node)
            node.children.append(child)
            node = folders[name] = child
        return node


def _files_of(folder: Node) -> list[Node]:
    """The outermost parts with a key."""
    found: list[Node] = []
    stack = [folder]
    while stack:
        node = stack.pop()
        if node.key is not None:
            found.append(node)
        else:
            stack.extend(node.children)
    return found


def _add(node: Node, tokens: int) -> None:
    for part in node.line_up():
        part.gone += tokens
