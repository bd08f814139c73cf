"""The two optimizers of the reader: Muon for the matrices, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from network import Reader

MATRIX_RATE, EMBEDDING_RATE, VECTOR_RATE = 0.02, 6e-3, 2e-3


class Optimizers:
    """Muon for the matrices of the layers, AdamW for the embedding and the norms."""

    def __init__(self, reader: Reader, fused: bool) -> None:
        matrices = [p for n, p in reader.named_parameters() if p.dim() == 2 and "embed" not in n]
        vectors = [p for p in reader.parameters() if p.dim() == 1]
        groups = [
            {"params": [reader.embed_tokens.weight], "lr": EMBEDDING_RATE},
            {"params": vectors, "lr": VECTOR_RATE},
        ]
        self.all = [
            torch.optim.Muon(matrices, lr=MATRIX_RATE, momentum=0.95, weight_decay=0.01),
            torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0, fused=fused),
        ]
        for group in self.groups():
            group["base"] = group["lr"]

    def groups(self) -> Iterator[dict[str, Any]]:
        for optimizer in self.all:
            yield from optimizer.param_groups

    def step(self, scale: float) -> None:
        for group in self.groups():
            group["lr"] = group["base"] * scale
        for optimizer in self.all:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> list[dict[str, Any]]:
        return [optimizer.state_dict() for optimizer in self.all]

    def load(self, states: list[dict[str, Any]]) -> None:
        for optimizer, state in zip(self.all, states, strict=True):
            optimizer.load_state_dict(state)
