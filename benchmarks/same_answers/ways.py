"""Runs the embedded reader in several ways and records its answers token by token."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from sa_chat.engine.cache import KVCache
from sa_chat.engine.cancellation import never
from sa_chat.engine.citations import CitationFinder
from sa_chat.engine.citations.verbatim import VerbatimDocument
from sa_chat.engine.documents import open_documents
from sa_chat.engine.model import LoadedModel, load_model
from sa_chat.engine.model.fused import fuse
from sa_chat.engine.model.links import connect
from sa_chat.engine.model.loaded import loaded_model
from sa_chat.engine.model.placement import resolve_dtype
from sa_chat.engine.model.structure import structure_of
from sa_chat.engine.platform.devices import platform_of
from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.session.conversation import Conversation
from sa_chat.engine.sparsity import SelectionSettings
from sa_chat.engine.sparsity.prefill_config import PrefillConfig
from sa_chat.engine.tokens import Tokenizer, tokenize_documents
from sa_chat.engine.tools.eval.scoring import RULES
from sa_chat.engine.tools.eval.sizing import TokenCounter, write_files
from sa_chat.engine.tools.eval.trial import Trial
from sa_chat.protocol.config import DEFAULT_ALPHA, EngineConfig, OpenOptions
from sa_chat.protocol.events import Answer, Event
from sa_chat.protocol.values import Ttft

WHOLE = 1 << 30  # tokens of a chunk, more than any document has


@dataclass(frozen=True)
class Way:
    """A way of running: on the CPU or on this many GPUs, with chunks of `chunk` tokens (None: the
    pipeline's own choice)."""

    name: str
    gpus: int
    chunk: int | None = None


WAYS = (
    Way("cpu", 0),
    Way("cpu-1000", 0, 1000),
    Way("gpu", 1),
    Way("gpu-1000", 1, 1000),
    Way("gpu-whole", 1, WHOLE),
    Way("gpus", 2),
    Way("gpus-1000", 2, 1000),
)


def load(gpus: int, dtype: torch.dtype | None) -> LoadedModel:
    """The embedded reader on the CPU, on a GPU, or with half of the layers on each of two; `dtype`
    None takes the device's own."""
    if gpus == 2:
        devices = (torch.device("cuda", 0), torch.device("cuda", 1))
        loaded = _loaded("cpu", dtype or resolve_dtype(devices[0]))
        return split(loaded, devices)
    return _loaded("cuda" if gpus else "cpu", dtype)


def split(loaded: LoadedModel, devices: tuple[torch.device, torch.device]) -> LoadedModel:
    """Its layers over two devices, placed as `load_model` places other models than the reader."""
    model = loaded.model
    parts = structure_of(model).parts(devices, -(-loaded.layers // 2))
    for name, device in parts.items():
        model.get_submodule(name).to(device)
    if platform_of(devices[0]).fuses:
        fuse(model)
    return loaded_model(
        model,
        loaded.name,
        dtype=loaded.dtype,
        devices=devices,
        folder=loaded.folder,
        links=connect(model, parts),
    )


def _loaded(device: str, dtype: torch.dtype | None) -> LoadedModel:
    return load_model(EngineConfig(device=device), progress=lambda stage, part: None, dtype=dtype)


def ask_all(
    loaded: LoadedModel, way: Way, mode: str, trials: Sequence[Trial], tokenizer: Tokenizer
) -> dict[str, Any]:
    """Ask every question of every trial in one way; returns the answers and figures of the run."""
    began = time.perf_counter()
    answers: list[dict[str, Any]] = []
    prompts, densities = [], []
    for trial in trials:
        prompt, density, found = _ask(loaded, way, mode, trial, tokenizer)
        prompts.append(prompt)
        densities.append(density)
        answers += found
    return {
        "mode": mode,
        "way": way.name,
        "devices": [str(device) for device in loaded.devices],
        "dtype": str(loaded.dtype).removeprefix("torch."),
        "seconds": time.perf_counter() - began,
        "density": sum(densities) / len(densities),
        "prompts": prompts,
        "answers": answers,
    }


def _ask(
    loaded: LoadedModel, way: Way, mode: str, trial: Trial, tokenizer: Tokenizer
) -> tuple[str, float, list[dict[str, Any]]]:
    """A digest of the document's token ids, the density, and the answers.

    Works like `LocalEngine`, which would choose devices and chunks by itself.
    """
    assert tokenizer.token_bytes is not None
    with TemporaryDirectory() as folder:
        path = write_files(trial.files, Path(folder))
        documents = open_documents(OpenOptions((str(path),)))
    ids = tokenize_documents(documents, tokenizer).ids.tolist()
    reserve = TokenCounter(tokenizer).reserve_tokens(trial.questions)
    cache = KVCache(loaded.layers, len(ids) + reserve)
    runner = ModelRunner(loaded, cache)
    config = PrefillConfig(
        "dense" if mode == "dense" else "sparse", SelectionSettings(DEFAULT_ALPHA), way.chunk
    )
    read = runner.prefill(ids, runner.tune(config, len(ids)))
    files = (
        (path, " ".join(part.text for part in parts))
        for path, parts in groupby(documents.parts, attrgetter("path"))
    )
    recorder = Recorder(files, tokenizer.token_bytes)
    longest = max(question.answer_tokens for question in trial.questions)
    finder = CitationFinder(documents)
    conversation = Conversation(runner, tokenizer, finder, Ttft(), longest, recorder)
    answers = []
    for question in trial.questions:
        events: list[Event] = []
        conversation.ask(question.text, events.append, never)
        conversation.reset_turns()
        answer = events[-1]
        assert isinstance(answer, Answer)
        score = RULES[question.rule](answer.text, question.expected)
        answers.append(
            {"ids": recorder.ids, "leads": recorder.leads, "score": score, "text": answer.text}
        )
    return sha256(json.dumps(ids).encode()).hexdigest()[:16], read.density, answers


class Recorder(VerbatimDocument):
    """Records the tokens of the last answer, including its end, and the lead of the best logit over
    the second for each."""

    ids: list[int]
    leads: list[float]

    def chooser(self, stop_ids: Collection[int]) -> Callable[[Tensor], int]:  # type: ignore[override]
        choose = super().chooser(stop_ids)
        self.ids, self.leads = [], []

        def recorded(logits: Tensor) -> int:
            best, second = logits.float().topk(2).values.tolist()
            self.leads.append(best - second)
            self.ids.append(choose(logits))
            return self.ids[-1]

        return recorded
