"""Loss against density against time: this project's selection and two published rules.

    python benchmarks/frontier --model DIR --rope-scaling yarn:4 --documents A.txt B.txt \\
        --lengths 32K,128K --out OUT
    python benchmarks/frontier --draw OUT OUT2 --out PICTURE_FOLDER

Every document is cut to each length and read under every setting: once, untimed, for its NLL, its
recall and the next-token distributions of its last tokens against dense attention, and then, in
turns with dense attention, for the time.  In the first reading the last --tail tokens are a chunk
of their own, read under the same setting, so that only theirs of the logits are kept.

OUT/frontier.jsonl has a line for each setting; the same command goes on where it stopped.  At the
end OUT/frontier.md and OUT/frontier.svg are made; --draw only makes these, of one or several runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from drawing import draw, tables
from reading import Frontier, settings_of
from rules import BLOCK
from sa_chat.engine.documents import open_documents
from sa_chat.engine.info.environment import describe
from sa_chat.engine.model import LoadedModel, load_model, reader_folder
from sa_chat.engine.tokens import load_tokenizer, tokenize_documents
from sa_chat.engine.tools.bench.options import lengths
from sa_chat.protocol.arguments import add_rope_scaling_argument
from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig, OpenOptions
from sa_chat.protocol.errors import SaChatError

LINES = "frontier.jsonl"
_SETTING = ("model", "document", "tokens", "chunk", "rule", "value")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=EMBEDDED_MODEL, metavar="DIR_OR_HUB_ID")
    parser.add_argument("--name", help="of the model in table and picture (default: its folder)")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda")
    add_rope_scaling_argument(parser)
    parser.add_argument("--documents", nargs="+", default=(), metavar="PATH")
    parser.add_argument("--lengths", type=lengths, default=(32_768,), metavar="N,N")
    parser.add_argument("--alphas", type=_shares, default=(0.6, 0.7, 0.8, 0.9), metavar="X,X")
    parser.add_argument("--gammas", type=_shares, default=(0.8, 0.9, 0.95, 0.99), metavar="X,X")
    parser.add_argument("--thresholds", type=_shares, default=(0.8, 0.9, 0.95), metavar="X,X")
    parser.add_argument("--tail", type=int, default=1024, metavar="N", help="tokens for the KL")
    parser.add_argument("--chunk", type=int, metavar="N", help="tokens of a forward pass")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="timed (default: 3)")
    parser.add_argument("--time-limit", type=float, default=float("inf"), metavar="SECONDS")
    parser.add_argument("--draw", nargs="+", type=Path, metavar="DIR", help="only draw these runs")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    return parser


def _shares(text: str) -> tuple[float, ...]:
    values = tuple(float(part) for part in text.split(",") if part.strip())
    if any(not 0.0 < value < 1.0 for value in values):
        raise argparse.ArgumentTypeError("shares lie between 0 and 1")
    return values


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and draw; returns the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.tail < BLOCK or args.tail % BLOCK or args.rounds < 1:
        parser.error(f"--tail is a multiple of {BLOCK}, and --rounds at least 1")
    if args.chunk is not None and (args.chunk < 2 * BLOCK or args.chunk % BLOCK):
        parser.error(f"--chunk is a multiple of {BLOCK}, and at least {2 * BLOCK}")
    if bool(args.draw) == bool(args.documents):
        parser.error("give either --documents to measure or --draw with runs to draw")
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        if not args.draw:
            _measure(args)
        rows = [row for folder in args.draw or (args.out,) for row in _rows(folder / LINES)]
    except SaChatError as error:
        print(f"frontier: {error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    if not rows:
        parser.error("nothing was measured")
    text = tables(rows)
    (args.out / "frontier.md").write_text(text, "utf-8")
    draw(rows, args.out / "frontier.svg")
    print(text)
    return 0


def _measure(args: argparse.Namespace) -> None:
    began, longest = time.monotonic(), max(args.lengths)
    config = EngineConfig(
        model=args.model, device=args.device, gpus=1, rope_scaling=args.rope_scaling
    )
    loaded = load_model(config, progress=lambda stage, part: None, tokens=longest)
    name = args.name or (Path(args.model).name if loaded.folder else args.model)
    frontier = Frontier(loaded, longest, args.tail, args.rounds, args.chunk)
    settings = settings_of(args.alphas, args.gammas, args.thresholds)
    done = {tuple(row.get(part) for part in _SETTING) for row in _rows(args.out / LINES)}
    _drop_cut_line(args.out / LINES)
    common = {"model": name, "dtype": str(loaded.dtype), "environment": describe()}
    print(common["environment"])
    for path in args.documents:
        ids = _ids(loaded, path)
        for length in args.lengths:
            document, tokens = Path(path).stem, length // BLOCK * BLOCK
            if tokens > len(ids) or tokens <= 2 * args.tail:
                print(f"{document}: {len(ids):,} tokens, not measured at {length:,}")
                continue
            left = [
                setting
                for setting in settings
                if (name, document, tokens, args.chunk, setting.rule, setting.value) not in done
            ]
            if not left:
                continue
            for figures in frontier.measure(document, ids[:tokens], left):
                row = common | figures.as_dict()
                with (args.out / LINES).open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(row) + "\n")
                print(_told(row), flush=True)
                if time.monotonic() - began > args.time_limit:
                    print("The time limit is reached; the same command goes on from here.")
                    return


def _ids(loaded: LoadedModel, path: str) -> list[int]:
    """The tokens of the document, within the frame of a conversation."""
    documents = open_documents(OpenOptions((path,)), lambda part: None)
    with ExitStack() as stack:
        folder = loaded.folder or reader_folder(stack)
        tokenizer = load_tokenizer(str(folder))
        return tokenize_documents(documents, tokenizer).ids.tolist()


def _rows(path: Path) -> list[dict[str, Any]]:
    """The lines so far; one that an interrupt cut is left out."""
    if not path.is_file():
        return []
    *lines, _ = path.read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines]


def _drop_cut_line(path: Path) -> None:
    """Remove what an interrupt left behind the last whole line."""
    if path.is_file():
        content = path.read_bytes()
        path.write_bytes(content[: content.rfind(b"\n") + 1])


def _told(row: dict[str, Any]) -> str:
    value = "" if row["value"] is None else f" {row['value']:g}"
    recall = "" if row["recall"] is None else f"recall {row['recall']:.4f}, "
    return (
        f"{row['document'][:24]} {row['tokens']:,} {row['rule']}{value}: density "
        f"{row['density']:.3f}, {recall}NLL {row['nll_change']:+.4f}, KL {row['kl']:.4f}, "
        f"{row['prefill_s']:.2f} s, {row['select_s']:.2f} s of them selecting, "
        f"dense {row['dense_s']:.2f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
