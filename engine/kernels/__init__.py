"""Exact attention over given keys, with its log-sum-exp: what every pattern is built from.

`attend` picks the implementation by the device of its tensors; `merge_attention_states` joins two
results over X
are the kernels of selection (`sampled`, `top_p_mask`) and of its plans (`gather`, `lists` and
`planned` on GPUs, `products` on CPUs).
"""

from .attend import attend
from .merge_attention_states import merge_attention_states

__all__ = ["attend", "merge_attention_states"]
