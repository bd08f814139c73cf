"""That what is timed is right: compared with attention by its definition before any clock runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sa_chat.protocol.errors import EngineError

from ....attention import ForwardContext
from ....attention.backend import AttentionBackend, Selection
from ....attention.sink_logits import with_sink_logits
from ....cache import KVCache
from ....kernels.reference import attend_reference
from ....model import LoadedModel
from ....runtime import ModelRunner
from ....sparsity import SelectionSettings
from ..results import Row
from .timed_prefill import PrefillBench

MOST_DIVERGENCE = 0.02  # nats: what number formats and the order of sums make
REFERENCE_TOKENS = 4096  # of the slow definition, whose scores are all in memory
_REFERENCE_CHUNK = 512


class ReferenceBackend(AttentionBackend):
    """Dense attention by its definition, in float32."""

    def attend(
        self,
        layer: int,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        selection: Selection | None,
        *,
        scale: float,
        window: int | None = None,
        sink_logits: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """See `AttentionBackend.attend`."""
        out, lse = attend_reference(q, k, v, causal=True, scale=scale, window=window)
        if sink_logits is not None:
            out = with_sink_logits(out, lse, sink_logits)
        return out.to(q.dtype), lse


def check_equality(reader: PrefillBench, length: int) -> Row:
    """The next token after a document: by definition against dense, and dense against sparse,
    at alpha 1 and at the reader's settings.  Warms every kernel up.

    Args:
        length: tokens; the definition reads at most `REFERENCE_TOKENS` of them.
    Raises:
        EngineError: dense is not the definition or alpha 1 not dense, by more than
            `MOST_DIVERGENCE`; or it does not fit into the memory.
    """
    short = min(length, REFERENCE_TOKENS)
    try:
        dense = reader.read(length, "dense").logits
        row: Row = {
            "length": length,
            "reference_length": short,
            "reference": compare(
                reference_logits(reader.loaded, reader.document(short)[0]),
                (dense if short == length else reader.read(short, "dense").logits),
            ),
            "alpha_1": compare(
                dense, reader.read(length, "sparse", SelectionSettings(alpha=1.0)).logits
            ),
            "sparse": compare(dense, reader.read(length, "sparse").logits),
        }
    except torch.OutOfMemoryError as error:
        raise EngineError(
            f"Not even {length:,} tokens fit into the memory.",
            "Choose shorter --lengths, a smaller model, or a higher --limit-memory.",
        ) from error
    for name, wrong in (("reference", "Dense"), ("alpha_1", "Sparse at alpha 1")):
        divergence = row[name]["kl_nats"]
        if not divergence <= MOST_DIVERGENCE:
            raise EngineError(
                f"{wrong} attention is wrong here: KL {divergence:.3g} nats in the next token.",
                "Nothing was timed.  Please report this with the output of sa-engine info.",
            )
    return row


def reference_logits(loaded: LoadedModel, ids: Sequence[int]) -> Tensor:
    """Logits [vocabulary] after the last id, in float32 on CPU, by `ReferenceBackend`."""
    runner = ModelRunner(loaded, KVCache(loaded.layers, len(ids)))
    context = ForwardContext(ReferenceBackend())
    logits: Tensor | None = None
    tokens = torch.tensor(ids, device=loaded.device)
    for start in range(0, len(ids), _REFERENCE_CHUNK):
        end = min(start + _REFERENCE_CHUNK, len(ids))
        logits = runner.forward(tokens[start:end], context, logits=int(end == len(ids)))
    assert logits is not None
    return logits[-1].float().cpu()


def compare(dense: Tensor, sparse: Tensor) -> Row:
    """The next token's distribution, from logits [vocabulary]: KL(dense || sparse) in nats."""
    there, here = dense.double().log_softmax(-1), sparse.double().log_softmax(-1)
    return {
        "same_token": bool(there.argmax() == here.argmax()),
        "kl_nats": float((there.exp() * (there - here)).sum()),
    }


def told(check: Row) -> str:
    """The check in words."""
    short, whole, sparse = check["reference"], check["alpha_1"], check["sparse"]

    def same(row: Row) -> str:
        return "the same" if row["same_token"] else "another"

    return (
        f"Checked before timing, on the next token after the document: dense against the "
        f"definition in float32, {check['reference_length']:,} tokens: {same(short)}, KL "
        f"{short['kl_nats']:.1e} nats; sparse at alpha 1 against dense, {check['length']:,} "
        f"tokens: {same(whole)}, KL {whole['kl_nats']:.1e}; sparse as it is timed: "
        f"{same(sparse)}, KL(dense || sparse) {sparse['kl_nats']:.1e}."
    )
