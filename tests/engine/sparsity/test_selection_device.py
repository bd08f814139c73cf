"""Selection keeps to the device of its tensors and never waits for it, seen without a GPU.

On the meta device an operation that mixes devices raises, and so does one that reads a value.
"""

import pytest
import torch

from sa_chat.engine.sparsity import SelectionSettings, held_out_recall, select
from sa_chat.protocol.config import METHODS

META = torch.device("meta")


ALL = tuple(name for name in METHODS if name != "auto")


@pytest.mark.parametrize(
    "changes",
    [{"density": 0.1}, {"patterns": ALL}, *({"method": name} for name in METHODS)],
    ids=["density", "all patterns", *METHODS],
)
def test_selection_stays_on_its_device_without_waiting(changes):
    q = torch.empty(8, 700, 64, device=META, dtype=torch.bfloat16)
    k = torch.empty(2, 5000, 64, device=META, dtype=torch.bfloat16)
    settings = SelectionSettings(break_even=1, **changes)
    plan, seen = select(q, k, scale=0.125, settings=settings)
    made = (
        seen.column_mass,
        seen.held_out_lse,
        plan.columns,
        plan.num_columns,
        plan.local_starts,
        plan.pairs_computed,
    )
    assert {tensor.device for tensor in made} == {META}
    assert seen.column_mass.shape == (8, 4224)  # whole blocks
    assert plan.num_columns.shape == plan.local_starts.shape == (8, 2)
    kept = torch.empty(8, 700, device=META)
    assert held_out_recall(kept, seen).shape == (8, 2)
