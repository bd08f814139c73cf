"""How long selection takes, so far and in all; a GPU's events are stood in for."""

import time

import torch

from sa_chat.engine.cache import KVCache
from sa_chat.engine.platform.stopwatch import Stopwatch
from sa_chat.engine.runtime.prefill import prefill

CUDA = torch.device("cuda", 0), torch.device("cuda", 1)


class Event:
    """A point in a GPU's queue, reached or not; `at` in milliseconds."""

    def __init__(self, at, reached):
        self.at, self.reached, self.waited = at, reached, False

    def query(self):
        return self.reached

    def synchronize(self):
        self.reached = self.waited = True

    def elapsed_time(self, end):
        assert self.reached
        assert end.reached
        return end.at - self.at


def piece(device, began, ended, reached):
    return device, Event(began, reached), Event(ended, reached)


def test_on_a_cpu_both_are_the_clock_s():
    watch = Stopwatch()
    assert watch.seconds == watch.ended_seconds == 0.0
    for _ in range(2):
        with watch.running(torch.device("cpu")):
            time.sleep(0.01)
    assert watch.seconds == watch.ended_seconds >= 0.02


def test_what_has_ended_is_told_without_waiting_and_counts_once():
    watch = Stopwatch()
    done = piece(CUDA[0], 0, 1000, reached=True)
    running = piece(CUDA[0], 1000, 3000, reached=False)
    watch._events = [done, running]
    assert watch.ended_seconds == watch.ended_seconds == 1.0
    assert not running[2].waited
    running[1].reached = True
    assert watch.seconds == watch.ended_seconds == 3.0
    assert running[2].waited
    assert not done[2].waited


def test_of_two_devices_the_longer_time_counts():
    watch = Stopwatch()
    watch._events = [
        piece(CUDA[0], 0, 1000, reached=False),
        piece(CUDA[1], 0, 500, reached=True),
        piece(CUDA[1], 500, 700, reached=True),
    ]
    assert watch.ended_seconds == 0.7
    watch._events[0][1].reached = True
    assert watch.seconds == 1.0


def test_each_chunk_tells_the_time_of_selection_so_far(tiny, token_ids, small_settings):
    reports = {}
    for mode in ("sparse", "dense"):
        reports[mode] = told = []
        result = prefill(
            tiny,
            KVCache(tiny.layers, 600),
            token_ids(500),
            mode=mode,
            alpha=0.6,
            chunk=100,
            on_chunk=told.append,
            settings=small_settings,
        )
        assert len(told) == 5
        assert [r.select_s for r in told] == sorted(r.select_s for r in told)
        assert all(r.select_s <= r.seconds for r in told)
        assert told[-1].select_s == result.select_s
    assert reports["sparse"][-1].select_s > 0
    assert reports["dense"][-1].select_s == 0
