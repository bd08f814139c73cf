"""The reported figures of a prefill by the fake engine: made up, and always the same."""

from __future__ import annotations

import math

from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.events import PrefillDone, PrefillProgress
from sa_chat.protocol.values import AttentionFigures, Ttft

from .script import Script

_SELECT_SHARE = 0.12  # of a chunk's time is spent on selection
_DENSE_FACTOR = 3  # a chunk takes so many times longer in dense mode

_ByHead = tuple[tuple[float, ...], ...]  # [layers][heads]


def chunk_s(config: EngineConfig, script: Script) -> float:
    """Seconds of one chunk."""
    return script.chunk_s * (_DENSE_FACTOR if config.attention == "dense" else 1)


def chunks(script: Script, tokens: int) -> int:
    """Number of chunks of a document."""
    return math.ceil(tokens / script.chunk_tokens)


def progress(config: EngineConfig, script: Script, tokens: int, chunk: int) -> PrefillProgress:
    """The event after chunk 1, 2, ... of a document, without devices."""
    done = min(chunk * script.chunk_tokens, tokens)
    by_head = _density(config, script, done)
    seconds = chunk * chunk_s(config, script)
    select_s = seconds * _select_share(config)
    return PrefillProgress(done, tokens, seconds, _mean(by_head), by_head, (), select_s)


def done(config: EngineConfig, script: Script, tokens: int) -> PrefillDone:
    """The event after the last chunk, without devices."""
    by_head = _density(config, script, tokens)
    seconds = chunks(script, tokens) * chunk_s(config, script)
    select_s = seconds * _select_share(config)
    p5 = 1.0 if config.attention == "dense" else config.alpha
    return PrefillDone(
        tokens,
        Ttft(script.parse_s, script.tokenize_s, select_s, seconds - select_s),
        AttentionFigures(
            config.attention, config.alpha, _mean(by_head), (1.0 + p5) / 2.0, p5, 2.0 * p5 - 1.0
        ),
        by_head,
    )


def _select_share(config: EngineConfig) -> float:
    return 0.0 if config.attention == "dense" else _SELECT_SHARE


def _density(config: EngineConfig, script: Script, tokens: int) -> _ByHead:
    """By layer and head: lower in later layers and in longer documents."""
    layers, heads = script.layers, script.heads
    if config.attention == "dense" or config.alpha >= 1.0:
        return ((1.0,) * heads,) * layers
    shrink = math.sqrt(math.sqrt(1_024 / max(tokens, 1_024)))

    def density(layer: int, head: int) -> float:
        depth = layer / max(layers - 1, 1)
        value = (1.0 - 0.6 * depth + 0.1 * math.sin(1.7 * head + 0.9 * layer)) * shrink
        return round(min(1.0, max(0.02, value)), 4)

    return tuple(tuple(density(la, h) for h in range(heads)) for la in range(layers))


def _mean(by_head: _ByHead) -> float:
    return sum(map(sum, by_head)) / sum(map(len, by_head))
