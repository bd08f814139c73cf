"""The live panel: whole figures at every size, what moves while it reads, what stays still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from stand_in import DENSITY, DEVICES, DOCUMENT, DONE, GIB, MODEL, StandInApp, answer, screen_text
from textual.geometry import Size
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Digits

from sa_chat.app.session.reducer import apply
from sa_chat.app.session.state import ChatState
from sa_chat.app.tui.widgets.density_map import DensityMap
from sa_chat.app.tui.widgets.lines import Lines
from sa_chat.app.tui.widgets.panel import LivePanel
from sa_chat.app.tui.widgets.prefill_bar import PrefillBar
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.app.tui.widgets.stats_strip import StatsStrip
from sa_chat.app.tui.widgets.ttft import TtftParts, TtftView
from sa_chat.app.tui.widgets.ttft_breakdown import breakdown_of
from sa_chat.protocol import events, values

pytestmark = pytest.mark.asyncio
SIZES = [(80, 24), (100, 30), (120, 40), (160, 45), (200, 60), (240, 70)]
LONG = values.Ttft(3.4, 1.2, 24.0, 190.6, 0.0)
FIGURES = values.AttentionFigures("sparse", 0.95, 0.208, 0.975, 0.937, 0.81)
READ = replace(DONE, ttft=LONG, attention=FIGURES)
OPENED = (
    events.LoadProgress("parse", 1.0, 3.4),
    events.LoadProgress("tokenize", 1.0, 1.2),
    DOCUMENT,
    MODEL,
)


class StillApp(StandInApp):
    """Nothing moves between two events."""

    def __init__(self) -> None:
        super().__init__()
        self.animation_level = "none"


def chunk(tokens: int, seconds: float, density: float = 0.215) -> events.PrefillProgress:
    return events.PrefillProgress(
        tokens, 131_002, seconds, density, DENSITY, DEVICES, select_s=seconds / 8
    )


async def show_panel(pilot: Pilot[None]) -> LivePanel:
    """In place of the conversation where both do not fit."""
    if pilot.app.size.width < 100:
        await pilot.press("f3")
        await pilot.pause()
    return pilot.app.screen.query_one(LivePanel)


async def panel_text(pilot: Pilot[None], panel: LivePanel) -> str:
    """All that it shows, scrolled through from its top to its end."""
    app = pilot.app
    assert isinstance(app, StandInApp)
    seen: list[str] = []
    while len(seen) < panel.max_scroll_y + panel.size.height:
        panel.scroll_to(y=len(seen), animate=False)
        await pilot.pause(0.1)
        region = panel.region
        rows = screen_text(app).splitlines()[region.y : region.bottom]
        fresh = rows[len(seen) - panel.scroll_offset.y :]
        assert fresh
        seen += [row[region.x : region.right] for row in fresh]
    return "\n".join(seen)


async def tell(pilot: Pilot[None], *said: events.Event) -> None:
    """Let the engine say these events, and draw what they come to."""
    app = pilot.app
    assert isinstance(app, StandInApp)
    await app.say(pilot, *said)
    for widget in (LivePanel, PrefillBar, StatsStrip):
        app.screen.query_one(widget).show(app.session.state)
    await pilot.pause()


async def ask(pilot: Pilot[None]) -> None:
    pilot.app.screen.query_one(QuestionBox).text = "Who?"
    await pilot.press("enter")
    await pilot.pause()


def total(app: StandInApp, text: str) -> str:
    """The total time, told in large digits or in a line of its own."""
    split = app.screen.query_one(TtftView)
    digits = split.query_one(Digits)
    if digits.display and digits.region.height:
        return digits.value
    line = next(line for line in text.splitlines() if " total " in line or " so far " in line)
    return " ".join(line.replace("│", "").split()).removeprefix("total ").removeprefix("so far ")


@pytest.mark.parametrize("size", SIZES)
async def test_every_figure_is_whole_at_every_size(size: tuple[int, int]) -> None:
    app = StillApp()
    async with app.run_test(size=size) as pilot:
        await tell(pilot, *OPENED, chunk(65_536, 109.0))
        await ask(pilot)
        panel = await show_panel(pilot)
        text = await panel_text(pilot, panel)
        assert total(app, text) in ("1:54", "1 min 54 s of about 3 min 42 s")
        for figure in ("of about 3 min 42 s", "13.6 s", "95.4 s", "601 tok/s"):
            assert figure in text
        assert "65,536 of 131,002 tokens read, 0 dropped" in text
        assert "…" not in text

        await tell(pilot, chunk(131_002, 214.6), READ)
        await tell(pilot, replace(answer("q1", "He."), ttft=replace(LONG, first_token_s=1.25)))
        text = await panel_text(pilot, panel)
        assert panel.max_scroll_x == 0
        assert total(app, text) in ("3:40", "3 min 40 s")
    assert "…" not in text
    for figure in (
        *("of attention skipped", "density  20.8%", "recall   97.5%", "131,002 tokens"),
        *("3.40 s", "1.20 s", "24.0 s", "3 min 11 s", "1.25 s"),
        *("CPU process memory", "768 MiB / 16.0 GiB", "64 MiB", "512 MiB", "192 MiB", "3.2 GiB"),
        *("12.0 GiB", "1.0 GiB", "610 tok/s", "33.3 tok/s", "sparse, alpha 0.95"),
        *("131,002 of 131,002 tokens read, 0 dropped", "density, 10 layers x 8 heads"),
        *("density 0 ████████████ 1", "row mean"),
    ):
        assert figure in text
    if size != (80, 24):
        assert "86.5%" in text  # of the prefill


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 36), (160, 45)])
async def test_the_line_of_the_reading_is_never_cut(size: tuple[int, int]) -> None:
    app = StillApp()
    async with app.run_test(size=size) as pilot:
        await tell(pilot, *OPENED, chunk(65_536, 109.0))
        line = next(line for line in screen_text(app).splitlines() if "Reading" in line)
        assert "1 min 49 s left" in line
        assert "…" not in line
        if size[0] < 100:
            assert "sparsity 78.5%   TTFT 1 min 54 s   reading 601 tok/s   memory 768 MiB" in (
                screen_text(app)
            )


@pytest.mark.parametrize("size", [(100, 30), (240, 70)])
async def test_a_large_model_on_two_devices_is_pooled(size: tuple[int, int]) -> None:
    matrix = tuple(tuple(((layer + head) % 10) / 10 for head in range(64)) for layer in range(80))
    devices = tuple(
        values.DeviceUse(
            f"NVIDIA RTX [A5000] {n}", 20 * GIB, 22 * GIB, 24 * GIB, 21 * GIB, 9 * GIB, 8 * GIB
        )
        for n in range(2)
    )
    app = StillApp()
    async with app.run_test(size=size) as pilot:
        done = replace(DONE, density_by_head=matrix, devices=devices)
        await tell(pilot, *OPENED, done)
        panel = app.screen.query_one(LivePanel)
        text = await panel_text(pilot, panel)
        density = app.screen.query_one(DensityMap)
        rows = [density.render_line(y).text for y in range(density.size.height)]
        assert all(len(row) == density.size.width for row in rows)
    assert "density, 80 layers x 64 heads" in text
    assert "NVIDIA RTX [A5000] 1" in text
    for figure in ("20.0 GiB / 24.0 GiB", "weights   9.0 GiB", "KV        8.0 GiB"):
        assert text.count(figure) == 2
    for figure in ("work      3.0 GiB", "other     1.0 GiB", "free      3.0 GiB"):
        assert text.count(figure) == 2
    last = max(at for at, row in enumerate(rows) if "▀" in row)
    assert rows[0].startswith("  1 ")
    assert "row mean" in rows[last + 1]


async def test_layers_are_higher_where_there_is_room() -> None:
    app = StillApp()
    async with app.run_test(size=(240, 70)) as pilot:
        await tell(pilot, *OPENED, DONE)
        density = app.screen.query_one(DensityMap)
        rows = [density.render_line(y).text for y in range(density.size.height)]
    each = sum("█" in row for row in rows) // 10
    assert each >= 2
    labels = [row[:4].strip() for row in rows if "█" in row and "density" not in row]
    at = (each - 1) // 2
    assert labels[at::each] == [str(layer) for layer in range(1, 11)]
    assert sum(bool(label) for label in labels) == 10


async def test_memory_before_the_model_is_that_of_the_process() -> None:
    use = values.DeviceUse("CPU", GIB // 4, GIB // 4, 16 * GIB, GIB // 4 + 2**20, 0, 0)
    app = StillApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await tell(pilot, DOCUMENT, events.DeviceStats((use,)))
        text = await panel_text(pilot, app.screen.query_one(LivePanel))
    assert "256 MiB / 16.0 GiB" in text
    assert "used" in text
    assert "weights" not in text
    assert "other" not in text  # 1 MiB is too little to tell


async def test_dense_is_called_by_its_name() -> None:
    dense = values.AttentionFigures("dense", 0.95, 1.0, 1.0)
    app = StillApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(pilot, *OPENED, replace(DONE, attention=dense))
        digits = app.screen.query_one("#sparsity Digits", Digits)
        assert digits.value == "0.0%"
        text = await panel_text(pilot, app.screen.query_one(LivePanel))
    assert "dense: nothing skipped" in text
    assert "attention dense" in text


async def test_a_short_document_is_told_to_be_read_densely() -> None:
    short = values.AttentionFigures("sparse", 0.95, 1.0, 1.0)
    app = StillApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(pilot, *OPENED, replace(DONE, attention=short))
        text = await panel_text(pilot, app.screen.query_one(LivePanel))
    assert "sparse, read densely" in text


async def test_the_running_part_counts_up_between_events() -> None:
    now = 100.0
    app = StandInApp()
    app.animation_level = "full"
    async with app.run_test(size=(120, 40)) as pilot:
        app.screen.query_one(TtftView).clock = lambda: now
        await tell(pilot, *OPENED, chunk(65_536, 16.0))
        before = screen_text(app)
        now = 105.0
        await pilot.pause(0.6)
        after = screen_text(app)
        await tell(pilot, events.EngineFailed("It died.", "Again.", fatal=True))
        now = 200.0
        await pilot.pause(0.6)
        stopped = screen_text(app)
    assert "20.6 s of about 36.6 s" in before
    assert "25.6 s of about 36.6 s" in after
    assert "so far" in stopped
    assert "20.6 s" in stopped


async def test_measuring_the_machine_is_shown_and_is_no_part_of_the_ttft() -> None:
    app = StillApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(pilot, *OPENED, events.CalibrationProgress(0.4, 3.2))
        shown = screen_text(app)
        assert "Measuring this machine, once" in shown
        assert "3 s" in next(line for line in shown.splitlines() if "Measuring" in line)
        split = breakdown_of(app.session.state)
        assert split.timed is None
        assert split.ttft.total_s == pytest.approx(4.6)
        await tell(pilot, events.CalibrationProgress(1.0, 8.0))
        assert "Measuring" not in screen_text(app)
        assert "0 / 131,002 tokens" in screen_text(app)
        await tell(pilot, chunk(16_384, 8.2))
        assert breakdown_of(app.session.state).ttft.total_s == pytest.approx(4.6 + 8.2)


async def test_writing_is_told_while_the_answer_is_written() -> None:
    app = StillApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(pilot, *OPENED, DONE)
        await ask(pilot)
        await tell(pilot, events.TextDelta("He is", tokens=9, seconds=0.2, request_id="q1"))
        assert "40.0 tok/s" in screen_text(app)


async def test_only_what_changed_is_drawn_and_nothing_is_laid_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = StillApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(pilot, *OPENED, chunk(16_384, 8.2), chunk(32_768, 16.4))
        state = app.session.state
        panel = app.screen.query_one(LivePanel)
        drawn: list[tuple[str, bool]] = []

        def watch(widget: type[Widget]) -> None:
            kept = widget.refresh

            def refresh(self: Widget, *regions: Any, **options: Any) -> Widget:
                drawn.append((type(self).__name__, options.get("layout", False)))
                return kept(self, *regions, **options)

            monkeypatch.setattr(widget, "refresh", refresh)

        watch(Lines)
        watch(Digits)
        watch(DensityMap)
        panel.show(state)
        assert drawn == []
        panel.show(apply(state, chunk(49_152, 24.6, 0.2)))
        assert ("TtftParts", False) in drawn
        assert ("SparsityCurve", False) in drawn
        assert "MemoryUse" not in {name for name, _ in drawn}
        assert not any(layout for _, layout in drawn)
        await pilot.pause()


async def test_no_row_is_wider_than_its_widget() -> None:
    state = ChatState()
    for event in (
        *OPENED,
        chunk(131_002, 9_000.0),
        replace(READ, ttft=replace(LONG, prefill_s=8e3)),
    ):
        state = apply(state, event)
    app = StillApp()
    async with app.run_test(size=(240, 70)) as pilot:
        panel = app.screen.query_one(LivePanel)
        panel.show(state)
        await pilot.pause()
        for lines in panel.query(Lines):
            for width in range(36, 120):
                assert max(row.cell_length for row in lines.rows(width)) <= width
                height = lines.get_content_height(Size(), Size(), width)
                assert height == len(lines.rows(width))
        parts = app.screen.query_one(TtftParts)
        assert any("2 h 13 min" in row.plain for row in parts.rows(41))
        assert breakdown_of(state).read
