"""`sa-engine bench prefill`: time to first token by length, dense against sparse."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import torch

from sa_chat.protocol.errors import UsageError

from ....info.environment import describe
from ....platform.devices import platform_of
from ....sparsity import SelectionSettings
from ....tokens import load_tokenizer
from ..memory import release
from ..models.subject import Subject, find_devices, load_subject
from ..results import Report, Row
from .check import check_equality, compare, told
from .material import DocumentText, RandomIds
from .picture import draw_ttft
from .rows import measured, memory_table, missing, pairs_table, times_table
from .timed_prefill import MODES, PrefillBench, TimedPrefill

GPU_LENGTHS = (8192, 16_384, 32_768, 65_536, 131_072)
CPU_LENGTHS = (4096, 8192, 16_384)
_DENSE = (
    "Dense is the engine with every pair kept, by PyTorch's fused operators (cuDNN on Hopper), and "
    "logits of the last token only"
)
RANDOM_DENSITY = 0.1  # forced on random weights, whose attention is no model's


def run(arguments: argparse.Namespace) -> int:
    """Check, measure, print tables, write files; the exit code.

    Raises `UsageError` for options that contradict each other, and `EngineError` before any
    time is taken if the results are wrong.
    """
    if arguments.preset is not None and arguments.document is not None:
        raise UsageError("Random weights read random token ids.", "Leave --document out.")
    devices = find_devices(arguments)
    default_lengths = CPU_LENGTHS if devices[0].type == "cpu" else GPU_LENGTHS
    print(describe(), flush=True)
    room = arguments.answer_tokens - 1
    subject = load_subject(arguments, devices, default_lengths, room)
    density = arguments.density
    if density is None and subject.random:
        density = RANDOM_DENSITY
    selection = SelectionSettings(arguments.alpha, arguments.method, density)
    reader = _reader(subject, arguments, selection)
    notes = [*subject.lines(), *_notes(reader, subject)]
    print(*notes, sep="\n", flush=True)
    settings = {
        "model": subject.loaded.name,
        "rope_scaling": arguments.rope_scaling,
        "devices": [str(device) for device in devices],
        "limit_memory_gib": arguments.limit_memory,
        "lengths": subject.lengths,
        "rounds": arguments.rounds,
        "alpha": arguments.alpha,
        "method": arguments.method,
        "density_forced": density,
        "chunk": reader.chunk,
        "answer_tokens": reader.answer_tokens,
        "kv_cache_dtype": reader.kv_cache_dtype,
        "material": reader.material.description,
        "notes": notes,
    }
    report = Report("prefill", settings, arguments.out)
    check = check_equality(reader, subject.lengths[0])
    notes.append(told(check))
    print(notes[-1], flush=True)
    pairs = measure(reader, subject.lengths, arguments.rounds, report)
    tables = [times_table(report.rows), memory_table(report.rows), pairs_table(pairs)]
    print("", "\n\n".join(tables), sep="\n")
    report.finish(
        {"check": check, "by_length": pairs}, ["\n".join(f"- {note}" for note in notes), *tables]
    )
    if (picture := report.path(".png")) is not None:
        draw_ttft(report.rows, subject.loaded.name, picture)
    return 0


def measure(reader: PrefillBench, lengths: Sequence[int], rounds: int, report: Report) -> list[Row]:
    """Rounds of dense and sparse in alternation, length by length, each into `report`.

    A mode whose memory ran out is not tried at greater lengths.

    Returns:
        for each length at which both ran, their medians and what lies between them.
    """
    pairs: list[Row] = []
    last: dict[str, Row] = {}
    exhausted: dict[str, int] = {}  # mode -> length
    for length in lengths:
        timed: dict[str, list[TimedPrefill]] = {mode: [] for mode in MODES}
        for _ in range(rounds):
            for mode in MODES:
                if mode not in exhausted:
                    prefill = _try(reader, length, mode)
                    if prefill is None:
                        exhausted[mode] = length
                    else:
                        timed[mode].append(prefill)
        for mode in MODES:
            attention = attention_of(reader, mode)
            if mode in exhausted:
                report.add(missing(length, mode, attention, exhausted[mode]))
            else:
                row = measured(length, mode, attention, timed[mode], last.get(mode))
                report.add(row)
                last[mode] = row
        if not exhausted:
            pairs.append(_pair(last, timed))
        release(reader.devices)
    return pairs


def attention_of(reader: PrefillBench, mode: str) -> str:
    """What computes a mode's attention, for tables."""
    return "all pairs" if mode == "dense" else density_of(reader)


def density_of(reader: PrefillBench) -> str:
    settings = reader.settings
    if settings.density is not None:
        return f"density {settings.density:g} forced"
    return f"{settings.method}, alpha {settings.alpha:g}"


def _try(reader: PrefillBench, length: int, mode: str) -> TimedPrefill | None:
    """None where memory runs out."""
    try:
        prefill = reader.read(length, mode)
    except torch.OutOfMemoryError:
        print(f"{length:,} tokens, {mode}: out of memory", file=sys.stderr, flush=True)
    else:
        print(
            f"{length:,} tokens, {mode}: TTFT {prefill.ttft_s:.2f} s, "
            f"density {prefill.density:.3f}, {reader.answer_tokens} tokens answered",
            file=sys.stderr,
            flush=True,
        )
        return prefill
    release(reader.devices)
    return None


def _pair(rows: dict[str, Row], timed: dict[str, list[TimedPrefill]]) -> Row:
    dense, sparse = rows["dense"], rows["sparse"]
    return {
        "length": dense["length"],
        "dense_ttft_s": dense["ttft_s"],
        "sparse_ttft_s": sparse["ttft_s"],
        "dense_over_sparse": dense["ttft_s"] / sparse["ttft_s"],
        **compare(timed["dense"][-1].logits, timed["sparse"][-1].logits),
    }


def _reader(
    subject: Subject, arguments: argparse.Namespace, settings: SelectionSettings
) -> PrefillBench:
    loaded, longest = subject.loaded, subject.lengths[-1]
    if subject.random:
        material: RandomIds | DocumentText = RandomIds(loaded, longest)
    else:
        tokenizer = load_tokenizer(str(loaded.folder or loaded.name))
        material = DocumentText(tokenizer, arguments.document, longest)
    return PrefillBench(
        loaded,
        subject.devices,
        material,
        settings,
        arguments.chunk,
        arguments.answer_tokens,
        arguments.kv_cache_dtype,
    )


def _chunks(reader: PrefillBench) -> str:
    if reader.chunk is not None:
        return f"chunks of {reader.chunk:,} tokens"
    usual = f"{platform_of(reader.loaded.device).sizes.chunk:,} tokens"
    if len(reader.devices) > 1:
        return f"chunks of about {usual}, later ones smaller, so that each costs the same"
    return f"chunks of {usual}, the first apart"


def _notes(reader: PrefillBench, subject: Subject) -> list[str]:
    """What the figures are of."""
    notes = [
        f"Read: {reader.material.description}; {_chunks(reader)}.",
        f"{_DENSE}; sparse is the same engine, {density_of(reader)}.",
        "TTFT is tokenizing, selection, prefill and the first answer token of a short question; "
        "loading and parsing are not in it.",
        "Window and sinks are always kept and short documents read densely: density is what was "
        "computed, and at 1 nothing was skipped.",
    ]
    if subject.random:
        notes.append(
            "The weights are random: times and memory are those of the shape, recall and next "
            "tokens are no model's."
        )
    return notes
