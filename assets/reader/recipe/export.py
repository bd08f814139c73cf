"""Write the reader in the form that ships: 8-bit matrices with one scale a row.

    python export.py --checkpoint DIR/checkpoint.pt --out ../

`X.weight` [out, in] is int8 and `X.weight_scale` [out] float16, weight = int8 * scale; norms are
float16.  Also writes `config.json` and `generation_config.json` in Hugging Face form.
`--parts N` cuts the file for carrying it over a narrow way; `--join` puts the parts together.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from network import Reader, Shape, hub_state


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight [out, in] -> int8 [out, in], scale [out] float16: the largest of a row is 127."""
    scale = (weight.float().abs().amax(1) / 127).clamp(min=1e-8).to(torch.float16)
    steps = (weight.float() / scale.float()[:, None]).round().clamp(-127, 127)
    return steps.to(torch.int8), scale


def dequantize(steps: Tensor, scale: Tensor) -> Tensor:
    return steps.float() * scale.float()[:, None]


def write_weights(reader: Reader, folder: Path) -> None:
    tensors: dict[str, Tensor] = {}
    for name, tensor in hub_state(reader).items():
        if tensor.dim() == 2:
            tensors[name], tensors[f"{name}_scale"] = quantize(tensor.cpu())
        else:
            tensors[name] = tensor.cpu().to(torch.float16)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of a shipped folder in float32, by their Hugging Face names."""
    raw = load_file(folder / "model.safetensors")
    return {
        name: dequantize(t, raw[f"{name}_scale"]) if t.dtype == torch.int8 else t.float()
        for name, t in raw.items()
        if not name.endswith("_scale")
    }


def write_config(shape: Shape, folder: Path) -> None:
    tokens = json.loads((Path(__file__).parent.parent / "tiktoken.json").read_text())
    special = tokens["special_tokens"]
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_size,
        "hidden_act": "silu",
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
        "rope_theta": shape.rope_theta,
        "attention_bias": False,
        "use_sliding_window": False,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["<|endoftext|>"],
        "dtype": "bfloat16",
        "quotes_only": True,
    }
    generation = {
        "do_sample": False,
        "eos_token_id": [special["<|im_end|>"], special["<|endoftext|>"]],
        "pad_token_id": special["<|endoftext|>"],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")


def cut(file: Path, parts: int) -> None:
    data = file.read_bytes()
    size = -(-len(data) // parts)
    for i in range(parts):
        file.with_name(f"{file.name}.{i}").write_bytes(data[i * size : (i + 1) * size])
    file.unlink()


def join(file: Path) -> None:
    parts = sorted(file.parent.glob(f"{file.name}.[0-9]"))
    file.write_bytes(b"".join(p.read_bytes() for p in parts))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint.pt of train.py")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--join", type=Path, help="join DIR/model.safetensors.N and end")
    args = parser.parse_args()
    if args.join:
        join(args.join / "model.safetensors")
        return
    if not args.checkpoint:
        parser.error("--checkpoint or --join is needed")
    args.out.mkdir(parents=True, exist_ok=True)
    reader = Reader()
    saved = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
    reader.load_state_dict(saved["reader"])
    write_weights(reader, args.out)
    write_config(reader.shape, args.out)
    size = (args.out / "model.safetensors").stat().st_size
    if args.parts > 1:
        cut(args.out / "model.safetensors", args.parts)
    print(f"{size / 2**20:.1f} MiB -> {args.out}")


if __name__ == "__main__":
    main()
