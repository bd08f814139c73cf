"""The client interface that a session uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.events import Event
from sa_chat.protocol.requests import Request


class EngineClient(Protocol):
    """A client of an engine: `client.engine_process.EngineProcess`, or a stand-in in tests."""

    async def start(self) -> None:
        """Start the engine.  Raises `SaChatError` if it cannot be started."""

    async def send(self, request: Request) -> None:
        """Send one request.  Raises `SaChatError` if the engine is gone."""

    def events(self) -> AsyncIterator[Event]:
        """Events until the engine ends; an unexpected end is a fatal `Failed`."""

    async def stop(self) -> None:
        """End the engine, whatever it is doing."""


ClientFactory = Callable[[EngineConfig], EngineClient]
