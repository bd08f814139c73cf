"""Which keys a chunk's queries attend to: SampleAttention with window and column stripes.

`select` looks at a few sampled rows of a chunk and makes a `Plan`; the executor in `attention/`
carries it out.  Selection always sees all keys so far, never only the chunk.
"""

from .cost import CostModel
from .coverage import coverage
from .plan import Plan, Tile, tiles_of
from .sampling import Sample
from .select import select
from .settings import SelectionSettings

__all__ = [
    "CostModel",
    "Plan",
    "Sample",
    "SelectionSettings",
    "Tile",
    "coverage",
    "select",
    "tiles_of",
]
