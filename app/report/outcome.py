"""A conversation as one JSON object, for `--json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sa_chat.protocol.events import (
    Answer,
    DeviceStats,
    DocumentReady,
    Event,
    ModelReady,
    PrefillDone,
)
from sa_chat.protocol.values import Citation, DeviceUse


@dataclass
class Outcome:
    """Collects the events that the object is made of."""

    model: ModelReady | None = None
    document: DocumentReady | None = None
    prefill: PrefillDone | None = None
    devices: tuple[DeviceUse, ...] = ()
    answers: list[Answer] = field(default_factory=list)

    def observe(self, event: Event) -> None:
        match event:
            case ModelReady():
                self.model = event
            case DocumentReady():
                self.document = event
            case PrefillDone():
                self.prefill = event
            case DeviceStats(devices=devices):
                self.devices = devices
            case Answer():
                self.answers.append(event)

    def as_json(self) -> dict[str, Any]:
        """The JSON object; only after `PrefillDone`.

        In "attention", "coverage" is the former name of "recall"; the next release omits it.
        """
        assert self.model is not None
        assert self.document is not None
        assert self.prefill is not None
        ttft = self.answers[0].ttft if self.answers else self.prefill.ttft
        attention = self.prefill.attention
        return {
            "model": self.model.name,
            "documents": list(self.document.paths),
            "prompt_tokens": self.document.prompt_tokens,
            "dropped_tokens": self.document.dropped_tokens,
            "answers": [_answer(answer) for answer in self.answers],
            "ttft": {**asdict(ttft), "total_s": ttft.total_s},
            "attention": {
                "mode": attention.mode,
                "alpha": attention.alpha,
                "density": attention.density,
                "sparsity": attention.sparsity,
                "recall": attention.recall,
                "recall_p5": attention.recall_p5,
                "recall_min": attention.recall_min,
                "coverage": attention.recall,
            },
            "devices": [
                {**asdict(device), "workspace_bytes": device.workspace_bytes}
                for device in self.devices
            ],
        }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "text": answer.text,
        "citations": [_citation(citation) for citation in answer.citations],
        "tokens": answer.tokens,
        "tokens_per_s": answer.tokens_per_s,
        "question_ttft_s": answer.question_ttft_s,
        "stop_reason": answer.stop_reason,
    }


def _citation(citation: Citation) -> dict[str, Any]:
    """All fields but the passage, which only the screen uses."""
    fields = asdict(citation)
    del fields["passage"]
    return fields
