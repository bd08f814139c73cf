"""The gate of an MLP, silu(gate) * up, in one pass: a Triton kernel (vLLM's `silu_and_mul`)."""

from __future__ import annotations

from torch import Tensor, nn

from .launch import HAS_TRITON, device_of, elementwise_supported

if HAS_TRITON:
    import triton
    import triton.language as tl

_BLOCK = 4096  # numbers of a program


def gate_supported(gate: Tensor) -> bool:
    """Whether `gate_in_place` can compute numbers of this type on their GPU."""
    return elementwise_supported(gate)


def gate_in_place(gate: Tensor, up: Tensor) -> None:
    """Put silu(gate) * up into `gate`, computed in float32 and rounded once.

    Args:
        gate, up: contiguous, of one shape and float type.
    """
    assert gate.is_contiguous()
    assert up.is_contiguous()
    assert gate.shape == up.shape
    count = gate.numel()
    with device_of(gate):
        _gate_kernel[(-(-count // _BLOCK),)](gate, up, count, BLOCK=_BLOCK, num_warps=8)


def gate_in_place_torch(gate: Tensor, up: Tensor) -> None:
    """`gate_in_place` in plain torch, for every device."""
    gate.copy_(nn.functional.silu(gate.float()) * up.float())


if HAS_TRITON:

    @triton.jit  # type: ignore[untyped-decorator]
    def _gate_kernel(  # type: ignore[no-untyped-def]
        gate, up, count, BLOCK: tl.constexpr
    ):
        at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        inside = at < count
        x = tl.load(gate + at, mask=inside, other=0.0).to(tl.float32)
        y = tl.load(up + at, mask=inside, other=0.0).to(tl.float32)
        result = x / (1.0 + tl.exp(-x)) * y
        tl.store(gate + at, result.to(gate.dtype.element_ty), mask=inside)
