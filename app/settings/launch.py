"""The parsed command line, for the screen and the modes without one."""

from __future__ import annotations

from dataclasses import dataclass, field

from sa_chat.protocol.config import EngineConfig, OpenOptions

from .settings import Settings


@dataclass(frozen=True)
class Launch:
    """All that is needed to begin a conversation."""

    options: OpenOptions | None  # None: the start screen asks what to open
    config: EngineConfig
    fake_script: str | None = None  # play this script instead of a model
    demo: bool = False
    choose: bool = False  # count first, and read what is chosen on the screen
    settings: Settings = field(default_factory=Settings)
    resume: bool = False  # continue the newest conversation, of the documents if given
    password: str | None = field(default=None, repr=False)  # of the documents
    questions: tuple[str, ...] = ()  # to answer without the screen

    @property
    def documents(self) -> OpenOptions:
        """What to open, for modes that need documents."""
        assert self.options is not None
        return self.options
