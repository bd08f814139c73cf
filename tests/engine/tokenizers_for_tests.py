"""Small Hugging Face tokenizers of the two usual kinds, made in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

SAMPLE = ["the quick brown fox jumps over the lazy dog", "def name(self): return 1", "\n\n  x"]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)
SYSTEM_AND_STRIP = (
    "{{ bos_token }}{% if messages[0].role != 'system' %}<|im_start|>system\nBe good.<|im_end|>"
    "{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n\n{{ m.content | trim }}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n\n{% endif %}"
)
BRACKETS = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %} [INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
REWRITING = (
    "{{ messages | length }}{% for m in messages %}"
    "<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"
)
FORGETFUL = "<|im_start|>{{ messages[-1].content }}<|im_end|>"
REFUSING = "{{ raise_exception('Only one turn.') }}"


def byte_level(template: str | None = None) -> PreTrainedTokenizerFast:
    """Byte-level BPE, the kind of GPT-2 and its successors."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(SAMPLE, trainer)
    return _wrapped(tokenizer, template, eos="<|im_end|>")


def sentence_piece_like(template: str | None = None) -> PreTrainedTokenizerFast:
    """The kind of Llama 2 and Mistral: a space before the text, spaces as U+2581, byte fallback."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    tokenizer.train_from_iterator([line.replace("\n", "") for line in SAMPLE], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    data = json.loads(tokenizer.to_str())  # bytes are ordinary tokens
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    return _wrapped(Tokenizer.from_str(json.dumps(data)), template, eos="</s>")


QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA_PATTERN = QWEN_PATTERN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
MERGED = [
    *SAMPLE,
    "It's 2026; they'll read 1234 pages, naïve café,\n\n\tand  日本語の文字 русский текст ???\n"
    * 3,
    "====    ----\n" * 4,
]


def merged_bytes(
    pattern: str | None = None,
    nfc: bool = False,
    added: Sequence[AddedToken] = (),
    change: Callable[[dict[str, Any]], None] | None = None,
) -> PreTrainedTokenizerFast:
    """Byte-level BPE with some 500 merges; GPT-2's pattern if none is given.

    Args:
        added: ordinary tokens that are cut out of texts.
        change: edits its `tokenizer.json`.
    """
    tokenizer = Tokenizer(models.BPE())
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    tokenizer.pre_tokenizer = last
    if pattern is not None:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, last])
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>", "<|im_end|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(MERGED, trainer)
    tokenizer.add_tokens(list(added))
    if change is not None:
        data = json.loads(tokenizer.to_str())
        change(data)
        tokenizer = Tokenizer.from_str(json.dumps(data))
    return _wrapped(tokenizer, None, eos="<|im_end|>")


def every_split_merged(data: dict[str, Any]) -> None:
    """Makes a `tokenizer.json` as Llama 3's, which was a tiktoken file: all pairs that make a
    token merge, whole words that are tokens are taken as they are."""
    model = data["model"]
    specials = {token["content"] for token in data["added_tokens"]}
    model["vocab"] = {t: i for t, i in model["vocab"].items() if t not in specials}
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    model["merges"] = [
        [token[:at], token[at:]]
        for token in tokens
        for at in range(1, len(token))
        if token[:at] in model["vocab"] and token[at:] in model["vocab"]
    ]
    model["ignore_merges"] = True


def _wrapped(tokenizer: Tokenizer, template: str | None, eos: str) -> PreTrainedTokenizerFast:
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token=eos,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = template
    return wrapped
