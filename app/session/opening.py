"""Which document is open or is to be opened, how it is read, and which parts of it."""

from __future__ import annotations

from dataclasses import replace

from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.events import DocumentCounted, DocumentReady
from sa_chat.protocol.requests import Count, Open, RequestIds
from sa_chat.protocol.values import Drop, PastTurn

from .part_tree import Budget


class Opening:
    """What the next `Open` asks for, and what is known of the document's parts.

    With `choosing` the document is only counted until `accept_choice`.
    """

    def __init__(self, options: OpenOptions, *, choosing: bool = False) -> None:
        self.options = options
        self.choosing = choosing
        self.attention: str | None = None  # in place of the configured mode
        self.budget: Budget | None = None  # over all parts; those left out are marked in it
        self.proposal: tuple[Drop, ...] = ()  # of the last opening

    @property
    def has_password(self) -> bool:
        """Whether one was given, right or wrong."""
        return self.options.password is not None

    def request(self, ids: RequestIds, said: tuple[PastTurn, ...]) -> Open | Count:
        """The request that opens or counts the document."""
        if self.choosing:
            return Count(ids(Count), replace(self.options, fit=False))
        return Open(ids(Open), self.options, self.attention, said, text=True)

    def counted(self, event: DocumentCounted) -> None:
        self.proposal = event.proposal
        if not self.options.drop:
            self.budget = Budget(event)

    def ready(self, event: DocumentReady, counted: DocumentCounted | None) -> None:
        """The document fits; `counted` is its count in the same opening, if it did not fit at
        first.  The budget is always over the whole document."""
        if counted is not None:
            if self.options.fit and self.budget is not None:
                self.budget.accept(self.proposal)
        elif not self.options.drop:
            self.proposal = ()
            self.budget = Budget(whole(event))

    def accept_choice(self) -> None:
        """From the next opening on, only what the budget has in is read."""
        assert self.budget is not None, "chosen before it was counted"
        self.choosing = False
        self.options = replace(self.options, drop=self.budget.drop(), fit=False)

    def forget_choice(self) -> None:
        """The parts that were to be left out no longer suit the document."""
        self.options = replace(self.options, drop=())

    def unlock(self, password: str) -> None:
        self.options = replace(self.options, password=password)


def whole(document: DocumentReady) -> DocumentCounted:
    """The count of a document that was opened with all its parts."""
    return DocumentCounted(**vars(document))
