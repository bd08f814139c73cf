"""Every Triton kernel compiles for every kind of card it is for, and fits there.

Triton compiles without a GPU, in the form in which the kernels are launched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from sa_chat.engine.kernels import (
    block_lists,
    decode_attention,
    gate,
    gather,
    rotary,
    sampled_rows,
    sparse_prefill,
    top_p_mask,
)

triton = pytest.importorskip("triton")

SHARED = {86: 99 * 1024, 90: 227 * 1024, 120: 99 * 1024}
"""Bytes that a program can have: on the cards with the least, on Hopper, on the newest."""
POINTERS = {
    torch.bfloat16: "*bf16",
    torch.float32: "*fp32",
    torch.int32: "*i32",
    torch.int8: "*i8",
    torch.int64: "*i64",
}


class Recorder:
    """In the place of a kernel: keeps what it is launched with."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.launches: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return lambda *args, **options: self.launches.append((args, options))

    def shared_bytes(self, capability: int) -> int:
        """Compiles the last launch and returns the shared memory that it needs."""
        args, options = self.launches[-1]
        names = self.kernel.arg_names
        constants = {name: value for name, value in options.items() if name in names}
        signature = {name: _kind(value) for name, value in zip(names, args, strict=False)}
        aligned = [
            at for at, value in enumerate(args) if isinstance(value, torch.Tensor) or _round(value)
        ]
        signature |= dict.fromkeys(constants, "constexpr")
        compiled = triton.compile(
            triton.compiler.ASTSource(
                fn=self.kernel,
                signature=signature,
                constexprs={(names.index(name),): value for name, value in constants.items()},
                attrs={(at,): [["tt.divisibility", 16]] for at in aligned},
            ),
            target=triton.backends.compiler.GPUTarget("cuda", capability, 32),
            options={name: value for name, value in options.items() if name not in names},
        )
        return int(compiled.metadata.shared)


def _kind(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return POINTERS[value.dtype]
    if hasattr(value, "block_shape"):  # a tensor descriptor
        shape = ",".join(map(str, value.block_shape))
        return f"tensordesc<{POINTERS[value.base.dtype][1:]}[{shape}]>"
    return "fp32" if isinstance(value, float) else "i32"


def _round(value: object) -> bool:
    return isinstance(value, int) and value > 0 and value % 16 == 0


def _tensors(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.zeros(8, 1024, size, dtype=torch.bfloat16),
        torch.zeros(2, 4096, size, dtype=torch.bfloat16),
    )


def _planned(size: int) -> None:
    q, k = _tensors(size)
    counts, columns = torch.zeros(2, 8, 2, dtype=torch.int32), torch.zeros(8, 100).int()
    sparse_prefill.sparse_prefill(q, k, k, columns, *counts, query_block=512, scale=0.1)


def _planned_with_blocks(size: int) -> None:
    q, k = _tensors(size)
    counts, columns = torch.zeros(2, 8, 2, dtype=torch.int32), torch.zeros(8, 100).int()
    numbers, excluded = torch.zeros(8, 8, 32).int(), torch.zeros(8, 4096, dtype=torch.int8)
    blocks = block_lists.BlockLists(128, numbers, *torch.zeros(2, 8, 8).int(), excluded)
    order = torch.arange(8)
    sparse_prefill.sparse_prefill(
        q, k, k, columns, *counts, blocks, order, query_block=512, scale=0.1
    )


def _gather(size: int) -> None:
    _, k = _tensors(size)
    gather.gather(k, k, torch.zeros(8, 100).int(), torch.zeros(8, 2).int())


def _row_lse(size: int) -> None:
    q, k = _tensors(size)
    sampled_rows.row_lse(q, k, torch.zeros(1024, dtype=torch.int32), block=128, scale=0.1)


def _block_mass(size: int) -> None:
    rows = torch.zeros(2, 100).int()
    options = {"row_blocks": 64, "blocks": 30, "block": 128}
    sampled_rows.block_mass(torch.zeros(2, 8, 120), torch.zeros(32, 8, 120), *rows, **options)


def _column_mass(size: int) -> None:
    q, k = _tensors(size)
    rows, worth = torch.zeros(2, 1000).int(), torch.zeros(8, 30)
    kept = torch.zeros(8, 64, 30, dtype=torch.bool)
    sampled_rows.column_mass(
        q, k, torch.zeros(8, 1024), rows[0], 5, worth, 0.1, (kept, rows[1]),
        keys=3840, block=128, scale=0.1,
    )  # fmt: skip


def _step(size: int) -> None:
    q, k = _tensors(size)
    decode_attention.decode_attention(q[:, :1], k, k, torch.ones(1, dtype=torch.int64), scale=0.1)


def _step_windowed(size: int) -> None:
    q, k = _tensors(size)
    length = torch.ones(1, dtype=torch.int64)
    decode_attention.decode_attention(
        q[:, :1], k, k, length, scale=0.1, window=128, sink_logits=torch.zeros(8)
    )


def _step_int8(size: int) -> None:
    q, k = _tensors(size)
    scales = torch.zeros(2, 2, 4096, 1)
    length = torch.ones(1, dtype=torch.int64)
    decode_attention.decode_attention(
        q[:, :1], k.to(torch.int8), k.to(torch.int8), length, scale=0.1, kv_scales=tuple(scales)
    )


def _gate(size: int) -> None:
    gate.gate_in_place(*torch.zeros(2, 100, size, dtype=torch.bfloat16))


def _rotate(size: int) -> None:
    q, k = _tensors(size)
    angles = torch.zeros(1, 1024, size, dtype=torch.bfloat16)
    rotary.rotate(q[None], k[None, :, :1024], angles, angles)


def _lists(size: int) -> None:
    kept, num_columns = torch.zeros(8, 64, 30, dtype=torch.bool), torch.zeros(8, 2).int()
    block_lists.block_lists_triton(kept, torch.zeros(8, 100).int(), num_columns, size=128)


@pytest.mark.parametrize("capability", SHARED)
@pytest.mark.parametrize("size", [64, 80, 96, 128, 256])
@pytest.mark.parametrize(
    ("module", "name", "launch"),
    [
        (sparse_prefill, "_planned", _planned),
        (sparse_prefill, "_planned", _planned_with_blocks),
        (gather, "_gather", _gather),
        (sampled_rows, "_row_lse", _row_lse),
        (sampled_rows, "_column_mass", _column_mass),
        (decode_attention, "_split", _step),
        (decode_attention, "_split", _step_int8),
        (decode_attention, "_split", _step_windowed),
        (decode_attention, "_merged", _step),
        (decode_attention, "_merged", _step_windowed),
    ],
    ids=[
        "planned",
        "planned-with-blocks",
        "gather",
        "row_lse",
        "column_mass",
        "step",
        "step-int8",
        "step-windowed",
        "merged",
        "merged-with-sinks",
    ],
)
def test_attention_kernels_fit(monkeypatch, module, name, launch, size, capability):
    recorder = Recorder(getattr(module, name))
    monkeypatch.setattr(gather, "_gather", Recorder(gather._gather))
    monkeypatch.setattr(decode_attention, "_split", Recorder(decode_attention._split))
    monkeypatch.setattr(decode_attention, "_merged", Recorder(decode_attention._merged))
    monkeypatch.setattr(module, name, recorder)
    monkeypatch.setattr(sparse_prefill, "roomy", lambda tensor: SHARED[capability] > 200 * 1024)
    launch(size)
    assert recorder.shared_bytes(capability) <= SHARED[capability]


@pytest.mark.parametrize("capability", SHARED)
@pytest.mark.parametrize(
    ("module", "name", "launch"),
    [
        (sampled_rows, "_block_mass", _block_mass),
        (block_lists, "_excluded", _lists),
        (block_lists, "_lists", _lists),
        (gate, "_gate", _gate),
        (rotary, "_rotate", _rotate),
    ],
    ids=["block_mass", "excluded", "lists", "gate", "rotate"],
)
def test_small_kernels_fit(monkeypatch, module, name, launch, capability):
    recorders = {each: Recorder(getattr(block_lists, each)) for each in ("_excluded", "_lists")}
    for each, recorder in recorders.items():
        monkeypatch.setattr(block_lists, each, recorder)
    recorder = recorders.get(name) or Recorder(getattr(module, name))
    monkeypatch.setattr(module, name, recorder)
    launch(128)
    assert recorder.shared_bytes(capability) <= SHARED[capability]


@pytest.mark.parametrize("capability", SHARED)
@pytest.mark.parametrize("at_least", [True, False])
@pytest.mark.parametrize("name", ["_threshold_kernel", "_listed"])
def test_the_choice_of_columns_fits(monkeypatch, name, at_least, capability):
    recorders = {
        each: Recorder(getattr(top_p_mask, each)) for each in ("_threshold_kernel", "_listed")
    }
    for each, recorder in recorders.items():
        monkeypatch.setattr(top_p_mask, each, recorder)
    weights = torch.zeros(8, 5000)
    top_p_mask.top_p_mask_triton(
        weights, weights, torch.zeros(8), num_sink_tokens=16, at_least=at_least
    )
    assert recorders[name].shared_bytes(capability) <= SHARED[capability]
