"""Exact attention over given keys, with its log-sum-exp: what every pattern is built from.

`attend` picks the implementation by the device of its tensors; `merge` joins two results over
disjoint keys; `reference.py` holds the slow float32 twin that the tests compare with.  Beside them
are the kernels of selection (`sampled`, `heaviest`) and of its plans (`gather`, `lists` and
`planned` on GPUs, `products` on CPUs).
"""

from .attend import attend
from .merge import merge

__all__ = ["attend", "merge"]
