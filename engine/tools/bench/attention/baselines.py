"""Dense attention as PyTorch computes it, to compare with."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from ....platform.devices import platform_of
from .inputs import Inputs

Attention = Callable[[Inputs], Tensor]
"""Causal attention over the whole context, [H, L, D]."""


class Unavailable(Exception):
    """A method cannot run here; the text says why, for people to read."""


def dense_baselines(device: torch.device) -> dict[str, Attention]:
    """The baselines for a device by their names, the fastest known first.

    On Hopper PyTorch itself would choose FlashAttention2 although cuDNN is faster there, so both
    are asked for by name.  On CPU there is one tiled kernel.
    """
    if platform_of(device).queues_work:
        return {
            "cuDNN": _through(SDPBackend.CUDNN_ATTENTION),
            "FlashAttention2": _through(SDPBackend.FLASH_ATTENTION),
        }
    return {"torch SDPA": _through(SDPBackend.FLASH_ATTENTION)}


def _through(backend: SDPBackend) -> Attention:
    """Raises `Unavailable` from the call if the backend does not take these inputs."""

    def attend(inputs: Inputs) -> Tensor:
        q, k, v = inputs.q[None], inputs.k[None], inputs.v[None]
        # PyTorch says in warnings why it cannot use a backend.
        with warnings.catch_warnings(record=True) as caught, sdpa_kernel([backend]):
            warnings.simplefilter("always")
            try:
                return scaled_dot_product_attention(
                    q, k, v, is_causal=True, scale=inputs.scale, enable_gqa=True
                )[0]
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                texts = [str(warning.message) for warning in caught]
                raise Unavailable(_reasons(texts) or first_line(error)) from error

    return attend


def _reasons(texts: list[str]) -> str:
    """The reasons among PyTorch's warnings, without its headings and places in its source."""
    reasons = [text.split("(Triggered internally")[0].strip() for text in texts]
    return " ".join(text for text in reasons if not text.endswith(":"))


def first_line(error: Exception) -> str:
    """The first line of an error's text that is not empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
