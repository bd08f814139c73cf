"""What the command line asked for, handed to the screen and to the modes without one."""

from __future__ import annotations

from dataclasses import dataclass, field

from sa_chat.protocol.config import EngineConfig, OpenOptions

from .settings import Settings


@dataclass(frozen=True)
class Launch:
    """Everything that is needed to begin a conversation."""

    options: OpenOptions | None  # None: the start screen asks what to open
    config: EngineConfig
    fake_script: str | None = None  # play this script instead of a model
    demo: bool = False
    choose: bool = False  # show what there is, and read nothing before it is chosen
    settings: Settings = field(default_factory=Settings)
    resume: bool = False  # go on with the newest conversation, of the documents if there are any
    password: str | None = field(default=None, repr=False)  # of whatever is opened
    questions: tuple[str, ...] = ()  # to answer without the screen

    @property
    def documents(self) -> OpenOptions:
        """What to open, for those who are started only with documents."""
        assert self.options is not None
        return self.options
