"""One training sample as a row of token ids and loss weights."""

from __future__ import annotations

import re

import numpy as np
import tiktoken

PLANTED_WEIGHT = 0.02  # of planted facts in the document: their values cannot be foreseen
MARKERS = re.compile(r"(^=== [^\n]+ ===\n(?:\[page [^\n]+\]\n)?|^\[page [^\n]+\]\n)", re.M)


class Row:
    """Token ids and loss weights of one sample, as it grows."""

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self.encoding = encoding
        self.ids: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.length = 0

    def add(self, ids: list[int], weight: float | np.ndarray) -> None:
        self.ids.append(np.asarray(ids, np.uint16))
        self.weights.append(np.broadcast_to(np.float32(weight), len(ids)))
        self.length += len(ids)

    def special(self, token: str, weight: float = 0) -> None:
        self.add([self.encoding.encode_single_token(token)], weight)

    def text(self, text: str, weight: float) -> None:
        self.add(self.encoding.encode_ordinary(text), weight)

    def document(self, text: str, planted: set[str], weight: float) -> None:
        """Tokenised page by page and file by file, exactly as the engine does it: markers by
        themselves.  A page does not end in a line end; that one goes with the next marker."""
        paged, pending = False, ""
        for part in MARKERS.split(text):
            if MARKERS.fullmatch(part):
                self.text(pending + part, 0)
                paged, pending = "[page " in part, ""
            elif part:
                if paged and part.endswith("\n"):
                    part, pending = part[:-1], "\n"
                self._part(part, planted, weight)

    def _part(self, text: str, planted: set[str], weight: float) -> None:
        ids = self.encoding.encode_ordinary(text)
        weights = np.full(len(ids), weight, np.float32)
        self._lower_planted(text, ids, planted, weights)
        self.add(ids, weights)

    def _lower_planted(
        self, piece: str, ids: list[int], planted: set[str], weights: np.ndarray
    ) -> None:
        spots = [(at, len(p)) for p in planted if (at := piece.find(p)) >= 0]
        if not spots:
            return
        ends = np.cumsum([len(self.encoding.decode_single_token_bytes(i)) for i in ids])
        for at, length in spots:
            low = len(piece[:at].encode())
            high = low + len(piece[at : at + length].encode())
            inside = (ends > low) & (ends <= high)
            weights[inside] = np.minimum(weights[inside], PLANTED_WEIGHT)

    def turn(self, question: str, answer: str, *, first: bool) -> None:
        if not first:
            self.special("<|im_start|>")
            self.text("user\n", 0)
        self.text(question, 0)
        self.special("<|im_end|>")
        self.text("\n", 0)
        self.special("<|im_start|>")
        self.text("assistant\n", 0)
        self.text(answer, 1)
        self.special("<|im_end|>", 1)
        self.text("\n", 0)

    def finish(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        ids, weights = np.concatenate(self.ids), np.concatenate(self.weights)
        short = length - len(ids)
        if short > 0:
            end = self.encoding.encode_single_token("<|endoftext|>")
            ids = np.concatenate([ids, np.full(short, end, np.uint16)])
            weights = np.concatenate([weights, np.zeros(short, np.float32)])
        return ids[:length], weights[:length].astype(np.float32)
