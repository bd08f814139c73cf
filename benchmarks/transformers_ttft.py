"""TTFT of plain `transformers`, its layers placed by `accelerate` as `device_map="auto"` does.

The counterpart to `sa-engine bench prefill --preset`: the same shape with random weights, random
token ids, and `generate` of one token with the library's default attention.  Memory that runs out
is a result.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from accelerate import dispatch_model, infer_auto_device_map
from accelerate.utils import get_balanced_memory
from transformers import AutoModelForCausalLM, PreTrainedModel

from sa_chat.engine.info.environment import describe
from sa_chat.engine.tools.bench.memory import limit_memory, peaks, release, reset_peaks, synchronize
from sa_chat.engine.tools.bench.models.random_model import config_of
from sa_chat.engine.tools.bench.options import lengths, positive
from sa_chat.engine.tools.bench.presets import PRESETS, Shape

_WARM_UP = 4096  # tokens


def main() -> None:
    """Print a line for each length."""
    arguments = _parser().parse_args()
    devices = tuple(torch.device("cuda", index) for index in range(torch.cuda.device_count()))
    limit_memory(devices, arguments.limit_memory)
    print(describe())
    model = _random_model(PRESETS[arguments.preset], max(arguments.lengths) + 1)
    places = sorted({str(p.device) for p in model.parameters()})
    print(f"{arguments.preset}, random weights, {model.config._attn_implementation}, on {places}")
    _ttft(model, _WARM_UP)
    for length in arguments.lengths:
        release(devices)
        reset_peaks(devices)
        try:
            times = [_ttft(model, length) for _ in range(arguments.rounds)]
        except torch.OutOfMemoryError as error:
            print(f"{length:,} tokens: out of memory ({str(error).splitlines()[0][:120]})")
            continue
        synchronize(devices)
        used = ", ".join(f"{peak.device} {peak.peak_bytes / 2**30:.1f}" for peak in peaks(devices))
        print(
            f"{length:,} tokens: TTFT {statistics.median(times):.2f} s "
            f"({min(times):.2f}-{max(times):.2f}, {len(times)} rounds), peak GiB {used}",
            flush=True,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=tuple(PRESETS), default="llama-3.1-8b")
    parser.add_argument("--lengths", type=lengths, default=(16_384, 32_768, 65_536, 131_072))
    parser.add_argument("--rounds", type=positive, default=2)
    parser.add_argument("--limit-memory", type=float, metavar="GIB", help="of each GPU")
    return parser


def _random_model(shape: Shape, context: int) -> PreTrainedModel:
    """Each weight drawn on the device that `device_map="auto"` gives it."""
    config = config_of(shape, torch.bfloat16, context)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    options = {"no_split_module_classes": model._no_split_modules, "dtype": torch.bfloat16}
    room = get_balanced_memory(model, **options)
    places = infer_auto_device_map(model, max_memory=room, **options)
    weights = {}
    for name, like in model.named_parameters():
        at = next(place for part, place in places.items() if name.startswith(f"{part}."))
        weights[name] = torch.empty(like.shape, dtype=torch.bfloat16, device=at).normal_(0, 0.02)
    model.load_state_dict(weights, strict=False, assign=True)
    model.tie_weights()
    with torch.device("cuda:0"):
        model.model.rotary_emb = type(model.model.rotary_emb)(config=config)
    return dispatch_model(model.eval(), device_map=places)


@torch.inference_mode()
def _ttft(model: PreTrainedModel, length: int) -> float:
    """Seconds to the first token behind so many random ones."""
    ids = torch.randint(0, model.config.vocab_size, (1, length), device="cuda:0")
    torch.cuda.synchronize()
    began = time.perf_counter()
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=1, do_sample=False, pad_token_id=0
    )
    int(out[0, -1])
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
