"""What this machine is called, without looking for models."""

from __future__ import annotations

import platform
from pathlib import Path


def cpu_name() -> str:
    """What Linux calls the CPU; elsewhere Python's word for it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text("utf-8").splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def driver_version() -> str:
    """What NVIDIA's driver calls itself, on Linux; elsewhere, and where there is none, nothing."""
    told = Path("/proc/driver/nvidia/version")
    words = told.read_text("utf-8").split() if told.exists() else []
    numbers = [word for word in words if word.replace(".", "").isdigit() and "." in word]
    return numbers[0] if numbers else ""
