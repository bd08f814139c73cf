"""`sa-engine bench`: how fast, and in how much memory, on this machine.

`attention` measures one layer against dense baselines, `prefill` the time to the first token of a
model, `decode` the tokens after it.  The first two check what they time before a clock runs.
"""
