"""A tiny model folder with random weights, and a document long enough for several chunks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

READER = Path(__file__).parents[2] / "assets" / "reader"
CONTEXT = 8192


def write_model(folder: Path, *, template: bool = True, context: int = CONTEXT) -> Path:
    """A Qwen3 of two layers with the reader's tokenizer, as `--model` takes it."""
    torch.manual_seed(11)
    config = Qwen3Config(
        vocab_size=16_384,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=context,
        initializer_range=0.3,
        eos_token_id=16_381,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    shutil.copy(READER / "tokenizer.json", folder)
    settings = json.loads((READER / "tokenizer_config.json").read_text())
    if not template:
        del settings["chat_template"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def write_book(path: Path, paragraphs: int) -> Path:
    """About 30 tokens a paragraph."""
    lines = (
        f"Paragraph {number} says that ship number {number * 37} left the harbour on day {number}."
        for number in range(1, paragraphs + 1)
    )
    path.write_text("\n\n".join(lines) + "\n", "utf-8")
    return path
