"""The model of one configuration: found, counted with, and loaded once, when it is needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig
from sa_chat.protocol.events import LoadProgress, ModelReady

from ..model import check_model, local_folder, reader_folder
from ..model.context import context_of, vocabulary_of
from ..tokens import Tokenizer, load_tokenizer
from .base import Emit

if TYPE_CHECKING:
    from ..model import LoadedModel


class ModelHandle:
    """Imports torch only in `load`, so that what can fail cheaply fails before."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._resources = ExitStack()
        self._source: str | None = None
        self._tokenizer: Tokenizer | None = None
        self.loaded: LoadedModel | None = None

    def check(self) -> None:
        """Raises `ModelError` for a name that can be neither a model folder nor a hub id."""
        check_model(self._config)

    @property
    def source(self) -> str:
        """The model's folder or hub id.  Raises ModelError."""
        if self._source is None:
            if self._config.model == EMBEDDED_MODEL:
                self._source = str(reader_folder(self._resources))
            else:
                self._source = str(local_folder(self._config.model) or self._config.model)
        return self._source

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's; loaded now if it was not.  Raises ModelError."""
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self.source, vocabulary_of(self.source))
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """What the model reads, or fewer if so configured.  Raises ModelError or UsageError."""
        return context_of(self._config, self.source)

    def load(self, emit: Emit, progress: Callable[[float], None], tokens: int = 0) -> LoadedModel:
        """The model in memory, with room on its GPUs for a cache of so many tokens.

        Raises `ModelError`, and what `progress` raises.
        """
        if self.loaded is None:
            began = time.perf_counter()
            emit(LoadProgress("model", 0.0, 0.0))
            from ..model import load_model

            loaded = load_model(
                self._config, progress=lambda _, part: progress(part), tokens=tokens
            )
            self.loaded = loaded
            emit(
                ModelReady(
                    name=loaded.name,
                    parameters=loaded.parameters,
                    layers=loaded.layers,
                    heads=loaded.heads,
                    context_tokens=loaded.context_tokens,
                    dtype=str(loaded.dtype).removeprefix("torch."),
                    device=", ".join(map(str, loaded.devices)),
                    load_s=time.perf_counter() - began,
                )
            )
        return self.loaded

    def reconfigured(self, config: EngineConfig) -> ModelHandle:
        """The same model under another configuration.

        Only what concerns attention, budget and answers may differ.
        """
        for name in ("model", "device", "gpus", "kv_cache_dtype", "rope_scaling", "max_context"):
            assert getattr(config, name) == getattr(self._config, name), name
        other = ModelHandle(config)
        other._source, other._tokenizer, other.loaded = self.source, self.tokenizer, self.loaded
        return other

    def close(self) -> None:
        """Free what is held."""
        self.loaded = None
        self._resources.close()
