"""Which document is opened, in which attention mode, and which parts of it."""

from __future__ import annotations

from dataclasses import replace

from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.events import DocumentCounted, DocumentReady
from sa_chat.protocol.requests import Count, Open, RequestIds
from sa_chat.protocol.values import Drop, PastTurn

from .part_tree import Budget


class Opening:
    """The content of the next `Open`, and the parts of the document as far as they are known.

    With `choosing` the document is only counted until `accept_choice`.
    """

    def __init__(self, options: OpenOptions, *, choosing: bool = False) -> None:
        self.options = options
        self.choosing = choosing
        self.attention: str | None = None  # instead of the configured mode
        self.budget: Budget | None = None  # over all parts, with marks on those left out
        self.proposal: tuple[Drop, ...] = ()  # of the last opening

    @property
    def has_password(self) -> bool:
        """Whether a password was given, right or wrong."""
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
        """Take in that the document fits.  `counted` is its count if it did not fit at first.  The
        budget always covers the whole document."""
        if counted is not None:
            if self.options.fit and self.budget is not None:
                self.budget.accept(self.proposal)
        elif not self.options.drop:
            self.proposal = ()
            self.budget = Budget(whole(event))

    def accept_choice(self) -> None:
        """Open only the chosen parts of the budget from now on."""
        assert self.budget is not None, "chosen before it was counted"
        self.choosing = False
        self.options = replace(self.options, drop=self.budget.drop(), fit=False)

    def forget_choice(self) -> None:
        """Open all parts again, because the chosen ones no longer exist."""
        self.options = replace(self.options, drop=())

    def unlock(self, password: str) -> None:
        self.options = replace(self.options, password=password)


def whole(document: DocumentReady) -> DocumentCounted:
    """The count of a document that was opened in full."""
    return DocumentCounted(**vars(document))
