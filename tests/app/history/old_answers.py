"""Rows of the history, byte for byte as sa-chat wrote them before requests had ids."""

from __future__ import annotations

ANSWER = (
    rb'{"type": "Answer", "ask_id": "q1", "question": "Who speaks?",'
    rb' "text": "> Call me Ishmael.\n", "citations": [{"quote": "Call me Ishmael.",'
    rb' "path": "/books/moby.txt", "page": "3", "line": 7, "verified": true,'
    rb' "passage": "Call me\nIshmael."}, {"quote": "Nobody said this.", "path": "",'
    rb' "page": null, "line": 0, "verified": false, "passage": ""}], "tokens": 42,'
    rb' "tokens_per_s": 31.5, "question_ttft_s": 0.084, "stop_reason": "stop", "ttft":'
    rb' {"parse_s": 0.5, "tokenize_s": 0.25, "select_s": 1.0, "prefill_s": 10.0,'
    rb' "first_token_s": 0.25}, "forgot_turns": false}'
)
COMPARED = (
    b'{"type": "Answer", "ask_id": "cq12", "question": "Qui\xe2\x80\xa8 parle ? \xf0\x9f\x90\x8b",'
    b' "text": "> Appelez-moi Isma\xc3\xabl.\\n", "citations": [{"quote":'
    b' "Appelez-moi Isma\xc3\xabl.", "path": "caf\xed\xb3\xa9.txt", "page": null, "line": 3,'
    b' "verified": true, "passage": "Appelez-moi Isma\xc3\xabl."}], "tokens": 0,'
    b' "tokens_per_s": 0.0, "question_ttft_s": 0.0, "stop_reason": "cancelled", "ttft":'
    b' {"parse_s": 0.0, "tokenize_s": 0.0, "select_s": 0.0, "prefill_s": 0.0,'
    b' "first_token_s": 0.0}, "forgot_turns": true}'
)
OPTIONS = b'{"drop": ["a#x@1:2"], "include": ["*.py"], "ocr": true, "pages": "1-3"}'
