"""The committed handbook was built from its sources, agrees with the code, and can be quoted."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib.util
import itertools
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import get_args

import pytest
from pypdf import PdfReader
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode

from sa_chat.app.history import errors as history_errors
from sa_chat.app.settings.options import build_parser
from sa_chat.app.tui import screens, widgets
from sa_chat.app.tui.screens.help import key_name
from sa_chat.app.tui.screens.main import MainScreen
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.engine.sparsity import SelectionSettings
from sa_chat.engine.sparsity.calibration import SHORTEST
from sa_chat.protocol import events, values
from sa_chat.protocol.arguments import CONFIG_OPTIONS
from sa_chat.protocol.config import DEFAULT_ALPHA
from sa_chat.protocol.errors import SaChatError

_ERRORS = {
    cls.__name__
    for parent in SaChatError.__subclasses__()
    for cls in (parent, *parent.__subclasses__())
}
# Only for those who speak the protocol or script the fake engine.
_NOT_FOR_USERS = {
    "engine/fake/engine.py",
    "engine/fake/script.py",
    "engine/server/host.py",
    "engine/server/worker.py",
}
# No option of `sa-chat` leads there, or an earlier check prevents it.
_NEVER_SHOWN = {
    "An answer needs at least one token, not ….",
    "No document was given.",
    "… more tokens do not fit: … of … are used.",
}
_FILLED = r"\S{1,12}(?: \S{1,12}){0,3}"  # what the book may have for a …
ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "docs" / "handbook"
PDF = ROOT / "assets" / "handbook.pdf"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("handbook_build", SOURCES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reader() -> PdfReader:
    return PdfReader(PDF)


@pytest.fixture(scope="module")
def text(reader: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    source = (SOURCES / "settings.typ").read_text(encoding="utf-8")
    return dict(re.findall(r'#let ([\w-]+) = "([^"]+)"', source))


def test_committed_pdf_is_of_these_sources(build: ModuleType) -> None:
    assert build.main(["--check"]) == 0


def test_check_fails_for_other_sources(
    build: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "handbook.typ").write_text("= Another book\n", encoding="utf-8")
    assert build.source_digest(tmp_path) != build.recorded_digest(PDF)
    assert build.main(["--check", "--output", str(tmp_path / "none.pdf")]) == 1
    assert "missing" in capsys.readouterr().err


def test_digest_sees_names_and_contents(build: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "a.typ"
    file.write_text("one", encoding="utf-8")
    first = build.source_digest(tmp_path)
    file.rename(tmp_path / "b.typ")
    renamed = build.source_digest(tmp_path)
    (tmp_path / "b.typ").write_text("two", encoding="utf-8")
    assert len({first, renamed, build.source_digest(tmp_path)}) == 3


def test_page_labels_are_roman_then_arabic(reader: PdfReader) -> None:
    labels = reader.page_labels
    front = labels.index("1")
    assert labels[:front] == ["i", "ii", "iii", "iv", "v", "vi"][:front]
    assert labels[front:] == [str(number) for number in range(1, len(labels) - front + 1)]
    assert 30 <= len(labels) <= 60


def test_outline_names_chapters_and_pages(reader: PdfReader) -> None:
    chapters = [entry for entry in reader.outline if not isinstance(entry, list)]
    titles = [str(chapter.title) for chapter in chapters]
    assert "1 What sa-chat is, and what it is not" in titles
    pages = [reader.get_destination_page_number(chapter) for chapter in chapters]
    assert all(a is not None and b is not None and a < b for a, b in itertools.pairwise(pages))


@pytest.mark.parametrize(
    "sentence",
    [
        f"The default value of alpha is {DEFAULT_ALPHA}.",
        "Density is the number of computed query-key pairs divided by the number of causal pairs",
        "The key F1 opens the help screen.",
        "The exit code for a usage error is 2.",
        "An alpha of 1 gives a ratio of 1.000.",
        "The embedded reader has 32.6 million parameters.",
    ],
)
def test_facts_can_be_quoted(text: str, sentence: str) -> None:
    assert sentence in text


def test_text_has_no_ligatures_and_no_divided_words(reader: PdfReader) -> None:
    pages = [page.extract_text() for page in reader.pages]
    assert not re.search("[\ufb00-\ufb06\u00ad\u200b\u2060]", "".join(pages))
    assert not any(re.search(r"\w-\n\w", page) for page in pages)


def test_sizes_are_those_of_the_code(settings: dict[str, str]) -> None:
    code = SelectionSettings()
    assert settings["query-block"] == f"{code.query_block:,}"
    assert settings["window"] == f"{code.window:,}"
    assert settings["sinks"] == f"{code.num_sink_tokens:,}"
    assert settings["block-size"] == f"{code.block:,}"
    assert settings["sampled-rows"] == f"{code.share_of(2048) * code.block:g}"
    assert settings["sampled-rows-long"] == f"{code.share_of(4096) * code.block:g}"
    assert code.share_of(4095) == code.share_of(1)
    assert code.break_even is None
    assert settings["shortest"] == f"{SHORTEST:,}"
    assert settings["gather-pairs"] == f"{code.cost.gather_pairs:,}"
    assert settings["call-pairs"] == f"{code.cost.call_pairs:,}"


def _keys_of(*nodes: type[DOMNode]) -> dict[str, set[str]]:
    """Names of keys by the names of bindings, as settings.typ writes the latter."""
    keys: dict[str, set[str]] = {}
    for node in nodes:
        for binding in Binding.make_bindings(node.__dict__.get("BINDINGS", ())):
            if binding.id:
                name = re.sub("[._]", "-", binding.id)
                keys.setdefault(name, set()).add(key_name(binding))
    return keys


def _places() -> Iterator[type[DOMNode]]:
    """Every screen and widget that has bindings of its own."""
    for package in (screens, widgets):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for value in vars(import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, DOMNode):
                    yield value


def test_keys_are_those_of_the_bindings(settings: dict[str, str]) -> None:
    bound = {**_keys_of(*_places()), "quit": {"Ctrl+Q"}, "commands": {"Ctrl+P"}}
    keys = {n.removesuffix("-key"): key for n, key in settings.items() if n.endswith("-key")}
    assert set(keys) <= set(bound)
    assert {name: key for name, key in keys.items() if key not in bound[name]} == {}
    assert set(_keys_of(MainScreen, QuestionBox)) <= set(keys)
    assert "ctrl+q" in {b.key for b in App.BINDINGS if isinstance(b, Binding)}
    assert App.COMMAND_PALETTE_BINDING == "ctrl+p"


@pytest.mark.parametrize(
    "binding",
    [b for node in (MainScreen, QuestionBox) for b in node.BINDINGS if isinstance(b, Binding)],
    ids=lambda binding: binding.id,
)
def test_every_key_of_the_main_screen_is_described_with_its_name(
    text: str, settings: dict[str, str], binding: Binding
) -> None:
    assert binding.id is not None
    key = settings[f"{binding.id.replace('.', '-')}-key"]
    assert f"{key} {binding.id} The key {key} " in text


def test_every_setting_is_named(text: str) -> None:
    named = re.search(r"The settings are (.*?)\.", text)
    assert named is not None
    names = {option.name for option in CONFIG_OPTIONS} | {"theme", "history"}
    assert names <= set(re.findall(r"[\w-]+", named[1]))


def test_every_option_is_named(text: str) -> None:
    options = {
        name
        for action in build_parser()._actions
        if action.help != argparse.SUPPRESS
        for name in action.option_strings
        if name.startswith("--")
    }
    assert {name for name in options if name not in text} == set()


def _error_messages() -> Iterator[str]:
    """The first argument of every typed error in the code, with … for what is filled in."""
    roots = (ROOT / name for name in ("app", "engine", "protocol"))
    for path in sorted(itertools.chain.from_iterable(root.rglob("*.py") for root in roots)):
        if path.relative_to(ROOT).as_posix() in _NOT_FOR_USERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in _ERRORS
            ):
                match node.args[0]:
                    case ast.Constant(value=str(message)):
                        yield message
                    case ast.JoinedStr(values=values):
                        yield "".join(
                            str(part.value) if isinstance(part, ast.Constant) else "…"
                            for part in values
                        )


def test_every_error_is_in_the_troubleshooting_chapter(text: str) -> None:
    messages = set(_error_messages()) - _NEVER_SHOWN
    messages |= set(history_errors._SENTENCES.values())
    assert len(messages) > 40
    book = text.replace("\u2019", "'")
    missing = [
        message
        for message in messages
        if not re.search(_FILLED.join(map(re.escape, message.split("…"))), book)
    ]
    assert not sorted(missing)


def _fields(cls: type) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


@pytest.mark.parametrize("event", get_args(events.Event), ids=lambda event: event.__name__)
def test_chapter_on_the_inside_names_every_field(event: type) -> None:
    chapter = (SOURCES / "chapters" / "09-inside.typ").read_text(encoding="utf-8")
    found = re.search(rf'\("{event.__name__}"\)\)?\[(.*)\]', chapter)
    assert found is not None
    sentences = [found[1]]
    for base, named in (
        (events.EngineEvent, "Each event has"),
        (events.Failed, "Each event of failure has"),
    ):
        if issubclass(event, base):
            shared = re.search(rf"{named} (.*?)\.", chapter)
            assert shared is not None
            sentences.append(shared[1])
    assert _fields(event) <= set(re.findall("`(\\w+)`", " ".join(sentences)))


def test_chapter_on_the_inside_names_every_attention_figure() -> None:
    chapter = (SOURCES / "chapters" / "09-inside.typ").read_text(encoding="utf-8")
    found = re.search(r"The attention figures have the fields (.*?)\.", chapter)
    assert found is not None
    assert {field.name for field in dataclasses.fields(values.AttentionFigures)} == set(
        re.findall("`(\\w+)`", found[1])
    )
