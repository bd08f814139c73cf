"""Which machine and versions a figure belongs to."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import torch


def describe() -> str:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return (
        f"{cpu}, {torch.get_num_threads()} threads"
        + (f", {', '.join(devices)}" if devices else "")
        + f"; Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {version('transformers')}, sa-chat {version('sa-chat')}"
    )
