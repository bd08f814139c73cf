"""Fused forms of what `transformers` computes in many launches: for GPUs, where launches and the
memory between them cost."""

from transformers import PreTrainedModel

from .gate import fuse_gates
from .norms import fuse_norms
from .rotary import fuse_rotary

__all__ = ["fuse", "fuse_gates", "fuse_norms", "fuse_rotary"]


def fuse(model: PreTrainedModel) -> None:
    """Replace what a trial on random numbers proves to be the same; the rest stays as it is."""
    fuse_norms(model)
    fuse_rotary(model)
    fuse_gates(model)
