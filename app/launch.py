"""What the command line asked for, handed to the screen and to the modes without one."""

from __future__ import annotations

from dataclasses import dataclass

from sa_chat.engine.config import EngineConfig, OpenOptions


@dataclass(frozen=True)
class Launch:
    """Everything that is needed to begin a conversation."""

    options: OpenOptions
    config: EngineConfig
    fake_script: str | None = None  # play this script instead of a model
    demo: bool = False
    choose: bool = False  # show what there is, and read nothing before it is chosen
