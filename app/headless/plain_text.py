"""Events and figures as plain sentences, with units in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sa_chat.protocol.events import (
    Answer,
    CalibrationProgress,
    DocumentReady,
    ModelReady,
    PrefillDone,
    PrefillProgress,
)
from sa_chat.protocol.values import AttentionFigures, Citation, DeviceUse, LeftOut

from ..report import text
from ..report.outcome import Outcome

_LEFT_OUT_LISTED = 3  # the others only on request


def document(event: DocumentReady) -> Iterator[str]:
    """Title, size, and the first parts that were left out."""
    yield f"The document is {text.one_line(event.title)}."
    yield (
        f"It has {text.plural(event.prompt_tokens, 'token')}, and there is room for "
        f"{text.count(event.context_tokens)}."
    )
    if event.dropped_tokens:
        yield f"Parts with {text.plural(event.dropped_tokens, 'token')} were dropped."
    yield from left_out(event.left_out[:_LEFT_OUT_LISTED])
    if (more := len(event.left_out) - _LEFT_OUT_LISTED) > 0:
        yield f"{text.plural(more, 'more thing is', 'more things are')} left out."


def left_out(items: Sequence[LeftOut]) -> Iterator[str]:
    for item in items:
        yield f"{text.one_line(item.path)} is left out: {text.one_line(item.reason)}."


def model(event: ModelReady) -> str:
    millions = f"{event.parameters / 1e6:,.1f}".removesuffix(".0")
    return (
        f"The model is {text.one_line(event.name)}, with {millions} million parameters, "
        f"on {text.one_line(event.device)}."
    )


def progress(event: PrefillProgress) -> str:
    """Progress of the prefill, and the remaining time at the rate so far."""
    tokens_left = event.tokens_total - event.tokens_done
    left_s = event.seconds / max(event.tokens_done, 1) * tokens_left
    part = event.tokens_done / event.tokens_total
    return f"{part * 100:.0f} percent read, about {rounded(left_s)} left."


def read(event: PrefillDone) -> str:
    return f"Read {text.plural(event.tokens, 'token')} in {duration(event.ttft.total_s)}."


def measured(event: CalibrationProgress) -> str:
    return f"Measuring took {duration(event.seconds)}."


def quotations(citations: Sequence[Citation], with_paths: bool) -> Iterator[str]:
    """Numbered quotations with their places; `with_paths` if there are several files."""
    for number, item in enumerate(citations, 1):
        quote = text.one_line(item.quote)
        if item.verified:
            yield f"Quotation {number}, verified, {_place(item, with_paths)}: {quote}"
        else:
            yield f"Quotation {number} is not in the document: {quote}"


def _place(item: Citation, with_path: bool) -> str:
    place = f"line {item.line}" if item.page is None else f"page {text.one_line(item.page)}"
    return f"{text.one_line(item.path)}, {place}" if with_path else place


def stats(outcome: Outcome) -> Iterator[str]:
    """All figures that are known: density, recall, speed, memory."""
    if outcome.model is not None:
        yield model(outcome.model)
    if outcome.prefill is not None:
        yield from _reading(outcome.prefill)
        yield from _attention(outcome.prefill.attention)
    if outcome.answers:
        yield from _answer(outcome.answers[-1])
    for device in outcome.devices:
        yield from _memory(device)


def _reading(event: PrefillDone) -> Iterator[str]:
    ttft = event.ttft
    yield read(event)
    yield f"Opening the files took {duration(ttft.parse_s)}."
    yield f"Counting the tokens took {duration(ttft.tokenize_s)}."
    yield f"Selecting what attention keeps took {duration(ttft.select_s)}."
    yield f"Computing took {duration(ttft.prefill_s)}."
    computing_s = ttft.select_s + ttft.prefill_s
    if computing_s > 0:
        yield f"The speed of reading was {_number(event.tokens / computing_s)} tokens a second."


def _attention(attention: AttentionFigures) -> Iterator[str]:
    yield f"Attention is {attention.mode}, with alpha {attention.alpha:g}."
    yield f"Density is {percent(attention.density)}."
    yield f"{percent(attention.sparsity)} of all pairs of attention were skipped."
    yield f"Recall is {percent(attention.recall)} on average."
    yield f"Recall is {percent(attention.recall_p5)} at the fifth percentile."
    yield f"Recall is {percent(attention.recall_min)} at the least."


def _answer(event: Answer) -> Iterator[str]:
    yield f"The last answer began after {duration(event.question_ttft_s)}."
    yield (
        f"It has {text.plural(event.tokens, 'token')}, at {_number(event.tokens_per_s)} a second."
    )


def _memory(device: DeviceUse) -> Iterator[str]:
    name = text.one_line(device.name)
    yield f"The engine uses {size(device.used_bytes)} of memory on {name}."
    yield f"Weights take {size(device.weights_bytes)}."
    yield f"Keys and values take {size(device.kv_bytes)}."
    yield f"The work takes {size(device.workspace_bytes)}."
    yield f"The most so far was {size(device.peak_bytes)}."
    yield f"All programs together use {size(device.driver_bytes)} of {size(device.total_bytes)}."


def percent(fraction: float) -> str:
    """`25 percent`, `97.5 percent`."""
    return f"{fraction * 100:.1f}".removesuffix(".0") + " percent"


def duration(seconds: float) -> str:
    """`84 milliseconds`, `1.2 seconds`, `38 seconds`, `1 minute 5 seconds`, `2 hours`."""
    if seconds < 0.9995:
        return text.plural(round(seconds * 1000), "millisecond")
    if seconds < 9.95:
        tenths = f"{seconds:.1f}".removesuffix(".0")
        return f"{tenths} {'second' if tenths == '1' else 'seconds'}"
    whole = round(seconds)
    if whole < 60:
        return text.plural(whole, "second")
    unit, part, size = ("minute", "second", 60) if whole < 3600 else ("hour", "minute", 3600)
    parts = whole % size if size == 60 else whole % size // 60
    return text.plural(whole // size, unit) + (f" {text.plural(parts, part)}" if parts else "")


def rounded(seconds: float) -> str:
    """An estimate, rounded to seconds, from 20 s to 5 s, from 2 minutes to 10 s."""
    step = 1 if seconds < 20 else 5 if seconds < 120 else 10
    return duration(max(1, round(seconds / step) * step))


def size(used_bytes: int) -> str:
    """`812 mebibytes`, `1.9 gibibytes`."""
    gib = used_bytes / 2**30
    number, unit = (f"{gib:.1f}", "gibibyte") if gib >= 0.9995 else ("", "mebibyte")
    number = number.removesuffix(".0") or f"{used_bytes / 2**20:.0f}"
    return f"{number} {unit}" + ("" if number == "1" else "s")


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0") if value < 99.95 else f"{value:,.0f}"
