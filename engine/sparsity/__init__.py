"""Which keys a chunk's queries attend to: SampleAttention and SparseAccelerate as one rule.

`select` looks at a few sampled rows of a chunk, lets the `patterns` propose what to keep, and
makes a `SparsePlan`, whose meaning is `SparsePlan.to_mask`; `sparse_attention` computes it.
Selection always sees all keys so far, never only the chunk.
"""

from .cost import CostModel
from .plan import Blocks, QueryBlock, SparsePlan, query_blocks_of
from .recall import held_out_recall
from .row_sampling import Sample
from .select import select
from .settings import SelectionSettings

__all__ = [
    "Blocks",
    "CostModel",
    "QueryBlock",
    "Sample",
    "SelectionSettings",
    "SparsePlan",
    "held_out_recall",
    "query_blocks_of",
    "select",
]
