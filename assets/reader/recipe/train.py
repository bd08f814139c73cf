"""Train the reader in stages of growing context.

    python train.py --corpus DIR --site-packages DIR --out DIR --stages stages.json
    torchrun --nproc-per-node 4 train.py ...                    on several GPUs

A stage is {"contexts": {length: share}, "tokens", "seconds", "rate": [from, to], "batch_tokens",
"accumulate"}: it ends after so many tokens, or after so many seconds, whichever comes first.  Each
micro-batch holds `batch_tokens` tokens of one length, drawn by share; a step adds up the gradients
of `accumulate` of them, so that there are several documents in a step even where each fills a
micro-batch.

Half of the rows skip positions at a few places, up to the reader's longest context: a short row
then has the distances of a long one (after PoSE, arXiv 2309.10400, section 3.2).

Of the document's tokens a quarter, drawn anew each time, counts four times: their logits are a
third of the work at short contexts.

Muon trains the matrices, AdamW the rest; the optimizer's state goes on from stage to stage.
`--resume` takes a checkpoint.pt, and goes on in the middle of a stage with its length mix and its
rate, or shipped weights (a folder), which start the stages from the first with a new optimizer.
Both warm the rate up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from corpus import inverse_document_frequency, load_packages, load_works
from data import DOCUMENT_WEIGHT, Sampler, load_encoding
from network import Reader, Shape, load_hub_state, row_losses, weighted_loss
from optimizers import Optimizers

WARM_UP_STEPS = 60
SHIFTED_ROWS = 0.5  # of rows shorter than the reader's context
DOCUMENT_SHARE = 0.25  # of its tokens that are in the loss

PROGRESS = ("step", "stage", "batches", "spent", "tokens")  # what a checkpoint keeps of it

MakeSampler = Callable[[str], Sampler]  # from a seed


@dataclass(frozen=True)
class Stage:
    contexts: dict[str, float]  # length in tokens -> share of the micro-batches
    tokens: float
    seconds: float
    rate: tuple[float, float]
    batch_tokens: int  # of a micro-batch, per rank
    accumulate: int = 1  # micro-batches in a step


def context_of(batch: int, stage: Stage, seed: int) -> int:
    """The context length of a micro-batch: the same on every rank, and after a resume."""
    rng = random.Random(seed * 1_000_003 + batch)
    return int(rng.choices(list(stage.contexts), list(stage.contexts.values()))[0])


def positions_of(rows: int, length: int, limit: int, rng: random.Random) -> Tensor:
    """[rows, length]: 0, 1, 2, ..., in some rows with a few skips, all below `limit`."""
    steps = torch.ones(rows, length, dtype=torch.long)
    steps[:, 0] = 0
    for row in range(rows):
        slack = limit - length
        if slack <= 0 or rng.random() >= SHIFTED_ROWS:
            continue
        total = rng.randint(1, slack)
        cuts = sorted(rng.randint(0, total) for _ in range(rng.randint(1, 6)))
        for before, after in zip([0, *cuts], cuts, strict=False):
            steps[row, rng.randrange(length)] += after - before
    return steps.cumsum(1)


def thinned(weights: Tensor) -> Tensor:
    """Loss weights with those below 1 in a random share of the places, and as much more there."""
    kept = torch.where(torch.rand_like(weights) < DOCUMENT_SHARE, weights / DOCUMENT_SHARE, 0)
    return torch.where(weights < 1, kept, weights)


class Losses:
    """Mean losses of the answers and of the documents; those of the answers by length as well."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.of: dict[int, Tensor] = {}  # context length -> what `weighted_loss` returns

    def add(self, length: int, parts: Tensor) -> None:
        self.of[length] = parts + self.of.get(length, torch.zeros(4, device=self.device))

    def __str__(self) -> str:
        of = {length: self.of[length].tolist() for length in sorted(self.of)}
        answer, count, document, doc_count = map(sum, zip(*of.values(), strict=True))
        lengths = ", ".join(f"{n}: {a[0] / max(a[1], 1):.4f}" for n, a in of.items())
        answers = f"answer {answer / max(count, 1):.4f} ({lengths})"
        return f"{answers} document {document / max(doc_count, 1):.4f}"


class Batches(IterableDataset):
    """Micro-batches from number `first` on.  Worker w makes first + w, first + w + workers, ..."""

    def __init__(
        self, make_sampler: MakeSampler, stage: Stage, seed: int, rank: int, first: int
    ) -> None:
        self.make_sampler, self.stage = make_sampler, stage
        self.seed, self.rank, self.first = seed, rank, first

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        source = f"{self.seed}/{self.rank}/{worker}/{self.first}"
        sampler: Sampler = self.make_sampler(source)
        batch = self.first + worker
        while True:
            context = context_of(batch, self.stage, self.seed)
            rows = [
                sampler.sample(context) for _ in range(max(1, self.stage.batch_tokens // context))
            ]
            ids = torch.stack([torch.from_numpy(x.astype("int64")) for x, _ in rows])
            yield ids, torch.stack([torch.from_numpy(w) for _, w in rows])
            batch += workers


def average_gradients(reader: Reader, ranks: int) -> None:
    """One all-reduce over all gradients in one flat buffer."""
    gradients = [p.grad for p in reader.parameters()]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= ranks
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


class Run:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.rank, self.ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.device = torch.device(
            "cuda", int(os.environ.get("LOCAL_RANK", 0)) if torch.cuda.is_available() else 0
        )
        if not torch.cuda.is_available():
            self.device = torch.device("cpu")
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.ranks > 1:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        self.began = time.perf_counter()
        works, packages = load_works(args.corpus), []
        if args.site_packages:
            packages = load_packages(args.site_packages)
        idf, encoding = inverse_document_frequency(works, packages), load_encoding()
        self.make_sampler = lambda source: Sampler(
            works, packages, encoding, idf, source, document_weight=args.document_weight
        )
        torch.manual_seed(args.seed)
        shape = Shape(**json.loads(args.shape)) if args.shape else Shape()
        self.reader = Reader(shape).to(self.device)
        self.optimizers = Optimizers(self.reader, fused=self.device.type == "cuda")
        self.step, self.stage, self.since_start = 0, 0, 0
        self.batches, self.spent, self.tokens = 0, 0.0, 0  # of the stage, so far
        if args.resume:
            self.load(args.resume)
        if args.compile:
            self.reader.compile_parts()
        self.row_losses = torch.compile(row_losses, dynamic=True) if args.compile else row_losses
        self.say(
            f"{sum(p.numel() for p in self.reader.parameters()):,} parameters, {len(works)} works, "
            f"{len(packages)} packages, {self.ranks} rank(s) on {self.device}"
        )

    def say(self, text: str) -> None:
        if self.rank == 0:
            print(f"[{time.perf_counter() - self.began:7.1f} s] {text}", flush=True)

    def load(self, path: Path) -> None:
        if path.is_dir():
            from export import read_weights

            load_hub_state(self.reader, read_weights(path))
            return
        saved = torch.load(path, map_location=self.device, weights_only=True)
        self.reader.load_state_dict(saved["reader"])
        self.optimizers.load(saved["optimizers"])
        for name in PROGRESS:
            setattr(self, name, saved[name])

    def save(self) -> None:
        if self.rank == 0:
            self.args.out.mkdir(parents=True, exist_ok=True)
            state = {
                "reader": self.reader.state_dict(),
                "optimizers": self.optimizers.state(),
                **{name: getattr(self, name) for name in PROGRESS},
            }
            torch.save(state, self.args.out / "checkpoint.tmp")
            (self.args.out / "checkpoint.tmp").rename(self.args.out / "checkpoint.pt")

    def stages(self) -> None:
        stages = [Stage(**s) for s in json.loads(self.args.stages.read_text())]
        for index in range(self.stage, len(stages)):
            self.train(stages[index])
            self.stage, self.batches, self.spent, self.tokens = index + 1, 0, 0.0, 0
            self.save()

    def train(self, stage: Stage) -> None:
        args = self.args
        seed = args.seed * 100 + self.stage
        data = Batches(self.make_sampler, stage, seed, self.rank, self.batches)
        loader = iter(
            DataLoader(
                data,
                batch_size=None,
                num_workers=args.workers,
                pin_memory=self.device.type == "cuda",
                prefetch_factor=args.prefetch if args.workers else None,
            )
        )
        before, started = self.spent, time.perf_counter()
        losses = Losses(self.device)
        saved = logged = started
        step, tokens = 0, self.tokens
        while True:
            self.spent = before + time.perf_counter() - started
            if self.ranks == 1 or step % 4 == 0:
                part = self.agreed(max(self.spent / stage.seconds, self.tokens / stage.tokens))
            if part >= 1:
                break
            for _ in range(stage.accumulate):
                ids, weights = next(loader)
                losses.add(ids.shape[1] - 1, self.forward_backward(ids, weights, seed))
                self.tokens += ids.shape[0] * (ids.shape[1] - 1) * self.ranks
                self.batches += 1
            scale = stage.rate[0] + (stage.rate[1] - stage.rate[0]) * part
            scale *= min(1.0, (self.since_start + 1) / WARM_UP_STEPS)
            self.update(scale)
            step, self.step, self.since_start = step + 1, self.step + 1, self.since_start + 1
            now = time.perf_counter()
            if step in (1, 10) or now - logged > args.log_seconds:
                self.say(
                    f"stage {self.stage} step {step} rate {scale:.3f} {losses} "
                    f"tokens {self.tokens / 1e6:.1f} M, "
                    f"{(self.tokens - tokens) / (now - started) / 1e3:.0f} K/s"
                )
                losses = Losses(self.device)
                logged = now
            if now - saved > args.save_seconds:
                self.save()
                saved = now
        self.say(
            f"stage {self.stage} done: {step} steps, {self.tokens / 1e6:.1f} M tokens, "
            f"{self.spent:.0f} s"
        )

    def update(self, scale: float) -> None:
        if self.ranks > 1:
            average_gradients(self.reader, self.ranks)
        torch.nn.utils.clip_grad_norm_(self.reader.parameters(), 1.0)
        self.optimizers.step(scale)

    def agreed(self, part: float) -> float:
        """Rank 0's progress, so that all ranks end a stage at the same step."""
        if self.ranks == 1:
            return part
        shared = torch.tensor(part, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def forward_backward(self, ids: Tensor, weights: Tensor, seed: int) -> Tensor:
        rng = random.Random(f"{seed}/{self.rank}/{self.batches}")
        rows, length = ids.shape[0], ids.shape[1] - 1
        positions = positions_of(rows, length, self.reader.shape.context, rng)
        positions = positions.to(self.device, non_blocking=True)
        ids = ids.to(self.device, non_blocking=True)
        weights = thinned(weights.to(self.device, non_blocking=True))
        autocast = torch.autocast(self.device.type, torch.bfloat16)
        with autocast, attention_backends(self.device):
            hidden = self.reader(ids[:, :-1].contiguous(), positions)
            targets, w = ids[:, 1:].reshape(-1), weights[:, 1:].reshape(-1)
            embedding = self.reader.embed_tokens.weight
            total, parts = weighted_loss(hidden, embedding, targets, w, self.row_losses)
            loss = total / w.sum().clamp(min=1)
            loss.backward()
        return parts


def attention_backends(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """cuDNN first: on Hopper it is 1.6 times faster than what torch would take."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel([SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION], set_priority=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--site-packages", type=Path, help="where Python sources are read")
    parser.add_argument("--stages", type=Path, default=Path(__file__).parent / "stages.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt")
    parser.add_argument(
        "--resume", type=Path, help="a checkpoint.pt, or a folder of shipped weights"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=12, help="data processes per rank")
    parser.add_argument("--prefetch", type=int, default=4)
    parser.add_argument("--shape", help="JSON with other sizes than the reader's, for tests")
    parser.add_argument(
        "--document-weight", type=float, default=DOCUMENT_WEIGHT, help="0 trains on answers alone"
    )
    parser.add_argument("--log-seconds", type=float, default=10)
    parser.add_argument("--save-seconds", type=float, default=60)
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    args = parser.parse_args()
    if args.document_weight >= DOCUMENT_SHARE:
        parser.error(f"--document-weight must be below {DOCUMENT_SHARE}: answers have 1")
    if not args.corpus.is_dir():
        parser.error(f"no folder {args.corpus}: give the corpus that the recipe's README describes")
    run = Run(args)
    run.stages()
    if run.ranks > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
