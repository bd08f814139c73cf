"""Triton kernels on the CPU: interpreted, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run_interpreted(file: str) -> None:
    """Run a test file as a program in which Triton interprets its kernels.

    Such a file ends with a check under `if __name__ == "__main__"`.
    """
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, file], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
