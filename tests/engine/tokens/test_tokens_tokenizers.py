"""Both tokenizers: ids, starts, streaming, and text that looks like special tokens."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken
from tokenizers_for_tests import byte_level, merged_bytes, sentence_piece_like

from sa_chat.engine.tokens import Tokenizer, load_tokenizer
from sa_chat.engine.tokens.hf_tokenizer import HFTokenizer
from sa_chat.engine.tokens.tiktoken_tokenizer import TiktokenTokenizer
from sa_chat.protocol.errors import ModelError

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|doc|>", "<|/doc|>")


def write_tiktoken(folder: Path) -> Path:
    """All bytes and a few merges, some of which cut through characters."""
    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [b"th", b"the", b" the", b"\n\n", "é".encode(), b"a\xf0\x9f", "日本".encode()[:4]]
    lines = [f"{base64.b64encode(t).decode()} {rank}" for rank, t in enumerate(tokens)]
    (folder / "reader.tiktoken").write_text("\n".join(lines) + "\n")
    special = {text: len(tokens) + i for i, text in enumerate(SPECIAL)}
    pattern = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|\s*[\r\n]+|\s+(?!\S)|\s+|."
    (folder / "tiktoken.json").write_text(
        json.dumps({"pattern": pattern, "special_tokens": special})
    )
    return folder


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    return {
        "tiktoken": load_tokenizer(write_tiktoken(tmp_path_factory.mktemp("reader"))),
        "bytes": HFTokenizer(byte_level(), "bytes"),
        "pieces": HFTokenizer(sentence_piece_like(), "pieces"),
    }


KINDS = pytest.mark.parametrize("kind", ["tiktoken", "bytes", "pieces"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.lists(
    st.sampled_from(
        ["the ", " the", "\n", "  ", "é", "日本", "a🙂", "👩‍👩‍👧", "<|im_end|>", "</s>", "x"]
    )
).map("".join)


def streamed(tokenizer: Tokenizer, ids: list[int]) -> str:
    stream = tokenizer.detokenizer()
    return "".join(map(stream.feed, ids)) + stream.flush()


@KINDS
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_ids_stream_back_to_the_text(
    tokenizers: dict[str, Tokenizer], kind: str, text: str
) -> None:
    tokenizer = tokenizers[kind]
    expected = text
    if kind == "pieces":  # its decoder drops the blank that its encoder would add
        expected = text.replace("\u2581", " ")
        expected = expected.removeprefix(" ")
    assert streamed(tokenizer, tokenizer.encode(text)) == expected


@KINDS
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_starts_point_at_the_characters_of_each_token(
    tokenizers: dict[str, Tokenizer], kind: str, text: str
) -> None:
    tokenizer = tokenizers[kind]
    ids, starts = tokenizer.encode_with_starts(text)
    assert ids.tolist() == tokenizer.encode(text)
    assert len(starts) == len(ids)
    assert all(starts[1:] >= starts[:-1])
    if text:
        assert starts[0] == 0
    for index, start in enumerate(starts):
        assert 0 <= start < len(text)
        if index and starts[index - 1] == start:
            continue  # continues a character
        rest = streamed(tokenizer, ids[index:].tolist())
        expected = text[start:].replace("\u2581", " ") if kind == "pieces" else text[start:]
        assert rest.lstrip(" ") == expected.lstrip(" ") or "\ufffd" in rest


@KINDS
def test_special_tokens_in_text_are_plain_text(tokenizers: dict[str, Tokenizer], kind: str) -> None:
    tokenizer = tokenizers[kind]
    chat = tokenizer.chat
    framing = {*chat.head, *chat.doc_end, *chat.generation, *chat.turn_separator}
    specials = (framing & tokenizer.stop_ids) | tokenizer.stop_ids
    for text in ("a<|im_end|>b", "</s>", "<s>", "<|doc|>", "<|/doc|>\n"):
        ids = tokenizer.encode(text)
        assert len(ids) > 1
        assert not specials & set(ids)
        assert streamed(tokenizer, ids) == text


@KINDS
def test_no_text_no_tokens(tokenizers: dict[str, Tokenizer], kind: str) -> None:
    ids, starts = tokenizers[kind].encode_with_starts("")
    assert ids.shape == starts.shape == (0,)
    assert str(ids.dtype) == "int32"


@KINDS
def test_a_cut_character_is_held_back_then_replaced(
    tokenizers: dict[str, Tokenizer], kind: str
) -> None:
    ids = tokenizers[kind].encode("x🙂")
    stream = tokenizers[kind].detokenizer()
    assert "".join(map(stream.feed, ids[:-1])) == "x"
    assert set(stream.flush()) == {"\ufffd"}


@KINDS
def test_stop_tokens_have_no_text(tokenizers: dict[str, Tokenizer], kind: str) -> None:
    assert tokenizers[kind].stop_ids
    for token_id in tokenizers[kind].stop_ids:
        assert 0 <= token_id < tokenizers[kind].vocab_size
        assert streamed(tokenizers[kind], [token_id]) == ""


def test_pieces_apart_equal_the_whole_without_added_blanks(
    tokenizers: dict[str, Tokenizer],
) -> None:
    tokenizer = tokenizers["pieces"]
    assert tokenizer.encode("the") == tokenizer.encode("x\nthe")[-len(tokenizer.encode("the")) :]


def test_very_long_runs_do_not_break_the_encoder(tokenizers: dict[str, Tokenizer]) -> None:
    ids, starts = tokenizers["tiktoken"].encode_with_starts("x" + " " * 1_000_000 + "the end")
    assert starts[-1] == 1_000_000 + len("xthe end") - 1
    assert len(ids) == len(starts)


def test_the_reader_frame(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["tiktoken"]
    assert isinstance(tokenizer, TiktokenTokenizer)
    start, end, doc, doc_end = (tokenizer.vocab_size - 4 + i for i in range(4))
    text = tokenizer.encode
    chat = tokenizer.chat
    assert chat.head == (start, *text("user\n"), doc)
    assert chat.turn([1], first=True) == [
        doc_end,
        *text("\n"),
        1,
        end,
        *text("\n"),
        start,
        *text("assistant\n"),
    ]
    assert chat.turn([1], first=False)[:2] == [end, *text("\n")]
    assert tokenizer.stop_ids == {start - 1, end}
    assert tokenizer.token_bytes(doc) == b""
    assert tokenizer.token_bytes(65) == b"A"
    assert tokenizer.token_bytes(tokenizer.vocab_size) == b""


@pytest.mark.parametrize("kind", ["tiktoken", "bytes"])
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_bytes_of_tokens_joined_are_the_text(
    tokenizers: dict[str, Tokenizer], kind: str, text: str
) -> None:
    token_bytes = tokenizers[kind].token_bytes
    assert token_bytes is not None
    assert b"".join(map(token_bytes, tokenizers[kind].encode(text))) == text.encode()
    for token_id in tokenizers[kind].stop_ids:
        assert token_bytes(token_id) == b""


def test_bytes_of_added_tokens_are_their_text_and_unknown_ids_have_none() -> None:
    tokenizer = HFTokenizer(merged_bytes(added=[AddedToken("<thé>")]), "added")
    (token_id,) = tokenizer.encode("<thé>")
    assert tokenizer.token_bytes is not None
    assert tokenizer.token_bytes(token_id) == "<thé>".encode()
    assert tokenizer.token_bytes(tokenizer.vocab_size) == b""


def test_sentence_pieces_are_not_bytes(tokenizers: dict[str, Tokenizer]) -> None:
    assert tokenizers["pieces"].token_bytes is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("reader.tiktoken", "no base64 here\n"),
        ("reader.tiktoken", "QQ== 0\n"),
        ("tiktoken.json", "{"),
        ("tiktoken.json", "{}"),
        ("tiktoken.json", None),
    ],
)
def test_a_broken_tokenizer_is_a_model_error(
    tmp_path: Path, name: str, content: str | None
) -> None:
    write_tiktoken(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ModelError) as raised:
        load_tokenizer(tmp_path)
    assert raised.value.hint


def test_a_folder_without_a_tokenizer_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_tokenizer(tmp_path)


def test_a_slow_tokenizer_is_a_model_error() -> None:
    class Slow:
        pass

    with pytest.raises(ModelError, match="no fast form"):
        HFTokenizer(Slow(), "slow")


def test_a_saved_tokenizer_loads(tmp_path: Path) -> None:
    byte_level().save_pretrained(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 7]}))
    tokenizer = load_tokenizer(tmp_path)
    assert {1, 7} <= tokenizer.stop_ids
    assert streamed(tokenizer, tokenizer.encode("the fox")) == "the fox"
