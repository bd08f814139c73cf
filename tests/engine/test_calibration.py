"""The break-even length is measured once a machine, and only where it matters."""

import json
from dataclasses import replace

import pytest
import torch

from sa_chat.engine.info.info import engine_info
from sa_chat.engine.sparsity import CostModel, SelectionSettings
from sa_chat.engine.sparsity import autotune as calibrations
from sa_chat.engine.sparsity.autotune import (
    SHORTEST,
    Calibration,
    Shape,
    calibrated,
    calibration,
    measure,
    store,
    stored,
)
from sa_chat.engine.sparsity.plan import causal_pairs

SHAPE = Shape(heads=2, groups=1, size=16, dtype="float32", device="cpu", threads=1)
FOUND = Calibration(
    dense_ns=2.0, kept_ns=0.00086, gather_ns=0.0344, tile_ns=1234.0, break_even=5120
)


@pytest.fixture
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calibration.cache_clear()
    yield store()
    calibration.cache_clear()


@pytest.fixture
def measured(monkeypatch):
    """The shapes that were measured."""
    shapes = []
    monkeypatch.setattr(calibrations, "measure", lambda shape: shapes.append(shape) or FOUND)
    return shapes


def _layer(keys: int, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(4, 8, 16, device=device), torch.zeros(2, keys, 16, device=device)


def test_a_shape_is_measured_once_and_kept_for_the_next_process(own_store, measured):
    assert calibration(SHAPE) == calibration(SHAPE) == FOUND
    calibration.cache_clear()  # a new process, that is
    assert calibration(SHAPE) == FOUND
    assert measured == [SHAPE]
    calibration(replace(SHAPE, threads=2))
    assert len(stored(own_store)) == 2
    assert all("threads, 2/1 heads x 16, float32" in key for key in stored(own_store))


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": {"dense_ns": 1}}', "\xff"])
def test_a_broken_file_is_told_and_replaced(own_store, measured, caplog, content):
    own_store.parent.mkdir(parents=True)
    own_store.write_bytes(content.encode("latin-1"))
    assert calibration(SHAPE) == FOUND
    assert "measured anew" in caplog.text
    assert len(json.loads(own_store.read_text())) == 1


def test_a_folder_that_cannot_be_written_is_told(own_store, measured, caplog):
    own_store.parent.parent.mkdir(exist_ok=True)
    own_store.parent.write_text("a file in its place")
    assert calibration(SHAPE) == FOUND
    assert "measured at each start" in caplog.text


def test_the_joined_method_gets_what_was_measured(own_store, measured):
    settings = calibrated(SelectionSettings(), *_layer(SHORTEST))
    assert settings.break_even == 5120
    assert settings.cost == CostModel(gather_pairs=40, call_pairs=round(1234 / 0.00086))
    assert settings.patterns == ("local-vertical",)
    assert [(shape.heads, shape.groups, shape.size) for shape in measured] == [(2, 1, 16)]


def test_where_sparse_never_pays_all_chunks_stay_dense(own_store, monkeypatch):
    monkeypatch.setattr(calibrations, "measure", lambda shape: replace(FOUND, break_even=None))
    settings = calibrated(SelectionSettings(), *_layer(SHORTEST))
    assert settings.break_even > 10**12


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
    assert calibrated(settings, *_layer(keys, device)) == settings
    assert not measured


def test_what_is_set_stays(own_store, measured):
    mine = SelectionSettings(break_even=7, patterns=("block-cluster",))
    assert calibrated(mine, *_layer(SHORTEST)) == mine
    assert not measured


def test_short_documents_are_dense_without_measuring(own_store, measured):
    assert calibrated(SelectionSettings(), *_layer(SHORTEST - 1)).break_even == SHORTEST
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
        at.append(calibrations._At(keys, pairs, plan, *seconds))
    found = calibrations._calibration(*at, 3e-9, query_blocks=8)
    assert found.break_even == expected
    assert found.dense_ns == pytest.approx(1.0)
    assert found.kept_ns == pytest.approx(2.0)
    assert found.gather_ns == pytest.approx(3.0)
    assert found.tile_ns == pytest.approx(100.0, rel=1e-3)


def test_measuring_finds_times(monkeypatch):
    monkeypatch.setattr(calibrations, "_SIZES", {"cpu": (256, (4096, 8192))})
    found = measure(SHAPE)
    assert found.dense_ns > 0.0
    assert found.kept_ns > 0.0
    assert found.gather_ns > 0.0
    assert found.break_even is None or found.break_even >= SHORTEST


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_measured_under_its_name_and_driver(own_store):
    q = torch.zeros(8, 512, 64, device="cuda", dtype=torch.bfloat16)
    settings = calibrated(SelectionSettings(), q, q[:2, :1].expand(2, SHORTEST, 64))
    assert settings.break_even >= SHORTEST
    assert len(settings.patterns) > 1
    assert settings.cost.gather_pairs > 0
    ((key, found),) = stored(own_store).items()
    assert torch.cuda.get_device_name() in key
    assert "driver" in key
    assert found.dense_ns > 0.0


def test_info_tells_what_was_measured(own_store, measured):
    assert "attention: measured when a long document is read" in engine_info().lines()
    calibration(SHAPE)
    told = [line for line in engine_info().lines() if line.startswith("attention on ")]
    assert len(told) == 1
    assert told[0].endswith(
        "a pair takes 2 ns dense and 0.00086 ns kept, a column 0.034 ns, a tile 1.2 µs; "
        "sparse pays from 5,120 keys on"
    )
