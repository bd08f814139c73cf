"""Full collections wait until nothing happens."""

from __future__ import annotations

import gc

from sa_chat.app.tui.collector import Collector


def test_it_collects_once_after_a_rest() -> None:
    now = [0.0]
    collector = Collector(lambda: now[0])
    assert not collector.collect_if_idle()  # nothing has happened
    collector.note_activity()
    now[0] = 1.0
    assert not collector.collect_if_idle()
    collector.note_activity()
    now[0] = 2.5
    assert not collector.collect_if_idle()
    now[0] = 3.0
    assert collector.collect_if_idle()
    now[0] = 9.0
    assert not collector.collect_if_idle()


def test_it_leaves_everything_as_it_was() -> None:
    before = gc.get_threshold()
    collector = Collector()
    collector.begin()
    assert gc.get_threshold() != before
    collector.end()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
