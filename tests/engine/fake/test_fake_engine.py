"""What the fake engine plays: the text of its document, passages, and a reading to compare."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sa_chat.engine.fake.engine import FakeEngine
from sa_chat.engine.fake.script import DEFAULT_SCRIPT, load_script
from sa_chat.protocol import events, values
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import UsageError

WriteScript = Callable[..., str]
OPTIONS = OpenOptions(("moby.txt",))


class Played:
    """A fake engine, and all that it said."""

    def __init__(self, script: str, **config: str) -> None:
        self.said: list[events.Event] = []
        self.engine = FakeEngine(EngineConfig(**config), self.said.append, load_script(script))

    def texts(self) -> list[events.DocumentText]:
        return [event for event in self.said if isinstance(event, events.DocumentText)]

    def after(self, work: Callable[[], None]) -> list[events.Event]:
        before = len(self.said)
        work()
        return self.said[before:]


def test_passages_stand_in_the_text_at_their_place() -> None:
    played = Played("default")
    played.engine.open(OpenOptions(("handbook.pdf",)), text=True)
    texts = played.texts()
    assert [text.page for text in texts] == ["i", "1", "7", "19", "27"]
    assert texts[0].head == "The sa-chat handbook\n[page i]\n"
    assert [text.last for text in texts] == [False] * 4 + [True]
    lines = {text.page: text.text.splitlines() for text in texts}
    played.engine.ask("What is density?")
    answer = played.said[-1]
    assert isinstance(answer, events.Answer)
    (citation,) = answer.citations
    assert citation.passage == citation.quote == lines[citation.page][citation.line - 1]
    for section in DEFAULT_SCRIPT.sections[1:]:
        assert section.title in lines[section.page][section.line - 1]


def test_the_machine_is_measured_once_before_the_first_sparse_prefill(
    write_script: WriteScript,
) -> None:
    played = Played(write_script(calibrate_s=3.0), attention="dense")
    kinds = [type(event) for event in played.after(lambda: played.engine.open(OPTIONS))]
    assert events.CalibrationProgress not in kinds
    said = played.after(lambda: played.engine.compare("whale", "sparse"))
    begun = events.CalibrationProgress(0.0, 0.0)
    assert said[:2] == [begun, events.CalibrationProgress(1.0, 3.0)]
    assert isinstance(said[2], events.PrefillProgress)
    again = played.after(lambda: played.engine.open(OPTIONS, "sparse"))
    assert begun not in again


def test_an_invented_quotation_has_no_passage() -> None:
    played = Played("default")
    played.engine.open(OpenOptions(("handbook.pdf",)))
    played.engine.ask("invent")
    answer = played.said[-1]
    assert isinstance(answer, events.Answer)
    assert [each.passage for each in answer.citations] == [""]
    assert played.texts() == []


def test_several_files_and_passages_of_several_lines(write_script: WriteScript) -> None:
    def citation(path: str, line: int, passage: str) -> dict[str, object]:
        return {
            "quote": "as quoted", "path": path, "page": None, "line": line, "verified": True,
            "passage": passage,
        }  # fmt: skip

    passages = [
        citation("a.txt", 3, "over\ntwo lines"),
        citation("a.txt", 90, "far down"),
        citation("b.txt", 2, "first"),
        citation("b.txt", 2, "on the same line"),
        citation("c.txt", 1, "of a file that is not open"),
    ]
    script = write_script(replies=[{"question": "", "citations": passages}])
    played = Played(script)
    played.engine.open(OpenOptions(("a.txt", "b.txt")), text=True)
    first, second = played.texts()
    assert first.head == "A short book\n=== a.txt ===\n"
    assert second.head == "=== b.txt ===\n"
    rows = first.text.splitlines()
    assert rows[2:4] == ["over", "two lines"]
    assert rows[89] == "far down"
    assert second.text.splitlines()[1] == "first on the same line"


def test_a_script_may_have_its_own_text(write_script: WriteScript) -> None:
    text = [
        {"path": "moby.txt", "page": "1", "line": 5, "head": "Moby\n[page 1]\n", "text": "Call\n"},
        {"path": "moby.txt", "page": "2", "text": "me\n"},
    ]
    played = Played(write_script(text=text))
    played.engine.count(OPTIONS, text=True)
    assert played.texts() == [
        events.DocumentText("Call\n", False, "moby.txt", "1", 5, "Moby\n[page 1]\n"),
        events.DocumentText("me\n", True, "moby.txt", "2", 1, ""),
    ]


def test_text_of_a_document_of_which_nothing_is_left_ends_too(write_script: WriteScript) -> None:
    played = Played(write_script())
    played.engine.count(OpenOptions(("moby.txt",), drop=("moby.txt",)), text=True)
    assert played.texts() == [events.DocumentText("", True, "", None, 1, "A short book\n")]


def test_tokens_and_seconds_of_an_answer_run_on(write_script: WriteScript) -> None:
    played = Played(write_script(token_s=0.5))
    played.engine.open(OPTIONS)
    said = played.after(lambda: played.engine.ask("whale"))
    deltas = [event for event in said if isinstance(event, events.TextDelta)]
    assert [(delta.tokens, delta.seconds) for delta in deltas][:3] == [(1, 0), (2, 0.5), (3, 1.0)]


def test_the_second_reading_is_dense_and_slow_and_read_once(write_script: WriteScript) -> None:
    played = Played(write_script())
    past = (values.PastTurn("the whale?", "> Call me Ishmael."),)
    played.engine.open(OPTIONS, replay_turns=past)
    first = played.said[-1]
    assert isinstance(first, events.PrefillDone)
    said = played.after(lambda: played.engine.compare("whale", "dense", past))
    chunks = [event for event in said if isinstance(event, events.PrefillProgress)]
    (done,) = [event for event in said if isinstance(event, events.PrefillDone)]
    assert len(chunks) == 4
    assert {chunk.select_s for chunk in chunks} == {0.0}
    assert {chunk.density for chunk in chunks} == {1.0}
    assert (done.attention.mode, done.attention.density, done.ttft.select_s) == ("dense", 1.0, 0.0)
    assert done.ttft.prefill_s > 2 * (first.ttft.prefill_s + first.ttft.select_s)
    assert done.devices[0].kv_bytes == 2 * first.devices[0].kv_bytes
    answer = said[-1]
    assert isinstance(answer, events.Answer)
    assert (answer.text, answer.ttft.prefill_s) == ("> Call me Ishmael.\n", done.ttft.prefill_s)
    again = played.after(lambda: played.engine.compare("whale", "dense"))
    assert again[0] == done
    assert not [event for event in again if isinstance(event, events.PrefillProgress)]
    played.engine.open(OPTIONS, "dense")
    opened = played.said[-1]
    assert isinstance(opened, events.PrefillDone)
    assert opened.devices[0].kv_bytes == first.devices[0].kv_bytes
    assert opened.attention.mode == "dense"
    with pytest.raises(UsageError, match="open in dense mode already"):
        played.engine.compare("whale", "dense")
    assert isinstance(
        played.after(lambda: played.engine.compare("whale", "sparse"))[0],
        events.PrefillProgress,
    )


def test_selection_is_a_part_of_the_seconds(write_script: WriteScript) -> None:
    played = Played(write_script())
    played.engine.open(OPTIONS)
    chunks = [event for event in played.said if isinstance(event, events.PrefillProgress)]
    done = played.said[-1]
    assert isinstance(done, events.PrefillDone)
    assert all(0 < chunk.select_s < chunk.seconds for chunk in chunks)
    assert chunks[-1].select_s == pytest.approx(done.ttft.select_s)


def test_a_stretch_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"text": [{"path": "a", "words": "x"}]}))
    with pytest.raises(UsageError, match="Stretch has no words"):
        load_script(str(path))
