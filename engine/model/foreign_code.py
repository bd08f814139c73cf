"""Models that would bring code of their own: it is never run, and nobody is asked whether to.

`transformers` runs Python files of a model where `trust_remote_code` allows it, and asks on the
terminal where nothing is said; so each of its `from_pretrained` here says no.
"""

from __future__ import annotations

from pathlib import Path

from sa_chat.protocol.errors import ModelError

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def needs_own_code(error: BaseException) -> bool:
    """Whether `transformers` raised this because the model's own code was not trusted."""
    return "trust_remote_code" in str(error)


def own_code(model: str) -> ModelError:
    """The error for a model or tokenizer that only works with code of its own."""
    return ModelError(
        f"The model {model} brings code of its own, and sa-chat runs nobody's code.",
        "Choose a model that transformers knows by itself, such as Qwen3, Llama 3 or Gemma 3.",
    )


def pickled_only(folder: Path) -> bool:
    """Whether the folder has weights, but none as safetensors."""
    if any(folder.glob("*.safetensors")):
        return False
    return any(any(folder.glob(pattern)) for pattern in _PICKLED)
