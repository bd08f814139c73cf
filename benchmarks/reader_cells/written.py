"""Writes cells.json, cells.md and wrong.jsonl from the folders of jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sa_chat.protocol.errors import UsageError
from table import Table


def read_records(path: Path) -> list[dict[str, Any]]:
    """The lines of a results.jsonl; an incomplete last line is ignored."""
    *lines, _ = path.read_bytes().split(b"\n")
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise UsageError(f"{path} has a line that is not a record.", "Remove that job.") from error


def write_report(out: Path) -> str:
    """Write cells.json, cells.md and wrong.jsonl of all jobs below `out`; returns the text of
    cells.md.

    Raises `UsageError` if there are no jobs.
    """
    folders = sorted(out.glob("jobs/*/"))
    records = [(f.name, read_records(r)) for f in folders if (r := f / "results.jsonl").is_file()]
    if not folders:
        raise UsageError(f"{out} has no jobs of a run.", "Name the folder given to --out.")
    table = Table(records)
    planned = out / "jobs.json"
    names = json.loads(planned.read_text("utf-8")) if planned.is_file() else []
    unfinished = [
        f"{name}: {why}"
        for name in dict.fromkeys([*names, *(folder.name for folder in folders)])
        if (why := _unfinished(out / "jobs" / name)) is not None
    ]
    settings = [record["settings"] for _, lines in records for record in lines[:1]]
    places = [
        {name: one.get(name) for name in ("model", "device", "machine", "documents")}
        for one in settings
    ]
    data = {
        "environments": [p for i, p in enumerate(places) if p not in places[:i]],
        "cells": table.cells,
        "false refusals": table.refusals(),
        "not run": [
            {"task": t, "length": n, "reason": why} for (t, n), why in table.not_run.items()
        ],
        "unfinished": unfinished,
    }
    text = table.markdown(unfinished)
    (out / "cells.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (out / "cells.md").write_text(text, "utf-8")
    lines = [json.dumps(answer, ensure_ascii=False) + "\n" for answer in table.wrong]
    (out / "wrong.jsonl").write_text("".join(lines), "utf-8")
    return text


def _unfinished(folder: Path) -> str | None:
    """Why a job lacks results; None if it is complete."""
    if not folder.is_dir():
        return "not started"
    code, log = folder / "exit", folder / "log.txt"
    if not code.is_file():
        return "still running, or killed"
    if (ended := code.read_text("utf-8").strip()) == "0":
        return None
    if ended in ("130", "-2", "-9"):
        return "ended early"
    lines = log.read_text("utf-8", errors="replace").strip().splitlines() if log.is_file() else []
    return f"exit {ended}: {' '.join(lines[-2:])[-300:]}"
