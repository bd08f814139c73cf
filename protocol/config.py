"""Configuration: validated frozen dataclasses.  Imports neither torch nor transformers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .errors import UsageError

DEFAULT_ALPHA = 0.75
QUALITIES = {"exact": 1.0, "careful": DEFAULT_ALPHA, "fast": 0.6}
"""Names of alphas, for those who want no number: every pair, the default, and less."""

EMBEDDED_MODEL = "embedded"
DEVICES = ("auto", "cpu", "cuda")
"""Values of `EngineConfig.device`: a kind of device, or "auto" for the best available."""

METHODS = (
    "auto",
    "local-vertical",
    "vertical-slash",
    "interval-slash",
    "block-cluster",
    "a-shape",
)
"""How sparse attention chooses a head's keys.  "auto" takes the cheapest pattern that holds
alpha, or dense attention, and is dense below the break-even length.  The others are one pattern
alone, for comparison, in every head and chunk, whatever it costs (sparsity/patterns/ has them).
Of these, local-vertical holds alpha as auto does, as far as columns can; the others promise
nothing to a row: vertical-slash and interval-slash hold alpha in the mean over the sampled rows,
block-cluster leaves out a fourth of what it allows in the mean of each row block, and a-shape is
sinks and local window only, whatever they hold."""

_FORMER_METHODS = {
    "joined": "auto",
    "window-columns": "local-vertical",
    "columns-slashes": "vertical-slash",
    "triangular": "a-shape",
}


def current_method(name: str) -> str:
    """The name in `METHODS` of what an earlier version, or its results, called `name`; underscores
    count as hyphens.  Any other name comes back unchanged."""
    name = name.replace("_", "-")
    return _FORMER_METHODS.get(name, name)


def alpha_of(quality: str) -> float:
    """The alpha that one of `QUALITIES` names.  Raises `UsageError` for another name."""
    if quality not in QUALITIES:
        raise UsageError(f"Unknown quality {quality!r}.", "Use --quality exact, careful or fast.")
    return QUALITIES[quality]


EMBEDDED_CONTEXT = 131_072
"""Tokens that the embedded reader reads."""

MOST_YARN = 64.0
"""The largest factor by which YaRN may lengthen a model's context."""


def yarn_factor(rope_scaling: str) -> float:
    """The factor in `yarn:FACTOR`, a value of `EngineConfig.rope_scaling`.

    Raises `UsageError` for another form, or a factor that is not above 1 and at most `MOST_YARN`.
    """
    kind, _, number = rope_scaling.partition(":")
    try:
        factor = float(number)
    except ValueError:
        factor = math.nan
    if kind != "yarn" or not 1.0 < factor <= MOST_YARN:
        raise UsageError(
            f"Unknown scaling {rope_scaling!r} of rotary embeddings.",
            f"Use --rope-scaling yarn:FACTOR with a factor above 1 and up to {MOST_YARN:g}, "
            "such as yarn:4.",
        )
    return factor


@dataclass(frozen=True)
class EngineConfig:
    """The configuration that an engine is started with.

    Raises `UsageError` for values out of range.
    """

    model: str = EMBEDDED_MODEL  # a folder, a hub id, or "embedded"
    device: str = "auto"  # one of DEVICES
    attention: str = "sparse"  # "sparse" or "dense"
    # Share of its attention mass that at least 95 % of the rows of every head keep, in (0, 1].
    alpha: float = DEFAULT_ALPHA
    max_context: int | None = None  # tokens; None: what the model declares
    max_answer_tokens: int = 512
    temperature: float = 0.0  # of answers; 0 is greedy decoding
    top_p: float = 1.0  # nucleus sampling: probability mass to sample from, in (0, 1]
    repetition_penalty: float = 1.0  # above 1: answers repeat themselves less
    seed: int = 0  # of sampling
    method: str = "auto"  # of sparse attention: one of METHODS
    reserve_tokens: int | None = (
        None  # kept for questions and answers; None: depends on the context
    )
    kv_cache_dtype: str = "auto"  # "auto", the model's own, or "int8"
    rope_scaling: str | None = None  # "yarn:FACTOR": a context that is so many times longer
    gpus: int = 2  # at most, for one model
    document_nll: bool = False  # also measure how well the model predicts the document
    measure_heads: bool = False  # also compare single heads with exact attention; takes time

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            hint = f"Use --device {', '.join(DEVICES[:-1])} or {DEVICES[-1]}."
            raise UsageError(f"Unknown device {self.device!r}.", hint)
        if self.attention not in ("sparse", "dense"):
            raise UsageError(
                f"Unknown attention mode {self.attention!r}.", "Use --attention sparse or dense."
            )
        if self.method not in METHODS:
            raise UsageError(f"There is no method {self.method!r}.", f"Use {', '.join(METHODS)}.")
        if self.kv_cache_dtype not in ("auto", "int8"):
            raise UsageError(
                f"Unknown number format {self.kv_cache_dtype!r} of the KV cache.",
                "Use --kv-cache-dtype auto or int8.",
            )
        if not (math.isfinite(self.alpha) and 0.0 < self.alpha <= 1.0):
            raise UsageError(
                f"alpha must be above 0 and at most 1, not {self.alpha:g}.",
                f"Try --alpha {DEFAULT_ALPHA}; 1 is exactly dense attention.",
            )
        if self.max_context is not None and self.max_context < 256:
            raise UsageError(
                f"The context must hold at least 256 tokens, not {self.max_context}.",
                "Leave --max-context out to use all that the model can read.",
            )
        self._check_rope_scaling()
        self._check_sampling()
        if self.gpus not in (1, 2):
            raise UsageError(f"A model runs on one GPU or two, not {self.gpus}.", "Use 1 or 2.")
        if self.max_answer_tokens < 1:
            raise UsageError(
                f"An answer needs at least one token, not {self.max_answer_tokens}.",
                "Leave the limit out, or use 512.",
            )

    @property
    def draws(self) -> bool:
        """Whether answers are sampled or penalized rather than decoded greedily."""
        return self.temperature > 0.0 or self.repetition_penalty != 1.0

    def _check_rope_scaling(self) -> None:
        if self.rope_scaling is None:
            return
        yarn_factor(self.rope_scaling)
        if self.model == EMBEDDED_MODEL:
            raise UsageError(
                f"The embedded reader reads {EMBEDDED_CONTEXT:,} tokens already, without scaling.",
                "Leave --rope-scaling out, or give a model with --model.",
            )

    def _check_sampling(self) -> None:
        if not (self.temperature == 0.0 or 0.01 <= self.temperature <= 100.0):
            raise UsageError(
                f"The temperature must be 0, or from 0.01 to 100, not {self.temperature:g}.",
                "0 takes the likeliest token; 0.7 is a common value.",
            )
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"There is no seed {self.seed}.", "Use a number from 0 to 2^63 - 1.")
        if not 0.0 < self.top_p <= 1.0:
            raise UsageError(
                f"top-p must be above 0 and at most 1, not {self.top_p:g}.",
                "Leave it out, or use 0.9.",
            )
        if not (math.isfinite(self.repetition_penalty) and self.repetition_penalty > 0.0):
            raise UsageError(
                f"The repetition penalty must be above 0, not {self.repetition_penalty:g}.",
                "1 is none; 1.1 is a common value.",
            )
        if self.draws and self.model == EMBEDDED_MODEL:
            raise UsageError(
                "The embedded reader quotes, and draws nothing.",
                "Leave --temperature and --repetition-penalty out, or give a model with --model.",
            )


def config_of(values: Mapping[str, Any]) -> EngineConfig:
    """The configuration with these fields, or a `quality` in place of alpha; other names are
    ignored.

    Raises `UsageError` for values out of range.
    """
    known = {field.name for field in fields(EngineConfig)}
    given = {name: value for name, value in values.items() if name in known}
    if "quality" in values:
        if "alpha" in given:
            raise UsageError("--alpha and --quality set the same thing.", "Give one of them.")
        given["alpha"] = alpha_of(values["quality"])
    return EngineConfig(**given)


@dataclass(frozen=True)
class OpenOptions:
    """Which documents to open, and which parts of them."""

    paths: tuple[str, ...]
    pages: str | None = None  # "1-20,25": positions from 1, not printed labels
    include: tuple[str, ...] = ()  # globs, see documents/globs.py; empty: everything
    exclude: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()  # `Section.key` of sections to leave out
    fit: bool = False  # apply `DocumentCounted.proposal` if the document does not fit
    password: str | None = field(default=None, repr=False)  # of encrypted documents
    ocr: bool = False  # recognise the text of pages that are pictures
