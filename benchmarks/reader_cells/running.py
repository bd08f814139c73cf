"""Runs jobs in parallel, each in a process and a folder of its own."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from jobs import Job, command_of
from sa_chat.protocol.errors import UsageError

_GRACE_S = 20.0  # between interrupt and kill


@dataclass
class Running:
    """A job whose process has been started."""

    job: Job
    process: subprocess.Popen[bytes]
    log: TextIO
    gpu: str | None
    began: float


def run_jobs(jobs: Sequence[Job], args: argparse.Namespace) -> None:
    """Run all jobs; at the time limit or on an interrupt the remaining ones are ended."""
    began = time.monotonic()
    gpus = _gpus(args.gpus)
    waiting, running, ended = list(jobs), list[Running](), 0
    try:
        while waiting or running:
            if args.time_limit is not None and time.monotonic() - began > args.time_limit:
                print(f"Time limit: {len(running)} jobs ended, {len(waiting)} not started.")
                return
            while waiting and len(running) < args.processes:
                used = Counter(one.gpu for one in running)
                gpu = min(gpus, key=lambda gpu: used[gpu]) if gpus else None
                running.append(_start(waiting.pop(0), args, gpu))
            time.sleep(0.2)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                ended += 1
                _finish(one, args.out)
                print(
                    f"[{ended}/{len(jobs)}] {one.job.name}: exit {one.process.returncode} after "
                    f"{time.monotonic() - one.began:.0f} s",
                    flush=True,
                )
    except KeyboardInterrupt:
        print("\nInterrupted.  The same command resumes where it stopped.", file=sys.stderr)
    finally:
        _end(running, args.out)


def _gpus(count: int | None) -> list[str]:
    if not count:
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    found = [name.strip() for name in visible.split(",") if name.strip()]
    if found and len(found) < count:
        raise UsageError(
            f"CUDA_VISIBLE_DEVICES has {len(found)} devices, not {count}.", "Give --gpus fewer."
        )
    return found[:count] or [str(number) for number in range(count)]


def _start(job: Job, args: argparse.Namespace, gpu: str | None) -> Running:
    folder = args.out / "jobs" / job.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "exit").unlink(missing_ok=True)
    threads = str(args.threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, threads), "TOKENIZERS_PARALLELISM": "false"}
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    log = (folder / "log.txt").open("w", encoding="utf-8")
    process = subprocess.Popen(
        command_of(job, args),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # an interrupt from the keyboard is passed on by `_end`
    )
    return Running(job, process, log, gpu, time.monotonic())


def _finish(one: Running, out: Path) -> None:
    one.log.close()
    (out / "jobs" / one.job.name / "exit").write_text(f"{one.process.returncode}\n", "utf-8")


def _end(running: Iterable[Running], out: Path) -> None:
    running = list(running)
    for one in running:
        one.process.send_signal(signal.SIGINT)
    until = time.monotonic() + _GRACE_S
    for one in running:
        try:
            one.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
        _finish(one, out)
