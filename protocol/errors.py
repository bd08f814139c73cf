"""All errors that a user can meet: one sentence, one hint, one exit code.

Each type crosses the process boundary as the event that is named after it (see `events.Failed`).
Bugs are `assert`s and tracebacks, never one of these.
"""

from __future__ import annotations

from typing import ClassVar

from .text import clean


class SaChatError(Exception):
    """Base of all errors shown to users.

    `message` is one sentence; `hint` says what the user can do.  They may quote names of files and
    models, so both are cleaned.
    """

    kind: ClassVar[str] = "engine"
    exit_code: ClassVar[int] = 5

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = clean(message), clean(hint)
        super().__init__(self.message)


class UsageError(SaChatError):
    """The command line or a request is invalid."""

    kind = "usage"
    exit_code = 2


class DroppedPartsError(UsageError):
    """`OpenOptions.drop` does not match the document: a part does not exist, or nothing is left."""

    kind = "dropped-parts"


class DocumentError(SaChatError):
    """The document cannot be read."""

    kind = "document"
    exit_code = 3


class PasswordError(DocumentError):
    """The document is encrypted, and the password is missing or wrong."""

    kind = "password"


class ContextOverflow(SaChatError):
    """The document does not fit the model's context."""

    kind = "overflow"
    exit_code = 4


class ModelError(SaChatError):
    """The model or its tokenizer cannot be loaded."""

    kind = "model"
    exit_code = 5


class EngineError(SaChatError):
    """The engine failed during its work, or its process ended."""

    kind = "engine"
    exit_code = 5


_BY_KIND: dict[str, type[SaChatError]] = {
    cls.kind: cls
    for cls in (
        UsageError,
        DroppedPartsError,
        DocumentError,
        PasswordError,
        ContextOverflow,
        ModelError,
        EngineError,
    )
}

EXIT_CODES: dict[str, int] = {kind: cls.exit_code for kind, cls in _BY_KIND.items()}


def error_of_kind(kind: str, message: str, hint: str) -> SaChatError:
    """The exception of this kind, a key of `EXIT_CODES`."""
    return _BY_KIND[kind](message, hint)
