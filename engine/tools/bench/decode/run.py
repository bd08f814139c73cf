"""`sa-engine bench decode`: tokens a second by context, against what memory can deliver."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import asdict
from itertools import pairwise

import torch
from torch import Tensor

from ....cache import KVCache
from ....cache.layers import KVLayer
from ....info.environment import describe
from ....model import LoadedModel
from ....runtime import ModelRunner
from ..memory import peaks, release, reset_peaks
from ..models.subject import find_devices, load_subject
from ..results import Report, Row, table
from .bandwidth import bandwidth, bound_s, token_bytes

GPU_LENGTHS = (4096, 16_384, 32_768, 65_536, 131_072)
CPU_LENGTHS = (1024, 4096, 16_384)
_WARM_UP_TOKENS = 4

_NOTES = (
    "Greedy decoding of one conversation; the time of a token is from one to the next, the choice "
    "included.",
    "The context is random keys and values: what it holds does not change the time.",
    "The bound is reading all weights (of an embedding that is not the head, one row) and all "
    "keys and values once, at the bandwidth that a large copy reaches, bytes read and written.",
)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table, write files; the exit code."""
    devices = find_devices(arguments)
    rates = {device: bandwidth(device) for device in devices}
    release(devices)
    default_lengths = CPU_LENGTHS if devices[0].type == "cpu" else GPU_LENGTHS
    print(describe(), flush=True)
    subject = load_subject(arguments, devices, default_lengths, room=arguments.tokens + 1)
    gigabytes = {str(device): round(rate / 1e9, 1) for device, rate in rates.items()}
    notes = [*subject.lines(), *_NOTES]
    notes += [f"Bandwidth of {device}: {rate} GB/s." for device, rate in gigabytes.items()]
    print(*notes, sep="\n", flush=True)
    settings = {
        "model": subject.loaded.name,
        "rope_scaling": arguments.rope_scaling,
        "devices": [str(device) for device in devices],
        "limit_memory_gib": arguments.limit_memory,
        "lengths": subject.lengths,
        "rounds": arguments.rounds,
        "tokens": arguments.tokens,
        "kv_cache_dtype": arguments.kv_cache_dtype,
        "notes": notes,
    }
    report = Report("decode", settings, arguments.out)
    for length in subject.lengths:
        report.add(_try(subject.loaded, length, arguments, rates))
        release(devices)
    text = rates_table(report.rows)
    print("", text, sep="\n")
    report.finish(
        {"bandwidth_gb_per_s": gigabytes}, ["\n".join(f"- {note}" for note in notes), text]
    )
    return 0


def measure_length(
    loaded: LoadedModel,
    length: int,
    *,
    tokens: int,
    rounds: int,
    rates: dict[torch.device, float],
    kv_cache_dtype: str = "auto",
) -> Row:
    """Decode `tokens` behind `length` tokens of context, `rounds` times; the row.

    Args:
        rates: bytes a second that each of the model's devices reads.
    Raises:
        torch.OutOfMemoryError: the cache does not fit.
    """
    devices = list(rates)
    cache = filled_cache(loaded, length - 1, length + tokens + 1, kv_cache_dtype)
    reset_peaks(devices)
    runner = ModelRunner(loaded, cache)  # one, so that its step is captured once
    token_times(runner, min(tokens, _WARM_UP_TOKENS))
    seconds = [each for _ in range(rounds) for each in token_times(runner, tokens)]
    amounts = token_bytes(loaded, cache, length + (tokens + 1) / 2)
    token_s, least_s = statistics.median(seconds), bound_s(amounts, rates)
    return {
        "length": length,
        "outcome": "measured",
        "token_ms": 1e3 * token_s,
        "token_ms_low": 1e3 * min(seconds),
        "token_ms_high": 1e3 * max(seconds),
        "tokens_per_s": 1 / token_s,
        "bytes_per_token": {str(device): round(amount) for device, amount in amounts.items()},
        "bound_tokens_per_s": 1 / least_s,
        "share_of_bound": least_s / token_s,
        "memory": [asdict(peak) for peak in peaks(devices)],
    }


@torch.inference_mode()
def filled_cache(
    loaded: LoadedModel, filled: int, capacity: int, kv_cache_dtype: str = "auto"
) -> KVCache:
    """A cache with `filled` tokens of random keys and values, after a first one of the model's
    own, by which each layer's buffers are allocated where the layer is.
    """
    cache = KVCache(loaded.layers, capacity, kv_cache_dtype)
    ModelRunner(loaded, cache).extend([0])
    for layer in cache.layers:
        assert isinstance(layer, KVLayer)
        layer.update(*(_drawn(buffer, filled - 1, loaded.dtype) for buffer in layer.buffers[:2]))
    return cache


def _drawn(buffer: Tensor, tokens: int, dtype: torch.dtype) -> Tensor:
    """Random keys or values for a buffer [1, G, capacity, D] of them, on its device."""
    _, groups, _, size = buffer.shape
    return torch.randn(1, groups, tokens, size, dtype=dtype, device=buffer.device)


def token_times(runner: ModelRunner, tokens: int) -> list[float]:
    """Seconds from each token to the next, `tokens` times; the cache is then as it was."""
    before = runner.length
    logits = runner.extend([0])
    answer = runner.decode(logits, stop_ids=(), max_tokens=tokens + 1)
    times = []
    for _ in answer:  # a token is chosen on the host, which waits for the device
        times.append(time.perf_counter())
    runner.truncate(before)
    return [later - earlier for earlier, later in pairwise(times)]


def rates_table(rows: list[Row]) -> str:
    """Tokens a second by context, with the bound."""
    headings = (
        "context",
        "tokens/s",
        "ms a token",
        "range of tokens, ms",
        "GB a token",
        "bound tokens/s",
    )
    return table((*headings, "share of bound", "peak GiB"), [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    if row["outcome"] != "measured":
        return [f"{row['length']:,}", row["outcome"], *[""] * 6]
    return [
        f"{row['length']:,}",
        f"{row['tokens_per_s']:.1f}",
        f"{row['token_ms']:.2f}",
        f"{row['token_ms_low']:.2f}-{row['token_ms_high']:.2f}",
        f"{sum(row['bytes_per_token'].values()) / 1e9:.3f}",
        f"{row['bound_tokens_per_s']:.1f}",
        f"{row['share_of_bound']:.1%}",
        " + ".join(f"{peak['peak_bytes'] / 2**30:.2f}" for peak in row["memory"]),
    ]


def _try(
    loaded: LoadedModel,
    length: int,
    arguments: argparse.Namespace,
    rates: dict[torch.device, float],
) -> Row:
    try:
        row = measure_length(
            loaded,
            length,
            tokens=arguments.tokens,
            rounds=arguments.rounds,
            rates=rates,
            kv_cache_dtype=arguments.kv_cache_dtype,
        )
    except torch.OutOfMemoryError:
        row = {"length": length, "outcome": "out of memory"}
    print(f"{length:,} tokens: {row['outcome']}", file=sys.stderr, flush=True)
    return row
