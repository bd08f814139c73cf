"""Every Triton kernel compiles for every kind of card it is for, and fits there.

Triton compiles without a GPU, in the form in which the kernels are launched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from sa_chat.engine.kernels import sparse_prefill as sparse_prefill_module
from sa_chat.engine.kernels.block_lists import BlockLists, block_lists_triton
from sa_chat.engine.kernels.block_mass import block_mass
from sa_chat.engine.kernels.column_mass import column_mass
from sa_chat.engine.kernels.decode_attention import decode_attention
from sa_chat.engine.kernels.gate import gate_in_place
from sa_chat.engine.kernels.gather import gather
from sa_chat.engine.kernels.mass_by_level import mass_by_level
from sa_chat.engine.kernels.rotary import rotate
from sa_chat.engine.kernels.row_lse import row_lse
from sa_chat.engine.kernels.sparse_prefill import sparse_prefill
from sa_chat.engine.kernels.tail import TailKeys
from sa_chat.engine.kernels.top_p_mask import (
    mask_from_triton,
    top_p_mask_triton,
    top_p_members_triton,
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


@dataclass(frozen=True)
class Launch:
    """A kernel and what it was launched with."""

    kernel: Any
    args: tuple[Any, ...]
    options: dict[str, Any]

    def shared_bytes(self, capability: int) -> int:
        """Compiles the kernel and returns the shared memory that it needs."""
        names = self.kernel.arg_names
        constants = {name: value for name, value in self.options.items() if name in names}
        signature = {name: _kind(value) for name, value in zip(names, self.args, strict=False)}
        aligned = [
            at
            for at, value in enumerate(self.args)
            if isinstance(value, torch.Tensor) or _round(value)
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
            options={name: value for name, value in self.options.items() if name not in names},
        )
        return int(compiled.metadata.shared)


@pytest.fixture
def launches(monkeypatch) -> dict[str, Launch]:
    """What would have been launched, by the name of the kernel."""
    recorded: dict[str, Launch] = {}

    def record(kernel, *args, grid, warmup, **options):
        assert kernel.__name__ not in recorded
        recorded[kernel.__name__] = Launch(kernel, args, options)

    monkeypatch.setattr(triton.runtime.JITFunction, "run", record)
    return recorded


def _kind(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return POINTERS[value.dtype]
    if hasattr(value, "block_shape"):  # a tensor descriptor
        shape = ",".join(map(str, value.block_shape))
        return f"tensordesc<{POINTERS[value.base.dtype][1:]}[{shape}]>"
    return "fp32" if isinstance(value, float) else "i32"


def _round(value: object) -> bool:
    return isinstance(value, int) and value > 0 and value % 16 == 0


def _tensors(head_dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.zeros(8, 1024, head_dim, dtype=torch.bfloat16),
        torch.zeros(2, 4096, head_dim, dtype=torch.bfloat16),
    )


def _sparse_prefill(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    counts, columns = torch.zeros(2, 8, 2, dtype=torch.int32), torch.zeros(8, 100).int()
    sparse_prefill(q, k, k, columns, *counts, query_block=512, scale=0.1)


def _sparse_prefill_with_blocks(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    counts, columns = torch.zeros(2, 8, 2, dtype=torch.int32), torch.zeros(8, 100).int()
    numbers, excluded = torch.zeros(8, 8, 32).int(), torch.zeros(8, 4096, dtype=torch.int8)
    blocks = BlockLists(128, numbers, *torch.zeros(2, 8, 8).int(), excluded)
    order = torch.arange(8)
    sparse_prefill(q, k, k, columns, *counts, blocks, order, query_block=512, scale=0.1)


def _sparse_prefill_with_tail(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    counts, columns = torch.zeros(2, 8, 2, dtype=torch.int32), torch.zeros(8, 100).int()
    keys, values = torch.zeros(2, 8, 60, head_dim, dtype=torch.bfloat16)
    tail = TailKeys(64, keys, values, torch.zeros(8, 60))
    sparse_prefill(q, k, k, columns, *counts, None, None, tail, query_block=512, scale=0.1)


def _gather(head_dim: int) -> None:
    _, k = _tensors(head_dim)
    gather(k, k, torch.zeros(8, 100).int(), torch.zeros(8, 2).int())


def _row_lse(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    row_lse(q, k, torch.zeros(1024, dtype=torch.int32), block=128, scale=0.1)


def _block_mass(head_dim: int) -> None:
    rows = torch.zeros(2, 100).int()
    options = {"row_blocks": 64, "blocks": 30, "block": 128}
    block_mass(torch.zeros(2, 8, 120), torch.zeros(32, 8, 120), *rows, **options)


def _column_mass(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    rows, of_blocks = torch.zeros(2, 1000).int(), torch.zeros(8, 30)
    kept = torch.zeros(8, 64, 30, dtype=torch.bool)
    column_mass(
        q, k, torch.zeros(8, 1024), rows[0], 5, of_blocks, 0.1, (kept, rows[1]),
        keys=3840, block=128, scale=0.1,
    )  # fmt: skip


def _mass_by_level(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    starts, weights = torch.zeros(60).int(), torch.zeros(8, 3840)
    options = {"first_row": 200, "first_local_start": 0, "num_sink_tokens": 16}
    mass_by_level(q, k, torch.zeros(8, 1024), starts, weights, **options, scale=0.1)


def _decode(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    decode_attention(q[:, :1], k, k, torch.ones(1, dtype=torch.int64), scale=0.1)


def _decode_windowed(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    length = torch.ones(1, dtype=torch.int64)
    decode_attention(q[:, :1], k, k, length, scale=0.1, window=128, sink_logits=torch.zeros(8))


def _decode_int8(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    scales = torch.zeros(2, 2, 4096, 1)
    length = torch.ones(1, dtype=torch.int64)
    decode_attention(
        q[:, :1], k.to(torch.int8), k.to(torch.int8), length, scale=0.1, kv_scales=tuple(scales)
    )


def _gate(head_dim: int) -> None:
    gate_in_place(*torch.zeros(2, 100, head_dim, dtype=torch.bfloat16))


def _rotate(head_dim: int) -> None:
    q, k = _tensors(head_dim)
    angles = torch.zeros(1, 1024, head_dim, dtype=torch.bfloat16)
    rotate(q[None], k[None, :, :1024], angles, angles)


def _block_lists(head_dim: int) -> None:
    kept, num_columns = torch.zeros(8, 64, 30, dtype=torch.bool), torch.zeros(8, 2).int()
    block_lists_triton(kept, torch.zeros(8, 100).int(), num_columns, size=128)


def _top_p_mask(head_dim: int) -> None:
    weights = torch.zeros(8, 5000)
    top_p_mask_triton(weights, weights, torch.zeros(8), num_sink_tokens=16, at_least=True)


def _top_p_mask_within(head_dim: int) -> None:
    weights = torch.zeros(8, 5000)
    top_p_mask_triton(weights, weights, torch.zeros(8), num_sink_tokens=16, at_least=False)


def _mask_from(head_dim: int) -> None:
    mask_from_triton(torch.zeros(8, 5000), torch.ones(8), num_sink_tokens=16)


def _top_p_members(head_dim: int) -> None:
    weights = torch.zeros(8, 500)
    top_p_members_triton(weights, weights, torch.zeros(8))


ATTENTION = [  # what is launched, and its kernels
    (_sparse_prefill, {"_gather_kernel", "_sparse_prefill_kernel"}),
    (_sparse_prefill_with_blocks, {"_gather_kernel", "_sparse_prefill_kernel"}),
    (_sparse_prefill_with_tail, {"_gather_kernel", "_sparse_prefill_kernel"}),
    (_gather, {"_gather_kernel"}),
    (_row_lse, {"_row_lse_kernel"}),
    (_column_mass, {"_column_mass_kernel"}),
    (_mass_by_level, {"_mass_by_level_kernel"}),
    (_decode, {"_decode_split_kernel", "_decode_merge_kernel"}),
    (_decode_int8, {"_decode_split_kernel", "_decode_merge_kernel"}),
    (_decode_windowed, {"_decode_split_kernel", "_decode_merge_kernel"}),
]
OTHERS = [
    (_block_mass, {"_block_mass_kernel"}),
    (_block_lists, {"_excluded_kernel", "_block_lists_kernel"}),
    (_gate, {"_gate_kernel"}),
    (_rotate, {"_rotate_kernel"}),
    (_top_p_mask, {"_top_p_threshold_kernel", "_top_p_list_kernel"}),
    (_top_p_mask_within, {"_top_p_threshold_kernel", "_top_p_list_kernel"}),
    (_mask_from, {"_count_kernel", "_top_p_list_kernel"}),
    (_top_p_members, {"_top_p_threshold_kernel"}),
]


def _name(value: object) -> str | None:
    return value.__name__.strip("_") if callable(value) else None


@pytest.mark.parametrize("capability", SHARED)
@pytest.mark.parametrize("head_dim", [64, 80, 96, 128, 256])
@pytest.mark.parametrize(("launch", "kernels"), ATTENTION, ids=_name)
def test_attention_kernels_fit(monkeypatch, launches, launch, kernels, head_dim, capability):
    large = SHARED[capability] > 200 * 1024
    monkeypatch.setattr(sparse_prefill_module, "has_large_shared_memory", lambda tensor: large)
    launch(head_dim)
    assert launches.keys() == kernels
    for each in launches.values():
        assert each.shared_bytes(capability) <= SHARED[capability]


@pytest.mark.parametrize("capability", SHARED)
@pytest.mark.parametrize(("launch", "kernels"), OTHERS, ids=_name)
def test_other_kernels_fit(launches, launch, kernels, capability):
    launch(128)
    assert launches.keys() == kernels
    for each in launches.values():
        assert each.shared_bytes(capability) <= SHARED[capability]


def test_every_kernel_is_compiled():
    """By the names in the source: one that is new has to be launched above."""
    folder = Path(sparse_prefill_module.__file__).parent
    texts = [path.read_text("utf-8") for path in folder.glob("*.py")]
    named = {name for text in texts for name in re.findall(r"def (_\w+_kernel)\(", text)}
    assert named == set().union(*(kernels for _, kernels in ATTENTION + OTHERS))
