"""Selection and execution keep to the device of their tensors, seen without any accelerator.

On the meta device an operation that mixes devices raises, and shapes and types are followed.
"""

import torch

from sa_chat.engine.attention import execute
from sa_chat.engine.selection import Plan, coverage, tiles_of
from sa_chat.engine.selection.sampling import sample

META = torch.device("meta")


def test_everything_is_made_where_the_keys_are():
    q = torch.empty(8, 700, 64, device=META, dtype=torch.bfloat16)
    k, v = torch.empty(2, 2, 5000, 64, device=META, dtype=torch.bfloat16)
    tiles = tiles_of(4300, 5000, tile=512, window=512)
    seen = sample(q, k, tiles, share=0.05, scale=0.125)
    assert (seen.mass.device, seen.mass.shape) == (META, (8, 4300))
    assert (seen.held_lse.device, seen.held_lse.shape) == (META, (8, 2))
    columns = [torch.empty(100, dtype=torch.int64, device=META) for _ in range(7)]
    for edges in [(90, 100), (0, 100)]:
        plan = Plan(tiles, (*columns, None), ((edges,) * 7) + ((),), (1,) * 8, 1)
        out, lse = execute(q, k, v, plan, scale=0.125)
        assert coverage(lse, seen).device == META
        assert (out.device, out.dtype, out.shape) == (META, torch.bfloat16, (8, 700, 64))
