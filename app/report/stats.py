"""Measured figures as lines of plain text."""

from __future__ import annotations

from sa_chat.protocol.events import (
    Answer,
    CalibrationProgress,
    DocumentCounted,
    DocumentReady,
    Event,
    PrefillDone,
    PrefillProgress,
)
from sa_chat.protocol.values import Citation, DeviceUse

from . import text


def lines(event: Event) -> list[str]:
    """The lines about an event; empty for most events."""
    match event:
        case DocumentReady():
            return document(event)
        case CalibrationProgress() if event.fraction >= 1.0:
            return [calibration(event)]
        case PrefillDone():
            return prefill(event)
        case Answer():
            return answer(event)
    return []


def progress(event: PrefillProgress) -> str:
    """Progress of the prefill, and the remaining time at the rate so far."""
    tokens_left = event.tokens_total - event.tokens_done
    left_s = event.seconds / max(event.tokens_done, 1) * tokens_left
    return (
        f"reading: {text.percent(event.tokens_done / event.tokens_total)} of "
        f"{text.count(event.tokens_total)} tokens, density {event.density:.2f}, "
        f"about {text.duration(left_s)} left"
    )


def calibration(event: CalibrationProgress) -> str:
    """Progress of measuring this machine, which is not part of the TTFT."""
    return f"measuring this machine, once: {text.duration(event.seconds)}"


def document(event: DocumentReady) -> list[str]:
    """Title, size, and what was left out."""
    lines = [
        f"{text.one_line(event.title)}: {text.plural(event.prompt_tokens, 'token')} "
        f"of {text.count(event.context_tokens)}"
    ]
    if event.dropped_tokens:
        lines.append(f"dropped: {text.plural(event.dropped_tokens, 'token')}")
    return lines + left_out(event)


def counted(event: DocumentCounted) -> list[str]:
    """Size, whether it fits, and what was left out."""
    room = event.context_tokens - event.reserve_tokens
    fits = f"{text.count(event.excess_tokens)} too many" if event.excess_tokens > 0 else "it fits"
    line = f"{text.plural(event.prompt_tokens, 'token')}, {text.count(room)} fit: {fits}"
    return [line, *left_out(event)]


def left_out(event: DocumentReady | DocumentCounted) -> list[str]:
    """Files and pages that the model does not read."""
    return [
        f"left out: {text.one_line(item.path)} ({text.one_line(item.reason)})"
        for item in event.left_out
    ]


def prefill(event: PrefillDone) -> list[str]:
    """The parts of the time to first token so far, and the figures of attention."""
    ttft, attention = event.ttft, event.attention
    return [
        f"read in {text.seconds(ttft.total_s)}: parse {text.seconds(ttft.parse_s)}, "
        f"tokenize {text.seconds(ttft.tokenize_s)}, select {text.seconds(ttft.select_s)}, "
        f"prefill {text.seconds(ttft.prefill_s)}",
        f"attention: {attention.mode}, alpha {attention.alpha:g}, "
        f"density {attention.density:.3f}, sparsity {attention.sparsity:.3f}, "
        f"recall {attention.recall:.3f} "
        f"(5th percentile {attention.recall_p5:.3f}, minimum {attention.recall_min:.3f})",
    ]


def answer(event: Answer) -> list[str]:
    """Speed of the answer, then each quotation with its place."""
    return [
        f"first token after {text.seconds(event.question_ttft_s)}; "
        f"{text.plural(event.tokens, 'token')} at {text.rate(event.tokens_per_s)}"
        + ("; earlier turns forgotten to make room" if event.forgot_turns else ""),
        *(citation(item) for item in event.citations),
    ]


def citation(item: Citation) -> str:
    quote = f'"{text.one_line(item.quote)}"'
    if not item.verified:
        return f"not in the document: {quote}"
    page = "" if item.page is None else f", page {text.one_line(item.page)}"
    return f"verified: {quote} {text.one_line(item.path)}{page}, line {item.line}"


def memory(devices: tuple[DeviceUse, ...]) -> list[str]:
    """Memory of each device: of the engine, by use, and of all programs."""
    return [
        f"memory: {text.one_line(device.name)} {text.size(device.used_bytes)} "
        f"(peak {text.size(device.peak_bytes)}) of {text.size(device.total_bytes)}: "
        f"weights {text.size(device.weights_bytes)}, KV {text.size(device.kv_bytes)}, "
        f"workspace {text.size(device.workspace_bytes)}; "
        f"in use by all {text.size(device.driver_bytes)}"
        for device in devices
    ]
