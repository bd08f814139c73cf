"""Which keys a chunk's queries attend to: SampleAttention and SparseAccelerate as one rule.

`select` looks at a few sampled rows of a chunk, lets the `patterns` propose what to keep, and
makes a `Plan`; the executor in `attention/` carries it out.  Selection always sees all keys so
far, never only the chunk.
"""

from .cost import CostModel
from .coverage import coverage
from .plan import Blocks, Plan, Tile, tiles_of
from .sampling import Sample
from .select import select
from .settings import SelectionSettings

__all__ = [
    "Blocks",
    "CostModel",
    "Plan",
    "Sample",
    "SelectionSettings",
    "Tile",
    "coverage",
    "select",
    "tiles_of",
]
