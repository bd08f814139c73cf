"""Q, K and V whose attention has a known structure, for measuring without a model.

SampleAttention (arXiv 2406.15486) and MInference (arXiv 2407.02490) report what trained heads
attend to: the first keys, the keys nearby, single keys that every query sees, fixed distances and
blocks of related text; most heads need few keys, and some need nearly all.  The inputs made here
have these kinds of heads, in proportions of this project's choice:

| kind    | of 16 heads | what holds the mass of a row at position i                            |
|---------|-------------|-----------------------------------------------------------------------|
| local   | 3           | keys nearby, falling off with distance on a scale of `NEAR_SCALE`     |
| stripe  | 4           | up to `STRIPES` single keys, the same for all queries                 |
| slash   | 3           | keys at `SLASHES` fixed distances, `FAR_SCALE` wide                   |
| sink    | 3           | the first `SINKS` keys; keys nearby                                   |
| cluster | 2           | keys of the segments that have the row's topic                        |
| flat    | 1           | all keys, as even as the noise leaves them                            |

A distance of slashes is one where all rotary angles meet; with few angles, they meet at others too.

Strengths do not depend on the length, so in long contexts a structured head needs a fixed number
of keys and its density falls as one over the length, while a flat head needs the same share.
Fewest keys that hold 95 % of the mass (`oracle_density`), mean of 32 heads of 128: 0.37 of the
causal pairs at 4K tokens, 0.33 at 8K, 0.26 at 16K, 0.17 at 32K, 0.11 at 64K, 0.08 at 128K.  One of
the reader's 8 heads is flat: 0.28 at 16K, 0.13 at 128K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

from ..presets import HeadShape
from .inputs import Inputs, random_inputs

SINKS = 4
NEAR_SCALE = 6144  # tokens
FAR_SCALE = 256  # tokens
STRIPES = 6144
SLASHES = 4
SEGMENT = 256  # tokens that share a topic
TOPIC_SEGMENTS = 32  # segments of one topic, on average


@dataclass(frozen=True)
class _Strength:
    """By how much a feature raises the score of a key that matches it fully."""

    sink: float = 0.0
    near: float = 0.0
    stripe: float = 0.0
    far: float = 0.0
    topic: float = 0.0


_KINDS = {
    "local": _Strength(near=14.0),
    "stripe": _Strength(stripe=12.0),
    "slash": _Strength(far=12.0),
    "sink": _Strength(sink=15.0, near=10.0),
    "cluster": _Strength(topic=14.0),
    "flat": _Strength(),
}
# The first 8 hold every kind.
_CYCLE = (
    *("local", "stripe", "slash", "sink", "cluster", "stripe", "flat", "slash"),
    *("sink", "local", "stripe", "slash", "cluster", "stripe", "sink", "local"),
)


def kind_of(head: int) -> str:
    """The kind of a query head: the cycle of 16 kinds, dealt by the head's number."""
    return _CYCLE[head % len(_CYCLE)]


def structured_inputs(
    shape: HeadShape, length: int, *, seed: int, device: torch.device, dtype: torch.dtype
) -> Inputs:
    """Inputs with the heads of this module's table; the same for the same arguments.

    The dimensions of K are divided among features that all heads of a kv head find there, and
    the kind of a query head is the features that its Q has: near and far positions as rotary
    angles, topics as random signs, one dimension each for stripes and sinks, and noise.
    """
    inputs = random_inputs(shape, length, seed=seed, device=device, dtype=dtype)
    generator = torch.Generator().manual_seed(seed)
    group_size = shape.heads // shape.kv_heads
    for kv_head in range(shape.kv_heads):
        features = _Features(shape.head_size, length, generator, device)
        features.write_keys(inputs.k[kv_head])
        for head in range(kv_head * group_size, (kv_head + 1) * group_size):
            features.write_queries(inputs.q[head], _KINDS[kind_of(head)], generator)
    return inputs


class _Features:
    """Where one kv head's features lie among its D dimensions, and their values."""

    def __init__(
        self, head_dim: int, length: int, generator: torch.Generator, device: torch.device
    ) -> None:
        quarter = head_dim // 4
        self._near, self._far = slice(0, quarter), slice(quarter, 2 * quarter)
        self._topic = slice(2 * quarter, 3 * quarter - 2)
        self._stripe, self._sink = 3 * quarter - 2, 3 * quarter - 1
        self._noise = slice(3 * quarter, head_dim)
        self._head_dim, self._length, self._device = head_dim, length, device
        self._near_angles = _angles(quarter // 2, NEAR_SCALE, generator)
        self._far_angles = _angles(quarter // 2, FAR_SCALE, generator)
        self._topics = self._random_topics(quarter - 2, generator).to(device)
        self._stripes = self._random_stripes(generator).to(device)

    def write_keys(self, k: Tensor) -> None:
        """Into k [L, D], which holds normal noise."""
        k[:, self._near] = self._rotary(self._near_angles, 0)
        k[:, self._far] = self._rotary(self._far_angles, 0)
        k[:, self._topic] = self._topics.to(k.dtype)
        k[:, self._stripe] = self._stripes.to(k.dtype)
        k[:, self._sink] = (torch.arange(self._length, device=k.device) < SINKS).to(k.dtype)

    def write_queries(self, q: Tensor, strength: _Strength, generator: torch.Generator) -> None:
        """Into q [L, D], which holds normal noise; scores are scaled by D ** -0.5 later."""
        unit = math.sqrt(self._head_dim)
        pairs = len(self._near_angles)
        q[:, self._near] = self._rotary(self._near_angles, 0) * (strength.near * unit / pairs)
        far = torch.zeros(self._length, 2 * pairs, device=q.device, dtype=torch.float64)
        for distance in self._random_distances(generator) if strength.far else ():
            far += self._rotary(self._far_angles, distance)
        q[:, self._far] = far * (strength.far * unit / pairs)
        topics = self._topics.shape[-1]
        q[:, self._topic] = self._topics * (strength.topic * unit / topics)
        q[:, self._stripe] = strength.stripe * unit
        q[:, self._sink] = strength.sink * unit
        noise = self._noise.stop - self._noise.start
        q[:, self._noise] *= unit / math.sqrt(noise)

    def _rotary(self, angles: Tensor, distance: int) -> Tensor:
        """cos and sin [L, 2 * pairs] of the positions shifted back by `distance`, in float64.

        The product of those of i, shifted, and of j is the sum of cos(angle * (i - j -
        distance)): the number of pairs at that distance, and little elsewhere.
        """
        positions = torch.arange(self._length, device=self._device, dtype=torch.float64)
        turned = (positions - distance)[:, None] * angles.to(self._device)
        return torch.cat([turned.cos(), turned.sin()], dim=-1)

    def _random_topics(self, dimensions: int, generator: torch.Generator) -> Tensor:
        """Random signs [L, dimensions], constant over a segment."""
        segments = math.ceil(self._length / SEGMENT)
        count = math.ceil(segments / TOPIC_SEGMENTS)
        codes = torch.randint(0, 2, (count, dimensions), generator=generator) * 2.0 - 1.0
        topics = torch.randint(0, count, (segments,), generator=generator)
        return codes[topics].repeat_interleave(SEGMENT, dim=0)[: self._length]

    def _random_stripes(self, generator: torch.Generator) -> Tensor:
        """[L]: 0, but at stripes from 0.9 to 1."""
        stripes = torch.zeros(self._length)
        count = min(STRIPES, 2 * self._length // 5)
        at = torch.randperm(self._length, generator=generator)[:count]
        stripes[at] = 0.9 + 0.1 * torch.rand(count, generator=generator)
        return stripes

    def _random_distances(self, generator: torch.Generator) -> list[int]:
        """Fixed distances, spread over the orders of magnitude up to half the length."""
        parts = (
            (torch.arange(SLASHES) + torch.rand(SLASHES, generator=generator)) / SLASHES
        ).tolist()
        least = 2 * FAR_SCALE
        most = max(least + 1, self._length // 2)
        return [round(least * (most / least) ** part) for part in parts]


def _angles(pairs: int, scale: int, generator: torch.Generator) -> Tensor:
    """Angles per token [pairs], normally distributed: the mean of their cosines over a distance
    falls off as a Gaussian of standard deviation `scale` tokens."""
    normal = NormalDist()
    quantiles = [normal.inv_cdf(0.5 + (pair + 0.5) / (2 * pairs)) for pair in range(pairs)]
    spread = 0.9 + 0.2 * torch.rand(pairs, generator=generator, dtype=torch.float64)
    return torch.tensor(quantiles, dtype=torch.float64) * spread / scale
