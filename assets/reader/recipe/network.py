"""The reader's network for training: the Qwen3 shape, written for speed on one or more GPUs.

Same function as `transformers`' Qwen3ForCausalLM (a test compares the two); `state_names` maps
the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 16_384
    hidden: int = 512
    layers: int = 10
    heads: int = 8
    kv_heads: int = 2
    head_size: int = 64
    intermediate: int = 1152
    rope_theta: float = 2e6
    norm_eps: float = 1e-6
    context: int = 131_072


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, (x.size(-1),), weight.to(x.dtype), eps)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [N, heads, D] by the angles [N, D / 2]; halves are paired, as Llama does it."""
    a, b = x.float().chunk(2, -1)
    cos, sin = cos[:, None], sin[:, None]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width, kv_width = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
        self.q_proj = nn.Linear(shape.hidden, width, bias=False)
        self.k_proj = nn.Linear(shape.hidden, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.hidden, kv_width, bias=False)
        self.o_proj = nn.Linear(width, shape.hidden, bias=False)
        self.gate_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False)
        self.down_proj = nn.Linear(shape.intermediate, shape.hidden, bias=False)
        self.input_layernorm = nn.Parameter(torch.ones(shape.hidden))
        self.post_attention_layernorm = nn.Parameter(torch.ones(shape.hidden))
        self.q_norm = nn.Parameter(torch.ones(shape.head_size))
        self.k_norm = nn.Parameter(torch.ones(shape.head_size))

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [N, hidden] -> q [N, H, D], k and v [N, G, D], rotated.  Knows no batch, so that one
        compilation serves all context lengths."""
        s, n = self.shape, x.shape[0]
        h = rms_norm(x, self.input_layernorm, s.norm_eps)
        q = self.q_proj(h).view(n, s.heads, s.head_size)
        k = self.k_proj(h).view(n, s.kv_heads, s.head_size)
        v = self.v_proj(h).view(n, s.kv_heads, s.head_size)
        q = rotate(rms_norm(q, self.q_norm, s.norm_eps), cos, sin).to(v.dtype)
        k = rotate(rms_norm(k, self.k_norm, s.norm_eps), cos, sin).to(v.dtype)
        return q, k, v

    def transform(self, x: Tensor, y: Tensor) -> Tensor:
        """x [N, hidden] and the attention's output y [N, H * D] -> [N, hidden]."""
        x = x + self.o_proj(y)
        h = rms_norm(x, self.post_attention_layernorm, self.shape.norm_eps)
        return x + self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, batch: int) -> Tensor:
        """x [B * T, hidden] -> the same."""
        q, k, v = (t.unflatten(0, (batch, -1)).transpose(1, 2) for t in self.project(x, cos, sin))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.transform(x, y.transpose(1, 2).flatten(2).flatten(0, 1))


class Reader(nn.Module):
    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        self.embed_tokens = nn.Embedding(self.shape.vocabulary, self.shape.hidden)
        self.layers = nn.ModuleList(Layer(self.shape) for _ in range(self.shape.layers))
        self.norm = nn.Parameter(torch.ones(self.shape.hidden))
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)
        for layer in self.layers:
            nn.init.zeros_(layer.o_proj.weight)
            nn.init.zeros_(layer.down_proj.weight)

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin of the rotary angles at positions [N], each [N, head_size / 2] float32."""
        s = self.shape
        steps = torch.arange(0, s.head_size, 2, device=positions.device, dtype=torch.float32)
        frequency = s.rope_theta ** (-steps / s.head_size)
        angle = positions.float()[:, None] * frequency
        return angle.cos(), angle.sin()

    def forward(self, ids: Tensor, positions: Tensor | None = None) -> Tensor:
        """ids [B, T] -> last hidden states [B * T, hidden]; times the embedding: the logits.

        Positions [B, T] are 0, 1, 2, ... if they are not given."""
        batch, length = ids.shape
        if positions is None:
            positions = torch.arange(length, device=ids.device).expand(batch, -1)
        cos, sin = self.angles(positions.flatten())
        h = self.embed_tokens(ids.flatten())
        for layer in self.layers:
            h = layer(h, cos, sin, batch)
        return rms_norm(h, self.norm, self.shape.norm_eps)

    def compile_parts(self) -> None:
        """Compiles all but attention.  Does nothing to the numbers."""
        for layer in self.layers:
            layer.project = torch.compile(layer.project, dynamic=False)
            layer.transform = torch.compile(layer.transform, dynamic=False)


def weighted_loss(
    hidden: Tensor,
    embedding: Tensor,
    targets: Tensor,
    weights: Tensor,
    row_losses: Callable[[Tensor, Tensor, Tensor], Tensor],
    rows: int = 16_384,
) -> tuple[Tensor, Tensor]:
    """Cross entropy weighted by `weights`; hidden [N, hidden], targets and weights [N].

    Returns (sum of weight * loss, [answer loss sum, answer count, loss sum and count of
    the rest, which is the document with its planted facts]).
    Positions of no weight cost nothing.
    `row_losses` is the function below, or its compiled form.  Logits are made `rows` at a time,
    and made again in the backward pass.
    """
    kept = weights.nonzero().flatten()
    hidden, targets, weights = hidden[kept], targets[kept], weights[kept]
    total = hidden.new_zeros((), dtype=torch.float32)
    parts = hidden.new_zeros(4, dtype=torch.float32)
    for start in range(0, hidden.shape[0], rows):
        at = slice(start, start + rows)
        loss = checkpoint(row_losses, hidden[at], embedding, targets[at], use_reentrant=False)
        w = weights[at]
        total = total + (loss * w).sum()
        with torch.no_grad():
            answer = (w == 1).float()
            document = (w < 1).float()
            parts += torch.stack(
                [(loss * answer).sum(), answer.sum(), (loss * document).sum(), document.sum()]
            )
    return total, parts


def row_losses(hidden: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(hidden, embedding).float(), targets, reduction="none")


def hub_state(reader: Reader) -> dict[str, Tensor]:
    """The parameters under the names of Qwen3ForCausalLM (the head is tied and left out)."""
    state = {}
    for name, tensor in reader.state_dict().items():
        parts = name.split(".")
        if parts[0] == "layers":
            leaf = parts[2]
            group = "self_attn." if leaf[:2] in ("q_", "k_", "v_", "o_") else ""
            group = "mlp." if leaf in ("gate_proj", "up_proj", "down_proj") else group
            name = f"layers.{parts[1]}.{group}{leaf}.weight"
        elif parts[0] == "norm":
            name = "norm.weight"
        state[f"model.{name}"] = tensor
    return state


def load_hub_state(reader: Reader, state: dict[str, Tensor]) -> None:
    """The reverse of `hub_state`: fills `reader` in place."""
    own = reader.state_dict()
    names = dict(zip(hub_state(reader), own, strict=True))
    reader.load_state_dict(
        {names[name]: tensor.to(own[names[name]].dtype) for name, tensor in state.items()}
    )
