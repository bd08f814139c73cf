"""Sparse against dense prefill of the same document: alternating in one process, medians.

    python benchmarks/prefill.py --document BOOK.txt --tokens 32768 --rounds 3

Times are of the whole prefill, selection included, model loading and parsing not.  Dense takes
the same way with everything kept.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

import torch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine's process has it

from machine import describe

from sa_chat.engine.cache import KVCache
from sa_chat.engine.config import EMBEDDED_MODEL, EngineConfig
from sa_chat.engine.model import load_model
from sa_chat.engine.pipeline import PrefillResult, prefill
from sa_chat.engine.tokens import load_tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--document", type=Path, required=True, help="a text file")
    parser.add_argument("--tokens", type=int, default=32_768)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alpha", type=float, default=0.95)
    parser.add_argument("--model", default=EMBEDDED_MODEL)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    config = EngineConfig(model=args.model, device=args.device)
    loaded = load_model(config, progress=lambda stage, part: None)
    tokenizer = load_tokenizer(str(loaded.folder or args.model))
    ids = [*tokenizer.chat.head, *tokenizer.encode(args.document.read_text("utf-8"))][: args.tokens]
    if len(ids) < args.tokens:
        parser.error(f"the document has only {len(ids):,} tokens")
    print(describe())
    print(f"{loaded.name}, {loaded.dtype}, loaded in {loaded.load_s:.2f} s")
    print(f"{len(ids):,} tokens, alpha {args.alpha}")
    prefill(loaded, KVCache(loaded.layers, 4096), ids[:4096], mode="dense", alpha=1.0)  # warm-up
    results: dict[str, list[PrefillResult]] = {"dense": [], "sparse": []}
    for _ in range(args.rounds):
        for mode, done in results.items():
            cache = KVCache(loaded.layers, len(ids))
            result = prefill(loaded, cache, ids, mode=mode, alpha=args.alpha)
            done.append(result)
            print(
                f"{mode:6} {result.prefill_s + result.select_s:7.2f} s "
                f"(selection {result.select_s:.2f} s), density {result.density:.3f}, "
                f"coverage {result.coverage.mean:.4f} (5th percentile {result.coverage.p5:.4f}, "
                f"minimum {result.coverage.minimum:.4f})",
                flush=True,
            )
    dense, sparse = (
        statistics.median(r.prefill_s + r.select_s for r in results[mode])
        for mode in ("dense", "sparse")
    )
    print(
        f"medians: dense {dense:.2f} s, sparse {sparse:.2f} s, dense / sparse {dense / sparse:.2f}"
    )
    there, here = (results[mode][-1].last_logits.float() for mode in ("dense", "sparse"))
    divergence = torch.nn.functional.kl_div(
        here.log_softmax(-1), there.log_softmax(-1), log_target=True, reduction="sum"
    )
    same = "the same" if here.argmax() == there.argmax() else "another"
    print(f"next token: {same}, KL(dense || sparse) {divergence:.4f} nats")
    by_layer = [sum(heads) / len(heads) for heads in results["sparse"][-1].density_by_head]
    print("density by layer:", " ".join(f"{d:.2f}" for d in by_layer))


if __name__ == "__main__":
    main()
