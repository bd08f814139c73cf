"""Any decoder-only model that `transformers` can load, from a folder or the hub."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub.errors as hub_errors
import huggingface_hub.utils as hub_utils
import torch
from accelerate.hooks import remove_hook_from_module  # type: ignore[import-untyped]
from huggingface_hub import logging as hub_logging
from safetensors import SafetensorError
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as hf_logging

from sa_chat.protocol.errors import ModelError

from ..attention import NAME, register
from ..platform.devices import CPU, platform_of
from .fit import DeviceBudget, fitting, place_stages
from .foreign_code import needs_own_code, own_code, pickled_only
from .fused import fuse
from .links import Link, connect
from .rope_scaling import scaled_config
from .structure import Needs, Structure, needs_of, structure_of
from .support import refuse_unsupported

_LOAD_ERRORS = (
    OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError,
    hub_errors.StrictDataclassError,  # a config with a value that its class refuses
)  # fmt: skip
_PERIOD_S = 0.1


def load_config(source: str) -> PretrainedConfig:
    """The configuration in the folder or under the hub id `source`, without any weights.

    Raises `ModelError` when it cannot be found or read.
    """
    with _quiet():
        try:
            config: PretrainedConfig = AutoConfig.from_pretrained(source, trust_remote_code=False)
            return config
        except _LOAD_ERRORS as error:
            raise _explain(source, error, local=Path(source).is_dir()) from error


@dataclass(frozen=True)
class Placed:
    """A model whose layers are on the given devices, in this order."""

    model: PreTrainedModel
    devices: tuple[torch.device, ...]
    links: tuple[Link, ...]  # between them


def measured(
    source: str,
    dtype: torch.dtype,
    kv_cache_dtype: str = "auto",
    rope_scaling: str | None = None,
) -> tuple[Structure, Needs]:
    """The structure and memory needs of the model in `source` (a folder or hub id), without its
    weights.

    Raises `ModelError` when it cannot be found, read or used, and `UsageError` when its rotary
    embeddings cannot be scaled so.
    """
    register()
    with _quiet():
        config = load_config(source)
        _require_decoder(config, source)
        refuse_unsupported(config)
        config = scaled_config(config, rope_scaling)
        try:
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                    config, attn_implementation=NAME, dtype=dtype, trust_remote_code=False
                )
        except _LOAD_ERRORS as error:
            raise _explain(source, error, local=Path(source).is_dir()) from error
        structure = structure_of(model)
        return structure, needs_of(model, structure, f"The model {source}", kv_cache_dtype)


def load_pretrained(
    source: str,
    budgets: Sequence[DeviceBudget],
    dtype: torch.dtype,
    *,
    local: bool,
    tokens: int,
    progress: Callable[[float], None],
    kv_cache_dtype: str = "auto",
    rope_scaling: str | None = None,
) -> Placed:
    """Load the model in the folder or under the hub id `source`, each weight onto the device that
    needs it.

    Args:
        budgets: the devices that it may use; of a GPU, that has room for a cache of `tokens`.
        progress: called with a fraction from 0 to 1, in this thread.
    Raises:
        ModelError: it cannot be found, read or used, or does not fit.
        UsageError: its rotary embeddings cannot be scaled so.
    """
    structure, needs = measured(source, dtype, kv_cache_dtype, rope_scaling)
    platform = platform_of(budgets[0].device)
    on_gpus = platform is not CPU
    stages = place_stages(needs, budgets, tokens) if on_gpus else ()
    devices = tuple(stage.budget.device for stage in stages) or (budgets[0].device,)
    parts = structure.parts(devices, len(stages[0].layers) if stages else 0)
    with fitting(needs.name, devices):
        try:
            with _quiet(), ThreadPoolExecutor(1) as loader:
                where = parts if on_gpus else None
                loading = loader.submit(read_weights, source, dtype, where, rope_scaling)
                _watch(loading, devices, needs.weights, progress)
                model = loading.result()
        except torch.OutOfMemoryError:
            raise
        except (*_LOAD_ERRORS, SafetensorError) as error:
            raise _explain(source, error, local=local) from error
        if platform.fuses:
            fuse(model)
    return Placed(model, devices, connect(model, parts))


def read_weights(
    source: str,
    dtype: torch.dtype,
    parts: dict[str, torch.device] | None,
    rope_scaling: str | None = None,
) -> PreTrainedModel:
    scaled = None if rope_scaling is None else scaled_config(load_config(source), rope_scaling)
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        source,
        config=scaled,
        dtype=dtype,
        attn_implementation=NAME,
        trust_remote_code=False,  # unset, transformers asks whoever sits at the terminal
        use_safetensors=True,  # a pickle could run code
        device_map=parts,
    )
    remove_hook_from_module(model, recurse=True)  # accelerate's, which know no streams
    model.requires_grad_(False).train(False)
    return model


def _watch(
    loading: Future[PreTrainedModel],
    devices: Sequence[torch.device],
    total: int,
    progress: Callable[[float], None],
) -> None:
    """Report what has been allocated, until all is there; what `progress` raises comes after."""
    before = _allocated(devices)
    while not loading.done():
        wait([loading], timeout=_PERIOD_S)
        progress(min(1.0, max(0, _allocated(devices) - before) / max(1, total)))


def _allocated(devices: Sequence[torch.device]) -> int:
    return sum(platform_of(device).allocated(device) for device in devices)


def _require_decoder(config: PretrainedConfig, source: str) -> None:
    kind = type(config)
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in MODEL_FOR_MASKED_LM_MAPPING
    if config.is_encoder_decoder or not causal:
        raise ModelError(
            f"The model {source} ({config.model_type}) is not a decoder-only language model.",
            "Choose a model for text generation, such as Qwen3 or Llama 3.",
        )


def _explain(source: str, error: BaseException, *, local: bool) -> ModelError:
    """One sentence and a hint for what `transformers` raised while loading."""
    if needs_own_code(error):
        return own_code(source)
    if local and pickled_only(Path(source)):
        return ModelError(
            f"The model in {source} has pickled weights only, which could run code when loaded.",
            "Choose one with *.safetensors files, or convert it where you trust its source.",
        )
    if local:
        return ModelError(
            f"The model in {source} cannot be loaded: {_first_line(error)}",
            "It needs config.json and *.safetensors of a model that transformers knows.",
        )
    causes = _chain(error)
    if any(isinstance(cause, hub_errors.GatedRepoError) for cause in causes):
        return ModelError(
            f"The model {source} is gated on the Hugging Face hub.",
            "Accept its licence on its page there, then run `hf auth login`.",
        )
    if any(isinstance(cause, hub_errors.RepositoryNotFoundError) for cause in causes):
        return ModelError(
            f"There is no folder {source} here, and no model of that name on the hub.",
            "Check the path or the id, or leave --model out to use the embedded reader.",
        )
    unreachable = (hub_errors.LocalEntryNotFoundError, hub_errors.OfflineModeIsEnabled)
    if any(isinstance(cause, (*unreachable, ConnectionError)) for cause in causes):
        return ModelError(
            f"There is no folder {source} here, and the Hugging Face hub cannot be reached.",
            "Check the path or the connection, or leave --model out for the embedded reader.",
        )
    return ModelError(
        f"The model {source} cannot be loaded: {_first_line(error)}",
        "Choose a model in safetensors form that transformers knows without code of its own.",
    )


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _first_line(error: BaseException) -> str:
    if isinstance(error, hub_errors.StrictDataclassError) and error.__cause__:
        error = error.__cause__  # the error itself names the validator
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")[:200] + "."


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, warnings or log lines of the libraries while a model loads."""
    verbosity = hf_logging.get_verbosity()
    bars = hf_logging.is_progress_bar_enabled()
    hub_bars = not hub_utils.are_progress_bars_disabled()  # type: ignore[attr-defined]
    hub_verbosity = hub_logging.get_verbosity()  # its retries are warnings
    hf_logging.set_verbosity(logging.CRITICAL)
    hub_logging.set_verbosity(logging.CRITICAL)
    hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    hub_utils.disable_progress_bars()  # type: ignore[attr-defined]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        hf_logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if bars:
            hf_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        if hub_bars:
            hub_utils.enable_progress_bars()  # type: ignore[attr-defined]
