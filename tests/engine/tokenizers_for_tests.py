"""Small Hugging Face tokenizers of the two usual kinds, made in memory."""

from __future__ import annotations

import json

from tokenizers import (
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
    """As GPT-2 and its heirs."""
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
    """As Llama 2 and Mistral: a blank before the text, blanks as U+2581, bytes as fallback."""
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


def _wrapped(tokenizer: Tokenizer, template: str | None, eos: str) -> PreTrainedTokenizerFast:
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token=eos,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = template
    return wrapped
