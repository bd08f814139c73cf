"""Train the reader's byte-level BPE and write it in both forms: tiktoken and Hugging Face.

    python tokenizer.py --corpus DIR --site-packages DIR --out ../

Digits stand alone, so that numbers are copied digit by digit.  Writes `reader.tiktoken`
(ranks), `tiktoken.json` (pattern, special tokens), `tokenizer.json`, `tokenizer_config.json`.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus import load_packages, load_works

PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|doc|>", "<|/doc|>"]
VOCABULARY = 16_384
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_alphabet() -> dict[str, int]:
    """The printable stand-ins that Hugging Face's byte-level BPE uses, back to bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in set(kept)]
    return {chr(b): b for b in kept} | {chr(256 + i): b for i, b in enumerate(moved)}


def texts(corpus: Path, site: Path, chars: int) -> Iterator[str]:
    """Text of all kinds, the largest share from books, about `chars` characters in all."""
    rng = random.Random(0)
    works = load_works(corpus)
    pools = {
        "books": [w.text for w in works if w.kind == "books"],
        "docs": [w.text for w in works if w.kind == "docs"],
        "code": [text for p in load_packages(site) for _, text in p.files],
    }
    for kind, share in (("books", 0.45), ("docs", 0.25), ("code", 0.30)):
        left = chars * share
        while left > 0:
            text = rng.choice(pools[kind])
            start = rng.randrange(max(1, len(text) - 20_000))
            piece = text[start : start + 20_000]
            left -= len(piece)
            yield piece


def train(corpus: Path, site: Path, chars: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        max_token_length=24,
    )
    tokenizer.train_from_iterator(texts(corpus, site, chars), trainer)
    tokenizer.add_special_tokens([AddedToken(s, special=True) for s in SPECIALS])
    return tokenizer


def write(tokenizer: Tokenizer, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    to_byte = byte_alphabet()
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    with (out / "reader.tiktoken").open("wb") as file:
        for token, rank in sorted(vocabulary.items(), key=lambda item: item[1]):
            raw = bytes(to_byte[c] for c in token)
            file.write(base64.b64encode(raw) + b" " + str(rank).encode() + b"\n")
    specials = {s: tokenizer.token_to_id(s) for s in SPECIALS}
    (out / "tiktoken.json").write_text(
        json.dumps({"pattern": PATTERN, "special_tokens": specials}, indent=2) + "\n"
    )
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 131_072,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--site-packages", type=Path, required=True)
    parser.add_argument("--chars", type=int, default=60_000_000, help="text to train on")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent)
    args = parser.parse_args()
    tokenizer = train(args.corpus, args.site_packages, args.chars)
    write(tokenizer, args.out)
    print(f"{tokenizer.get_vocab_size()} tokens -> {args.out}")


if __name__ == "__main__":
    main()
