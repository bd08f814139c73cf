"""Score the reader on documents and packages that it has not seen, teacher-forced.

    python evaluate.py --checkpoint FILE|DIR --corpus DEV [--site-packages DIR] --lengths 4096,16384

An answer is right if every one of its tokens is the most likely one, given the right tokens
before it: the same as greedy decoding, answer for answer, as long as it stays right.  Facts are
scored in relations seen in training and in relations held out.
"""

from __future__ import annotations

import argparse
import collections
import json
from pathlib import Path

import torch
from torch import Tensor

from corpus import HELD_OUT_PACKAGES, inverse_document_frequency, load_packages, load_works
from data import Sampler, load_encoding
from export import read_weights
from network import Reader, load_hub_state
from questions.facts import HELD_OUT, TRAINED
from questions.turn import NOT_FOUND


def kind_of(answer: str) -> str:
    if answer.startswith(NOT_FOUND):
        return "absent"
    return answer.partition(":")[0].lower()


@torch.inference_mode()
def right_answers(reader: Reader, ids: Tensor, weights: Tensor) -> list[tuple[int, int, bool]]:
    """(start, end, all tokens right) of every answer in ids [T + 1]."""
    with torch.autocast(ids.device.type, torch.bfloat16):
        hidden = reader(ids[None, :-1])
        at = (weights[1:] == 1).nonzero().flatten()
        guess = (hidden[at] @ reader.embed_tokens.weight.to(hidden.dtype).T).argmax(-1)
    good = (guess == ids[1:][at]).tolist()
    spans, where = [], (at + 1).tolist()
    start = 0
    for i in range(1, len(where) + 1):
        if i == len(where) or where[i] != where[i - 1] + 1:
            spans.append((where[start], where[i - 1] + 1, all(good[start:i])))
            start = i
    return spans


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt or a folder")
    parser.add_argument("--corpus", type=Path, required=True, help="unseen books/ and docs/")
    parser.add_argument("--site-packages", type=Path)
    parser.add_argument("--lengths", default="4096,16384")
    parser.add_argument("--samples", type=int, default=8, help="documents a length")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="JSON file")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reader = Reader().to(device)
    if args.checkpoint.is_dir():
        load_hub_state(reader, read_weights(args.checkpoint))
    else:
        saved = torch.load(args.checkpoint, map_location=device, weights_only=True)
        reader.load_state_dict(saved["reader"])
    works, packages = load_works(args.corpus), []
    if args.site_packages:
        packages = load_packages(args.site_packages, only=HELD_OUT_PACKAGES)
    encoding = load_encoding()
    idf = inverse_document_frequency(works, packages)
    scores: dict[str, dict[str, list[int]]] = {}
    for length in map(int, args.lengths.split(",")):
        tally: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
        for relations, suffix, only in (
            (TRAINED, "", False),
            (HELD_OUT, " (facts, held out)", True),
        ):
            sampler = Sampler(works, packages, encoding, idf, args.seed, relations)
            for _ in range(args.samples):
                x, w = sampler.sample(length, facts_only=only)
                ids = torch.from_numpy(x.astype("int64")).to(device)
                weights = torch.from_numpy(w).to(device)
                for start, end, right in right_answers(reader, ids, weights):
                    if end > length:
                        continue  # cut off by the row's end
                    kind = kind_of(encoding.decode(ids[start:end].tolist())) + suffix
                    tally[kind][0] += right
                    tally[kind][1] += 1
        scores[str(length)] = dict(sorted(tally.items()))
        line = ", ".join(f"{k} {a}/{n} = {a / n:.0%}" for k, (a, n) in scores[str(length)].items())
        print(f"{length}: {line}", flush=True)
    if args.out:
        args.out.write_text(json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    main()
