"""Where the GPUs' time goes in a prefill: by kind of kernel, from a profile of one.

Random weights in a public shape and random token ids, with the density forced, as `sa-engine bench
prefill --preset` has them.  One prefill goes before the profile, for what is done once.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict

import torch
from torch.profiler import ProfilerActivity, profile

from sa_chat.engine.info.environment import describe
from sa_chat.engine.sparsity import SelectionSettings
from sa_chat.engine.tools.bench.memory import limit_memory
from sa_chat.engine.tools.bench.models.random_model import random_model
from sa_chat.engine.tools.bench.options import lengths, positive, share
from sa_chat.engine.tools.bench.prefill.material import RandomIds
from sa_chat.engine.tools.bench.prefill.timed_prefill import MODES, PrefillBench
from sa_chat.engine.tools.bench.presets import PRESETS

KINDS = ("products", "attention", "selection", "rotary embedding", "gate", "norms", "other")
_NAMED = 8  # of the other kernels, the largest
_PATTERNS = (  # the first that is found in a kernel's name
    ("attention", r"^_(sparse_prefill|gather)_kernel$"),
    ("attention", r"flash|cudnn.*(sdpa|attention)|sm\d+_sdpa|fmha"),
    ("selection", r"^_(row_lse|block_mass|column_mass|top_p_threshold|top_p_list)_kernel$"),
    ("selection", r"^_(excluded|block_lists)_kernel$|cub::|scan|sort|cumsum|topk|reduce_kernel"),
    ("rotary embedding", r"^_rotate_kernel$"),
    ("gate", r"^_gate_kernel$|silu"),
    ("norms", r"rms|layer_norm|LayerNorm|rsqrt"),
    ("products", r"gemm|nvjet|cutlass|cublas|wgmma"),
)


def main() -> None:
    """Print a table for each length and mode."""
    arguments = _parser().parse_args()
    devices = tuple(torch.device("cuda", index) for index in range(arguments.gpus))
    limit_memory(devices, arguments.limit_memory)
    longest = max(arguments.lengths)
    shape = PRESETS[arguments.preset]
    loaded = random_model(shape, devices, torch.bfloat16, context=longest)
    print(describe())
    print(f"{loaded.name}, density forced to {arguments.density:g}, {arguments.gpus} GPU(s)")
    settings = SelectionSettings(density=arguments.density)
    reader = PrefillBench(loaded, devices, RandomIds(loaded, longest), settings, None)
    for length in arguments.lengths:
        for mode in arguments.modes:
            reader.read(length, mode)
            seconds, others = _profiled(reader, length, mode)
            _print_table(length, mode, seconds, others)


def kind_of(kernel: str) -> str:
    """One of `KINDS`, by the name of a CUDA kernel."""
    for kind, pattern in _PATTERNS:
        if re.search(pattern, kernel):
            return kind
    return "other"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=tuple(PRESETS), default="llama-3.1-8b")
    parser.add_argument("--lengths", type=lengths, default=(131_072,))
    parser.add_argument("--density", type=share, default=0.1)
    parser.add_argument("--gpus", type=positive, default=1)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=["sparse"])
    parser.add_argument("--limit-memory", type=float, metavar="GIB", help="of each GPU")
    return parser


def _profiled(
    reader: PrefillBench, length: int, mode: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of all GPUs by kind, and of kernels of the kind "other" by name."""
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        reader.read(length, mode)
    kinds: defaultdict[str, float] = defaultdict(float)
    others: defaultdict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        seconds = event.self_device_time_total / 1e6
        kind = kind_of(event.key)
        kinds[kind] += seconds
        if kind == "other":
            others[event.key] += seconds
    return dict(kinds), dict(others)


def _print_table(
    length: int, mode: str, seconds: dict[str, float], others: dict[str, float]
) -> None:
    total = sum(seconds.values())
    inside = sum(seconds.get(kind, 0.0) for kind in ("products", "attention", "selection"))
    print(
        f"{length:,} tokens, {mode}: {total:.3f} s of kernels, "
        f"{1 - inside / total:.1%} outside of products, attention and selection"
    )
    for kind in KINDS:
        if kind in seconds:
            print(f"  {kind:<20}{seconds[kind]:8.3f} s {seconds[kind] / total:6.1%}")
    for name, each in sorted(others.items(), key=lambda item: -item[1])[:_NAMED]:
        print(f"    {each:8.3f} s  {name[:100]}")


if __name__ == "__main__":
    main()
