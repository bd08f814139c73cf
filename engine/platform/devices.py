"""Which platforms there are, and which device a person's choice means.  Imports torch."""

from __future__ import annotations

import functools
import logging

import torch

from sa_chat.protocol.config import DEVICES
from sa_chat.protocol.errors import ModelError

from .base import Platform
from .cpu import CpuPlatform, UnknownPlatform
from .cuda import CudaPlatform

CPU = CpuPlatform()
ACCELERATORS: tuple[Platform, ...] = (CudaPlatform(),)
"""In the order in which `auto` prefers them."""
_PLATFORMS = {platform.name: platform for platform in (CPU, *ACCELERATORS)}
_log = logging.getLogger(__name__)


def platform_of(device: torch.device) -> Platform:
    """The platform of a device; a kind that is not known is named in a warning, once."""
    return _PLATFORMS.get(device.type) or unknown_platform(device.type)


def resolve_device(wanted: str) -> torch.device:
    """The first device for one of `config.DEVICES`.

    Raises `ModelError` for an accelerator that is not there.
    """
    return candidates(wanted)[0]


def candidates(wanted: str) -> tuple[torch.device, ...]:
    """All devices that one of `config.DEVICES` allows: "auto" is every device of the first
    accelerator that is there, else the CPU.

    Raises `ModelError` for an accelerator that is not there.
    """
    assert wanted in DEVICES
    if wanted == CPU.name:
        return CPU.devices()
    if wanted == "auto":
        found = next((there for each in ACCELERATORS if (there := each.devices())), ())
        if not found:
            warn_of_unknown_accelerator()
        return found or CPU.devices()
    devices = _PLATFORMS[wanted].devices()
    if not devices:
        name = wanted.upper()
        raise ModelError(
            f"No {name} device was found, or this PyTorch was built without {name}.",
            f"Use --device cpu, or install a PyTorch built for {name}.",
        )
    return devices


def unknown_accelerator() -> str | None:
    """The kind of this machine's accelerator if no platform is written for it."""
    if not torch.accelerator.is_available():
        return None
    found = torch.accelerator.current_accelerator()
    return None if found is None or found.type in _PLATFORMS else found.type


@functools.cache
def warn_of_unknown_accelerator() -> None:
    """Name it in the log, once."""
    if (name := unknown_accelerator()) is not None:
        _log.warning("this machine's accelerator %r is not supported: the CPU is used", name)


@functools.cache
def unknown_platform(kind: str) -> Platform:
    if kind != "meta":
        _log.warning("devices of kind %r are not supported: attention there is dense", kind)
    return UnknownPlatform(kind)
