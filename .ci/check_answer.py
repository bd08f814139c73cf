"""Check the JSON of a `sa-chat --demo --ask ... --json`: all fields, all figures measured.

python check_answer.py answer.json
"""

import json
import sys
from pathlib import Path

answer = json.loads(Path(sys.argv[1]).read_text())
print(json.dumps(answer, indent=1, ensure_ascii=False))
assert set(answer) == {
    "model",
    "documents",
    "prompt_tokens",
    "dropped_tokens",
    "answers",
    "ttft",
    "attention",
    "devices",
}
turns = answer["answers"]
ttft, attention, (device,) = answer["ttft"], answer["attention"], answer["devices"]
assert len(turns) == 2
for turn in turns:
    assert turn["text"] and turn["tokens"] > 0 and turn["tokens_per_s"] > 0
    assert turn["stop_reason"] == "stop"
assert turns[0]["question_ttft_s"] == ttft["first_token_s"]
assert any(c["verified"] for turn in turns for c in turn["citations"]), "no verified quotation"
assert answer["prompt_tokens"] > 10_000 and answer["dropped_tokens"] == 0
assert all(seconds > 0 for seconds in ttft.values()), ttft
assert abs(sum(ttft.values()) - 2 * ttft["total_s"]) < 1e-6
assert attention["mode"] == "sparse" and 0 < attention["density"] < 1
assert attention["sparsity"] == 1 - attention["density"]
shares = {"density", "sparsity", "recall", "recall_p5", "recall_min", "coverage"}
assert set(attention) == {"mode", "alpha", *shares}
assert attention["alpha"] < attention["recall"] <= 1
assert 0 <= attention["recall_min"] <= attention["recall_p5"] <= attention["recall"]
assert attention["coverage"] == attention["recall"]
assert 0 < device["used_bytes"] <= device["peak_bytes"] < device["total_bytes"]
assert 0 < device["driver_bytes"] < device["total_bytes"]
assert device["weights_bytes"] > 32_600_000 and device["kv_bytes"] > 0
assert device["workspace_bytes"] >= 0
