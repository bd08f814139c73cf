"""What is asked about devices, and what happens with kinds that nobody wrote a platform for."""

from dataclasses import dataclass

import pytest
import torch

from sa_chat.engine.info.info import engine_info
from sa_chat.engine.platform.cuda import CudaPlatform
from sa_chat.engine.platform.devices import (
    ACCELERATORS,
    CPU,
    candidates,
    platform_of,
    resolve_device,
    unknown_accelerator,
    unknown_platform,
    warn_of_unknown_accelerator,
)
from sa_chat.engine.sparsity.autotune import resolve
from sa_chat.engine.sparsity.prefill_config import AttentionShape, PrefillConfig
from sa_chat.protocol.config import DEVICES
from sa_chat.protocol.errors import ModelError


@dataclass
class Accelerator:
    type: str


@pytest.fixture
def accelerator(monkeypatch):
    """`accelerator("xpu")`: torch finds one of this kind, and no GPU of NVIDIA's."""

    def found(kind):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: kind is not None)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: Accelerator(kind))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: kind == "cuda")
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        warn_of_unknown_accelerator.cache_clear()

    yield found
    warn_of_unknown_accelerator.cache_clear()


def test_every_device_that_can_be_asked_for_has_a_platform():
    assert {"auto", CPU.name, *(platform.name for platform in ACCELERATORS)} == set(DEVICES)


def test_an_unknown_accelerator_is_named_once_and_the_cpu_is_used(accelerator, caplog):
    accelerator("xpu")
    assert candidates("auto") == candidates("auto") == (torch.device("cpu"),)
    assert caplog.text.count("accelerator 'xpu' is not supported: the CPU is used") == 1
    assert "device: xpu is not supported" in engine_info().lines()


def test_a_known_accelerator_is_taken_without_a_warning(accelerator, caplog):
    accelerator("cuda")
    assert candidates("auto") == candidates("cuda") == (torch.device("cuda", 0),)
    assert resolve_device("cpu") == torch.device("cpu")
    assert unknown_accelerator() is None
    assert not caplog.text


def test_no_accelerator_is_no_warning(accelerator, caplog):
    accelerator(None)
    assert resolve_device("auto") == torch.device("cpu")
    assert not caplog.text
    with pytest.raises(ModelError, match="No CUDA device was found") as raised:
        resolve_device("cuda")
    assert "--device cpu" in raised.value.hint


def test_tensors_on_an_unknown_device_attend_densely_and_it_is_named(caplog):
    unknown_platform.cache_clear()
    platform = platform_of(torch.device("xpu", 0))
    assert platform_of(torch.device("xpu", 1)) is platform
    assert caplog.text.count("devices of kind 'xpu' are not supported: attention there is") == 1
    assert platform.tuning is platform.graphs is None
    shape = AttentionShape(4, 2, 16, "float32", "xpu:0")
    assert resolve(PrefillConfig(), [shape], 100_000).tuned == {}
    assert "attention on xpu:0 cannot be measured" in caplog.text


def test_the_cpu_answers_for_itself():
    device = torch.device("cpu")
    assert CPU.devices() == (device,)
    info, memory = CPU.info(device), CPU.memory(device)
    assert info.total_bytes == memory.total_bytes > memory.driver_bytes > 0
    assert 0 < memory.used_bytes <= memory.peak_bytes
    assert 0 < CPU.free(device) < memory.total_bytes
    assert str(torch.get_num_threads()) in CPU.key(device)
    began = CPU.mark(device)
    ended = CPU.mark(device)
    assert ended.reached()
    assert ended.seconds_since(began) >= 0.0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_answers_for_itself():
    platform = CudaPlatform()
    device, *_ = platform.devices()
    info, memory = platform.info(device), platform.memory(device)
    assert info.total_bytes == memory.total_bytes >= memory.driver_bytes > 0
    assert torch.cuda.get_device_name(device) in platform.label(device)
    began = platform.mark(device)
    torch.ones(2048, 2048, device=device) @ torch.ones(2048, 2048, device=device)
    ended = platform.mark(device)
    ended.wait()
    assert ended.reached()
    assert ended.seconds_since(began) > 0.0
    assert platform.cache_bytes(device) > 2**20
    assert platform.versions()["cuda"] == torch.version.cuda
