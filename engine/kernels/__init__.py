"""The engine's operations on tensors: one operation a file, its twin in plain torch beside it.

`attend` is exact attention over given keys with its log-sum-exp, by the implementation for the
device of its tensors (`cpu`, `cuda`, `torch_native`); `merge_attention_states` joins two results
over disjoint keys.  Selection samples rows (`sampled_rows`) and keeps what holds most of their
attention mass (`top_p_mask`); a plan is computed by `sparse_prefill` with `gather` and
`block_lists` on GPUs, and by `cpu_bf16` on CPUs.  `decode_attention` serves single tokens.

A function named `*_torch` computes what the one without the suffix does, in plain torch on every
device; tests compare the two.
"""

from .attend import attend
from .merge_attention_states import merge_attention_states

__all__ = ["attend", "merge_attention_states"]
