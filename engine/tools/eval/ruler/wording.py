"""The published wording of the RULER tasks.

From NVIDIA/RULER (Apache-2.0), scripts/data/synthetic/constants.py and niah.py; the paper is
arXiv 2404.06654.  The text before the question is the document here, and the question is asked
through the chat.  The original starts answers with a given prefix; in the chat, answers are the
model's own, so prefixes occur only in worked examples.
"""

from __future__ import annotations

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."

NEEDLE = "One of the special magic {kind} for {key} is: {value}."
NEEDLES_TEXT = (
    "Some special magic {kind} are hidden within the following text. Make sure to memorize it. "
    "I will quiz you about the {kind} afterwards.\n{context}"
)
NEEDLES_QUESTION = (
    "What are all the special magic {kind} for {query} mentioned in the provided text?"
)
NEEDLE_TEXT = (
    "A special magic {kind} is hidden within the following text. Make sure to memorize it. "
    "I will quiz you about the {kind} afterwards.\n{context}"
)
NEEDLE_QUESTION = "What is the special magic {kind} for {query} mentioned in the provided text?"

TRACKING_TEXT = (
    "Memorize and track the chain(s) of variable assignment hidden in the following text."
    "\n\n{context}"
)
TRACKING_QUESTION = (
    "Question: Find all variables that are assigned the value {query} in the text above."
)
TRACKING_PREFIX = (
    " Answer: According to the chain(s) of variable assignment in the text above, {count} "
    "variables are assigned the value {query}, they are: "
)

COMMON_TEXT = (
    "Below is a numbered list of words. In these words, some appear more often than others. "
    "Memorize the ones that appear most often.\n{context}"
)
COMMON_QUESTION = "Question: What are the 10 most common words in the above list?"
COMMON_PREFIX = " Answer: The top 10 words that appear most often in the list are:"

FREQUENT_TEXT = (
    "Read the following coded text and track the frequency of each coded word. "
    "Find the three most frequently appeared coded words. {context}"
)
FREQUENT_QUESTION = (
    "Question: Do not provide any explanation. Please ignore the dots '....'. "
    "What are the three most frequently appeared words in the above coded text?"
)
