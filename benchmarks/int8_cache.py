"""What an int8 KV cache costs: a document's likelihood and its next token, against the model's own
number format, and the memory that it takes."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass

from torch import Tensor

from sa_chat.engine.cache import KVCache
from sa_chat.engine.documents import open_documents
from sa_chat.engine.info.environment import describe
from sa_chat.engine.model import LoadedModel, load_model, reader_folder
from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.sparsity.prefill_config import PrefillConfig
from sa_chat.engine.tokens import load_tokenizer, tokenize_documents
from sa_chat.engine.tools.bench.options import lengths
from sa_chat.engine.tools.bench.prefill.check import compare
from sa_chat.engine.tools.bench.results import table
from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig, OpenOptions

KINDS = ("auto", "int8")


@dataclass(frozen=True)
class Read:
    """A document that was read with one kind of cache."""

    nll: float  # nats a token
    density: float
    logits: Tensor  # [vocabulary], after the last token, on the CPU
    cache_bytes: int


def main() -> None:
    """Print a row for each document, length and mode."""
    arguments = _parser().parse_args()
    config = EngineConfig(model=arguments.model, device=arguments.device)
    longest = max(arguments.lengths)
    loaded = load_model(config, progress=lambda stage, part: None, tokens=longest)
    print(describe())
    print(f"{loaded.name}, {loaded.dtype}, on {', '.join(map(str, loaded.devices))}")
    rows = []
    for path in arguments.documents:
        ids = _ids(loaded, path)
        for length in (length for length in arguments.lengths if length <= len(ids)):
            for mode in ("dense", "sparse"):
                own, int8 = (_read(loaded, ids[:length], mode, kind) for kind in KINDS)
                rows.append(_row(path, length, mode, own, int8))
                print(*rows[-1], flush=True)
    headings = ("document", "tokens", "mode", "density", "NLL", "change by int8", "KL nats")
    print(table((*headings, "next token", "cache MiB"), rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", nargs="+", metavar="PATH")
    parser.add_argument("--model", default=EMBEDDED_MODEL, metavar="DIR_OR_HUB_ID")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--lengths", type=lengths, default=(16_384, 65_536))
    return parser


def _ids(loaded: LoadedModel, path: str) -> list[int]:
    """The tokens of the document, within the frame of a conversation."""
    documents = open_documents(OpenOptions((path,)), lambda part: None)
    with ExitStack() as stack:
        folder = loaded.folder or reader_folder(stack)
        tokenizer = load_tokenizer(str(folder))
        return tokenize_documents(documents, tokenizer).ids.tolist()


def _read(loaded: LoadedModel, ids: list[int], mode: str, kind: str) -> Read:
    cache = KVCache(loaded.layers, len(ids), kind)
    runner = ModelRunner(loaded, cache)
    config = PrefillConfig("dense" if mode == "dense" else "sparse", document_nll=True)
    result = runner.prefill(ids, runner.tune(config, len(ids)))
    assert result.nll is not None
    return Read(result.nll, result.density, result.last_logits.float().cpu(), cache.nbytes)


def _row(path: str, length: int, mode: str, own: Read, int8: Read) -> list[str]:
    distance = compare(own.logits, int8.logits)
    return [
        path.rsplit("/", 1)[-1][-24:],
        f"{length:,}",
        mode,
        f"{int8.density:.3f}",
        f"{own.nll:.4f}",
        f"{int8.nll - own.nll:+.5f}",
        f"{distance['kl_nats']:.1e}",
        "the same" if distance["same_token"] else "another",
        f"{own.cache_bytes / 2**20:.0f} / {int8.cache_bytes / 2**20:.0f}",
    ]


if __name__ == "__main__":
    main()
