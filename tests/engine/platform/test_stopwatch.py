"""How long selection takes, so far and in all; a GPU's events are stood in for."""

import time

import torch

from running import prefill
from sa_chat.engine.cache import KVCache
from sa_chat.engine.platform.stopwatch import Stopwatch

CUDA = torch.device("cuda", 0), torch.device("cuda", 1)


class Marker:
    """A point in a GPU's queue, reached or not; `at` in seconds."""

    def __init__(self, at, reached):
        self.at, self.done, self.waited = at, reached, False

    def reached(self):
        return self.done

    def wait(self):
        self.done = self.waited = True

    def seconds_since(self, earlier):
        assert self.done
        assert earlier.done
        return self.at - earlier.at


def piece(device, began, ended, reached):
    return device, Marker(began, reached), Marker(ended, reached)


def test_on_a_cpu_both_are_the_clock_s():
    watch = Stopwatch()
    assert watch.seconds == watch.ended_seconds == 0.0
    for _ in range(2):
        with watch.running(torch.device("cpu")):
            time.sleep(0.01)
    assert watch.seconds == watch.ended_seconds >= 0.02


def test_what_has_ended_is_told_without_waiting_and_counts_once():
    watch = Stopwatch()
    done = piece(CUDA[0], 0, 1.0, reached=True)
    running = piece(CUDA[0], 1.0, 3.0, reached=False)
    watch.add(*done)
    watch.add(*running)
    assert watch.ended_seconds == watch.ended_seconds == 1.0
    assert not running[2].waited
    running[1].done = True
    assert watch.seconds == watch.ended_seconds == 3.0
    assert running[2].waited
    assert not done[2].waited


def test_of_two_devices_the_longer_time_counts():
    watch = Stopwatch()
    longest = piece(CUDA[0], 0, 1.0, reached=False)
    watch.add(*longest)
    watch.add(*piece(CUDA[1], 0, 0.5, reached=True))
    watch.add(*piece(CUDA[1], 0.5, 0.75, reached=True))
    assert watch.ended_seconds == 0.75
    longest[1].done = True
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
