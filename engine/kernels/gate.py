"""The gate of an MLP, silu(gate) * up, in one pass: a Triton kernel."""

from __future__ import annotations

from torch import Tensor

from .launch import HAS_TRITON, device_of, natively

if HAS_TRITON:
    import triton
    import triton.language as tl

_BLOCK = 4096  # numbers of a program


def gate_on_cuda(gate: Tensor) -> bool:
    """Whether `gate_in_place` can compute numbers of this type on their GPU."""
    return natively(gate)


def gate_in_place(gate: Tensor, up: Tensor) -> None:
    """Put silu(gate) * up into `gate`, rounded once.  Both contiguous, of one shape."""
    assert gate.is_contiguous()
    assert up.is_contiguous()
    assert gate.shape == up.shape
    count = gate.numel()
    with device_of(gate):
        _gate[(-(-count // _BLOCK),)](gate, up, count, BLOCK=_BLOCK, num_warps=8)


if HAS_TRITON:

    @triton.jit  # type: ignore[untyped-decorator]
    def _gate(  # type: ignore[no-untyped-def]
        gate, up, count, BLOCK: tl.constexpr
    ):
        at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        inside = at < count
        x = tl.load(gate + at, mask=inside, other=0.0).to(tl.float32)
        y = tl.load(up + at, mask=inside, other=0.0).to(tl.float32)
        result = x / (1.0 + tl.exp(-x)) * y
        tl.store(gate + at, result.to(gate.dtype.element_ty), mask=inside)
