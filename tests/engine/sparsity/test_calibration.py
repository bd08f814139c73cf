"""The break-even length is measured once a machine, and only where it matters."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from sa_chat.engine.info.info import engine_info
from sa_chat.engine.platform.devices import CPU
from sa_chat.engine.sparsity import CostModel, SelectionSettings, autotune
from sa_chat.engine.sparsity.autotune import calibration, forget_calibrations, measure, resolve
from sa_chat.engine.sparsity.calibration import (
    SHORTEST,
    Calibration,
    CalibrationStore,
    TimedLength,
    calibration_of,
)
from sa_chat.engine.sparsity.plan import causal_pairs
from sa_chat.engine.sparsity.prefill_config import AttentionShape, PrefillConfig

SHAPE = AttentionShape(heads=4, kv_heads=2, head_dim=16, dtype="float32", device="cpu")
THREADS = torch.get_num_threads()
FOUND = Calibration(
    dense_ns=2.0, kept_ns=0.00086, gather_ns=0.0344, query_block_ns=1234.0, break_even=5120
)


@pytest.fixture
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget_calibrations()
    yield CalibrationStore()
    forget_calibrations()


@pytest.fixture
def measured(monkeypatch):
    """The shapes that were measured."""
    shapes = []

    def stand_in(shape, progress):
        progress(0.0)
        shapes.append(shape)
        progress(1.0)
        return FOUND

    monkeypatch.setattr(autotune, "measure", stand_in)
    return shapes


def _tuned(settings, keys=SHORTEST, shape=SHAPE, **options):
    """The settings of a layer of this shape, once the configuration is resolved."""
    config = resolve(PrefillConfig(selection=settings), [shape], keys, **options)
    q = torch.zeros(shape.heads, 8, shape.head_dim, device=shape.device)
    return config.selection_for(q, torch.zeros(shape.kv_heads, 8, 16, device=shape.device))


def test_a_shape_is_measured_once_and_kept_for_the_next_process(own_store, measured, monkeypatch):
    assert calibration(SHAPE) == calibration(SHAPE) == FOUND
    forget_calibrations()  # a new process, that is
    assert calibration(SHAPE) == FOUND
    assert measured == [SHAPE]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2 * THREADS)
    calibration(SHAPE)
    assert len(own_store.load()) == 2
    assert all("threads, 2/1 heads x 16, float32" in key for key in own_store.load())


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": {"dense_ns": 1}}', "\xff"])
def test_a_broken_file_is_told_and_replaced(own_store, measured, caplog, content):
    own_store.path.parent.mkdir(parents=True)
    own_store.path.write_bytes(content.encode("latin-1"))
    assert calibration(SHAPE) == FOUND
    assert "measured anew" in caplog.text
    assert len(json.loads(own_store.path.read_text())) == 1


def test_what_an_earlier_version_kept_is_read(own_store, measured):
    forget_calibrations()
    key = autotune.calibration_key(SHAPE)
    entry = {name: value for name, value in asdict(FOUND).items() if name != "query_block_ns"}
    own_store.path.parent.mkdir(parents=True)
    own_store.path.write_text(json.dumps({key: {**entry, "tile_ns": 1234.0}}))
    assert calibration(SHAPE) == FOUND
    assert not measured


def test_a_folder_that_cannot_be_written_is_told(own_store, measured, caplog):
    own_store.path.parent.parent.mkdir(exist_ok=True)
    own_store.path.parent.write_text("a file in its place")
    assert calibration(SHAPE) == FOUND
    assert "measured at each start" in caplog.text


def test_the_method_auto_gets_what_was_measured(own_store, measured):
    settings = _tuned(SelectionSettings())
    assert settings.break_even == 5120
    assert settings.cost == CostModel(gather_pairs=40, call_pairs=round(1234 / 0.00086))
    assert settings.patterns == ("local-vertical",)
    assert [(shape.heads, shape.kv_heads, shape.head_dim) for shape in measured] == [(4, 2, 16)]


def test_progress_is_told_only_while_something_is_measured(own_store, measured):
    told = []
    _tuned(SelectionSettings(), progress=told.append)
    assert told == [0.0, 1.0]
    _tuned(SelectionSettings(), progress=told.append)
    assert told == [0.0, 1.0]


def test_where_sparse_never_pays_all_chunks_stay_dense(own_store, monkeypatch):
    never = replace(FOUND, break_even=None)
    monkeypatch.setattr(autotune, "measure", lambda shape, progress: never)
    assert _tuned(SelectionSettings()).break_even > 10**12


@pytest.mark.parametrize(
    ("change", "keys", "device"),
    [
        ({"method": "local-vertical"}, SHORTEST, "cpu"),
        ({"density": 0.1}, SHORTEST, "cpu"),
        ({"alpha": 1.0}, SHORTEST, "cpu"),
        ({}, SHORTEST, "meta"),
    ],
)
def test_nothing_is_measured_where_it_does_not_matter(own_store, measured, change, keys, device):
    settings = SelectionSettings(**change)
    assert _tuned(settings, keys, replace(SHAPE, device=device)) == settings
    assert not measured


def test_a_device_that_cannot_be_measured_is_named(own_store, caplog):
    _tuned(SelectionSettings(), shape=replace(SHAPE, device="meta"))
    assert "attention on meta cannot be measured, and stays dense" in caplog.text


def test_what_is_set_stays(own_store, measured):
    mine = SelectionSettings(break_even=7, patterns=("block-cluster",))
    assert _tuned(mine) == mine
    assert not measured


def test_short_documents_are_dense_without_measuring(own_store, measured):
    assert _tuned(SelectionSettings(), SHORTEST - 1).break_even == SHORTEST
    assert not measured


def _pairs(keys: int) -> int:
    return 2 * causal_pairs(keys - 2048, keys)


@pytest.mark.parametrize(
    ("kept", "fixed", "expected"),
    [(0.5, 0.0, SHORTEST), (0.5, 0.5 * _pairs(30_000), 30_208), (1.0, 0.0, None), (1.2, 1.0, None)],
    ids=["at once", "later", "never", "worse"],
)
def test_break_even_is_where_the_lines_cross(kept, fixed, expected):
    at = []
    for keys in (4096, 16_384):
        pairs = _pairs(keys)
        plan = pairs // 4
        seconds = (
            1e-9 * pairs,
            1e-9 * (kept * pairs + fixed - 2 * plan - 800),
            1e-9 * (2 * plan + 800),
        )
        at.append(TimedLength(keys, pairs, plan, *seconds))
    found = calibration_of(*at, 3e-9, query_blocks=8)
    assert found.break_even == expected
    assert found.dense_ns == pytest.approx(1.0)
    assert found.kept_ns == pytest.approx(2.0)
    assert found.gather_ns == pytest.approx(3.0)
    assert found.query_block_ns == pytest.approx(100.0, rel=1e-3)


def test_measuring_finds_times(monkeypatch):
    small = replace(CPU.tuning, rows=256, keys=(4096, 8192))
    monkeypatch.setattr(CPU, "tuning", small)
    told = []
    found = measure(SHAPE, told.append)
    assert told == [step / 7 for step in range(7)] + [1.0]
    assert found.dense_ns > 0.0
    assert found.kept_ns > 0.0
    assert found.gather_ns > 0.0
    assert found.break_even is None or found.break_even >= SHORTEST


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_measured_under_its_name_and_driver(own_store):
    shape = AttentionShape(8, 2, 64, "bfloat16", "cuda:0")
    config = resolve(PrefillConfig(), [shape], SHORTEST)
    settings = config.tuned[shape]
    assert settings.break_even >= SHORTEST
    assert settings.patterns == ("local-vertical",)
    assert settings.cost.gather_pairs > 0
    ((key, found),) = own_store.load().items()
    assert torch.cuda.get_device_name() in key
    assert "driver" in key
    assert found.dense_ns > 0.0


def test_info_tells_what_was_measured(own_store, measured):
    assert "attention: measured when a long document is read" in engine_info().lines()
    calibration(SHAPE)
    told = [line for line in engine_info().lines() if line.startswith("attention on ")]
    assert len(told) == 1
    assert told[0].endswith(
        "a pair takes 2 ns dense and 0.00086 ns kept, a column 0.034 ns, a query block 1.2 µs; "
        "sparse pays from 5,120 keys on"
    )
