"""Every Triton kernel compiles for every kind of card it is for, and fits there.

Triton compiles without a GPU, in the form in which the kernels are launched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from sa_chat.engine.kernels import heaviest, sampled, stripes

triton = pytest.importorskip("triton")

CAPABILITIES = [86, 90, 120]  # the least shared memory; Hopper; the newest
MOST_SHARED = 99 * 1024  # bytes a program can have on sm_86, sm_89 and sm_120
POINTERS = {torch.bfloat16: "*bf16", torch.float32: "*fp32", torch.int32: "*i32"}


class Recorder:
    """In the place of a kernel: keeps what it is launched with."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.launches: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return lambda *args, **options: self.launches.append((args, options))

    def shared_bytes(self, capability: int) -> int:
        """Compiles the last launch and returns the shared memory that it needs."""
        args, options = self.launches[-1]
        names = self.kernel.arg_names
        constants = {name: value for name, value in options.items() if name in names}
        signature = {name: _kind(value) for name, value in zip(names, args, strict=False)}
        signature |= dict.fromkeys(constants, "constexpr")
        compiled = triton.compile(
            triton.compiler.ASTSource(
                fn=self.kernel,
                signature=signature,
                constexprs={(names.index(name),): value for name, value in constants.items()},
            ),
            target=triton.backends.compiler.GPUTarget("cuda", capability, 32),
            options={name: value for name, value in options.items() if name not in names},
        )
        return int(compiled.metadata.shared)


def _kind(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return POINTERS[value.dtype]
    return "fp32" if isinstance(value, float) else "i32"


def _stripes(size: int) -> None:
    q = torch.zeros(8, 1024, size, dtype=torch.bfloat16)
    k = torch.zeros(2, 4096, size, dtype=torch.bfloat16)
    counts = torch.zeros(8, 2, dtype=torch.int32)
    columns = torch.zeros(8, 100, dtype=torch.int32)
    stripes.attend_stripes(q, k, k, columns, counts, counts, tile=512, scale=0.1)


def _row_lse(size: int) -> None:
    q = torch.zeros(8, 100, size, dtype=torch.bfloat16)
    sampled.row_lse(q, q[:2], torch.zeros(100, dtype=torch.int32), scale=0.1)


def _column_mass(size: int) -> None:
    q = torch.zeros(8, 100, size, dtype=torch.bfloat16)
    before = torch.zeros(100, dtype=torch.int32)
    sampled.column_mass(q, q[:2], torch.zeros(8, 100), before, keys=90, scale=0.1)


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("size", [64, 80, 128, 256])
@pytest.mark.parametrize(
    ("module", "name", "launch"),
    [
        (stripes, "_stripes", _stripes),
        (sampled, "_row_lse", _row_lse),
        (sampled, "_column_mass", _column_mass),
    ],
    ids=["stripes", "row_lse", "column_mass"],
)
def test_attention_kernels_fit(monkeypatch, module, name, launch, size, capability):
    recorder = Recorder(getattr(module, name))
    monkeypatch.setattr(module, name, recorder)
    launch(size)
    assert 0 < recorder.shared_bytes(capability) <= MOST_SHARED


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("reach", [True, False])
def test_the_choice_of_columns_fits(monkeypatch, reach, capability):
    recorder = Recorder(heaviest._heaviest)
    monkeypatch.setattr(heaviest, "_heaviest", recorder)
    weights = torch.zeros(8, 5000)
    heaviest.heaviest_triton(weights, weights, torch.zeros(8), always=16, reach=reach)
    assert recorder.shared_bytes(capability) <= MOST_SHARED
