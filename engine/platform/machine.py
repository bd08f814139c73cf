"""The names of this machine's CPU and driver, and settings of the process's libraries."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path


def prepare_process() -> None:
    """Set what libraries read when they are loaded; the user's own settings stay.

    OpenMP: threads that wait must sleep.  Spinning, they take the cores from the screen, and two
    of them were measured three times slower on a busy machine.  PyTorch: GPU memory in segments
    that can grow.  What a chunk needs grows with the keys before it, and pools of fixed blocks
    took 38 GiB where 18 are enough.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")


@cache
def cpu_name() -> str:
    """The CPU's name by Linux; elsewhere by Python."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text("utf-8").splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@cache
def driver_version() -> str:
    """The version of NVIDIA's driver on Linux; empty elsewhere and where there is none."""
    told = Path("/proc/driver/nvidia/version")
    words = told.read_text("utf-8").split() if told.exists() else []
    numbers = [word for word in words if word.replace(".", "").isdigit() and "." in word]
    return numbers[0] if numbers else ""
