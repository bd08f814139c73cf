"""The chat format: the token ids around document, questions and answers.

A conversation only grows at its end, so the document can be in the cache before the first
question is known:

    head document doc_end question generation answer turn_separator question generation ...
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

REFUSAL = "I could not find that in the document."
INSTRUCTION = (
    "Answer questions about the document below. Use only what it says. Support each answer "
    "with the exact words of the document as a Markdown block quote (lines that start with "
    f'"> "). If the document does not contain the answer, say: {REFUSAL}'
)
DOCUMENT_START = "<document>\n"
DOCUMENT_END = "\n</document>\n\n"


@dataclass(frozen=True)
class ChatText:
    """The chat format as text, which may contain special tokens."""

    head: str
    doc_end: str
    generation: str
    turn_separator: str
    stop_texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChatFormat:
    """The chat format as ids."""

    head: tuple[int, ...]  # before the document
    doc_end: tuple[int, ...]  # after the document, before the first question
    generation: tuple[int, ...]  # after each question, before its answer
    turn_separator: tuple[int, ...]  # after each answer (without its stop token)
    stop_texts: tuple[str, ...] = ()  # texts that end an answer where no stop token does

    @classmethod
    def encode(cls, text: ChatText, encode_special: Callable[[str], Sequence[int]]) -> ChatFormat:
        """Encode a format; `encode_special` is an encoder that parses special tokens."""
        return cls(
            head=tuple(encode_special(text.head)),
            doc_end=tuple(encode_special(text.doc_end)),
            generation=tuple(encode_special(text.generation)),
            turn_separator=tuple(encode_special(text.turn_separator)),
            stop_texts=text.stop_texts,
        )

    def turn(self, question: Sequence[int], first: bool) -> list[int]:
        """The ids to append to the cache for a question; `first` after the document, else
        after the previous answer."""
        before = self.doc_end if first else self.turn_separator
        return [*before, *question, *self.generation]


READER_CHAT = ChatText(
    head="<|im_start|>user\n<|doc|>",
    doc_end="<|/doc|>\n",
    generation="<|im_end|>\n<|im_start|>assistant\n",
    turn_separator="<|im_end|>\n<|im_start|>user\n",
)
"""The chat format that the embedded reader was trained with."""


def plain_chat(beginning: str) -> ChatText:
    """The format for models without a chat template; `beginning` is their BOS token, if any."""
    return ChatText(
        head=f"{beginning}{INSTRUCTION}\n\n{DOCUMENT_START}",
        doc_end=f"{DOCUMENT_END}Question: ",
        generation="\nAnswer:",
        turn_separator="\n\nQuestion: ",
        stop_texts=("\nQuestion:", "\n\n\n"),
    )
