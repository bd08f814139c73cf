"""`sa-engine bench attention`: one layer's attention, dense baselines against ours."""

from __future__ import annotations

import argparse
from dataclasses import asdict

import torch

from ....info.environment import describe
from ....model.placement import resolve_dtype
from ....platform.devices import platform_of, resolve_device
from ....sparsity import SelectionSettings
from ..memory import release
from ..presets import PRESETS, HeadShape
from ..results import Report, Row
from .inputs import random_inputs
from .length import CHECKED_ROWS, LengthBench
from .rows import NOTES, not_measured, rows_table
from .structured import structured_inputs

GPU_LENGTHS = (8192, 16_384, 32_768, 65_536, 131_072)
CPU_LENGTHS = (2048, 4096, 8192)
_INPUTS = {"structured": structured_inputs, "random": random_inputs}


@torch.inference_mode()
def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table for each length, write files; the exit code.

    Raises `EngineError` where a method does not compute what it should.
    """
    device = resolve_device(arguments.device)
    on_gpu = platform_of(device).queues_work
    shape: HeadShape = arguments.shape or PRESETS["llama-3.1-8b" if on_gpu else "reader"]
    lengths = sorted(set(arguments.lengths or (GPU_LENGTHS if on_gpu else CPU_LENGTHS)))
    dtype = resolve_dtype(device)
    dtype_name = str(dtype).removeprefix("torch.")
    notes = [
        f"{shape.name}: {shape.heads} query heads over {shape.kv_heads} kv heads of "
        f"{shape.head_size}, {dtype_name}, on {device}; {arguments.inputs} inputs, "
        f"seed {arguments.seed}.",
        *(note.format(chunk=platform_of(device).sizes.chunk, rows=CHECKED_ROWS) for note in NOTES),
    ]
    print(describe(), *notes, sep="\n", flush=True)
    settings = {
        "shape": asdict(shape),
        "device": str(device),
        "dtype": dtype_name,
        "lengths": lengths,
        **{
            name: getattr(arguments, name)
            for name in ("inputs", "alpha", "method", "densities", "seed")
        },
        "rounds": arguments.rounds,
        "notes": notes,
    }
    report = Report("attention", settings, arguments.out)
    tables: list[str] = []
    for length in lengths:
        rows = _rows(shape, length, device, dtype, arguments, report)
        tables.append(rows_table(rows))
        print("", tables[-1], sep="\n", flush=True)
        release([device])
    report.finish(tables=["\n".join(f"- {note}" for note in notes), *tables])
    return 0


def _rows(
    shape: HeadShape,
    length: int,
    device: torch.device,
    dtype: torch.dtype,
    arguments: argparse.Namespace,
    report: Report,
) -> list[Row]:
    make = _INPUTS[arguments.inputs]
    rows: list[Row] = []
    try:
        inputs = make(shape, length, seed=arguments.seed, device=device, dtype=dtype)
        bench = LengthBench(inputs, seed=arguments.seed, rounds=arguments.rounds, report=report)
        rows = bench.rows
        adaptive = SelectionSettings(arguments.alpha, arguments.method)
        bench.run(adaptive, arguments.densities)
    except torch.OutOfMemoryError:
        rows.append(not_measured(length, "all that follow", "", "out of memory"))
        report.add(rows[-1])
    return rows
