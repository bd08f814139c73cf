"""The command lines: usage errors, exit codes, what is imported."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from sa_chat.app import cli
from sa_chat.app.document.demo import SOURCE_FILES, demo_paths
from sa_chat.app.settings.launch import Launch
from sa_chat.app.settings.options import SHELLS, build_parser
from sa_chat.app.settings.settings import Settings
from sa_chat.engine import cli as engine_cli
from sa_chat.engine.documents import open_documents
from sa_chat.engine.model import reader_folder
from sa_chat.engine.tokens import load_tokenizer, tokenize_documents
from sa_chat.protocol.arguments import CONFIG_OPTIONS
from sa_chat.protocol.config import DEFAULT_ALPHA, OpenOptions
from sa_chat.protocol.errors import DocumentError


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "No document"),
        (["a.txt"], "needs a terminal"),
        (["a.txt", "--alpha", "3", "--ask", "x"], "alpha must be"),
        (["a.txt", "--alpha", "nan", "--ask", "x"], "alpha must be"),
        (["a.txt", "--alpha", "much", "--ask", "x"], "invalid float"),
        (["a.txt", "--quality", "best", "--ask", "x"], "Unknown quality 'best'"),
        (["a.txt", "--quality", "fast", "--alpha", "1", "--ask", "x"], "set the same thing"),
        (["a.txt", "--device", "tpu", "--ask", "x"], "Unknown device"),
        (["a.txt", "--attention", "lazy", "--ask", "x"], "Unknown attention"),
        (["a.txt", "--max-context", "5", "--ask", "x"], "at least 256"),
        (["a.txt", "--ask", "  "], "question is empty"),
        (["a.txt", "--js"], "Unrecognized arguments: --js"),
        (["a.txt", "--ask"], "expected one argument"),
        (["a.txt", "--demo"], "documents of its own"),
        (["a.txt", "--plain", "--json"], "questions from stdin"),
        (["a.txt", "--plain", "--ask", "x"], "questions from stdin"),
        (["a.txt", "--ask", "x", "--fake-engine", "/nowhere.json"], "cannot be read"),
        (["--json"], "No document"),
        (["--count"], "No document"),
        (["--resume"], "needs a terminal"),
        (["a.txt", "--resume"], "needs a terminal"),
        (["a.txt", "--resume", "--ask", "x"], "--resume needs the screen"),
        (["--resume", "--json"], "--resume needs the screen"),
        (["a.txt", "--resume", "--plain"], "--resume needs the screen"),
        (["a.txt", "--resume", "--count"], "--resume needs the screen"),
        (["a.txt", "--resume", "--show-text"], "--resume needs the screen"),
        (["-", "--resume"], "and - has none"),
        (["a.txt", "--theme", "blue", "--ask", "x"], "Unknown theme 'blue'"),
        (["a.txt", "--kv-cache-dtype", "int4", "--ask", "x"], "Unknown number format 'int4'"),
        (["a.txt", "--rope-scaling", "linear:2", "--ask", "x"], "Unknown scaling 'linear:2'"),
        (["a.txt", "--rope-scaling", "yarn:2", "--ask", "x"], "reads 131,072 tokens already"),
        (["--completion", "csh"], "invalid choice: 'csh'"),
    ],
)
def test_usage_errors(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    sentence, hint = err.splitlines()
    assert sentence.startswith("sa-chat: ")
    assert words in sentence
    assert hint


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SA_CHAT_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Launch]:
    """What the screen was started with, as if there were a terminal."""
    seen: list[Launch] = []

    class Screen:
        return_code = 0

        def __init__(self, launch: Launch) -> None:
            seen.append(launch)

        def run(self) -> None: ...

    monkeypatch.setattr("sa_chat.app.tui.app.SaChatApp", Screen)
    monkeypatch.setattr("sa_chat.app.settings.checks.has_terminal", lambda: True)
    return seen


def closing(*streams: int, argv: str) -> subprocess.CompletedProcess[str]:
    """`sa-chat` with standard streams that the shell has closed."""
    code = "import sys; from sa_chat.app.cli import main; sys.exit(main())"
    closed = " ".join(f"{stream}>&-" for stream in streams)
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {argv} {closed}', sys.executable, code],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "argv", "words"),
    [
        (0, "a.txt", "needs a terminal"),
        (1, "a.txt", "output is closed"),
        (1, "a.txt --ask hi", "output is closed"),
        (1, "a.txt --json", "output is closed"),
        (1, "a.txt --plain", "output is closed"),
    ],
)
def test_closed_streams_are_usage_errors(stream: int, argv: str, words: str) -> None:
    done = closing(stream, argv=argv)
    assert done.returncode == 2
    sentence, hint = done.stderr.splitlines()
    assert words in sentence
    assert hint


def test_streams_that_are_not_needed_may_be_closed(write_script: Callable[..., str]) -> None:
    script = write_script()
    done = closing(0, 2, argv=f"a.txt --json --ask whale --fake-engine {script}")
    assert done.returncode == 0
    assert json.loads(done.stdout)["answers"][0]["text"] == "> Call me Ishmael.\n"
    done = closing(0, 2, argv=f"a.txt --ask whale --fake-engine {script}")
    assert (done.returncode, done.stdout) == (0, "> Call me Ishmael.\n")
    assert closing(0, argv=f"a.txt --plain --fake-engine {script}").returncode == 0
    assert closing(0, 1, 2, argv="a.txt --plain").returncode == 2


def test_paths_and_options_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Launch] = []

    def run_json(launch: Launch) -> int:
        seen.append(launch)
        return 0

    monkeypatch.setattr("sa_chat.app.headless.oneshot.run_json", run_json)
    argv = "a.txt --json --ask one b --include *.py --ask two --pages 1-20 --alpha 1 --include x"
    assert cli.main([*argv.split(), "--exclude", "y", "--model=-m", "--max-context=512"]) == 0
    (launch,) = seen
    assert launch.questions == ("one", "two")
    assert launch.documents.paths == ("a.txt", "b")
    assert launch.documents.include == ("*.py", "x")
    assert launch.documents.exclude == ("y",)
    assert launch.documents.pages == "1-20"
    assert (launch.config.alpha, launch.config.model, launch.config.max_context) == (1.0, "-m", 512)


def test_without_documents_a_terminal_gets_the_start_screen(launched: list[Launch]) -> None:
    assert cli.main([]) == 0
    assert cli.main(["--resume", "--no-history", "--theme", "light", "--alpha", "0.9"]) == 0
    assert cli.main(["a.txt", "--resume", "--choose"]) == 0
    start, resumed, of_paths = launched
    assert (start.options, start.resume, start.settings) == (None, False, Settings())
    assert (resumed.options, resumed.resume) == (None, True)
    assert (resumed.settings.theme, resumed.settings.history) == ("light", False)
    assert resumed.config.alpha == 0.9
    assert (of_paths.documents.paths, of_paths.resume, of_paths.choose) == (("a.txt",), True, True)


@pytest.mark.parametrize(
    ("argv", "option"),
    [
        (["--pages", "1-2"], "--pages"),
        (["--include", "x"], "--include"),
        (["--exclude", "x"], "--exclude"),
        (["--fit", "--resume"], "--fit"),
        (["--ocr"], "--ocr"),
        (["--password-stdin"], "--password-stdin"),
    ],
)
def test_options_of_documents_need_documents(
    argv: list[str], option: str, launched: list[Launch], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith(f"sa-chat: {option} needs a document.\n")
    assert launched == []


@pytest.mark.parametrize("argv", [[], ["--ask", "x"], ["--plain"], ["--show-text"]])
def test_modes_without_a_screen_need_documents(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sa_chat.app.settings.checks.has_terminal", lambda: bool(argv))
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith("sa-chat: No document is given.\n")


def test_the_path_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    assert cli.main(["--config-path"]) == 0
    file.write_text("broken")
    assert cli.main(["--config-path"]) == 0
    monkeypatch.delenv("SA_CHAT_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    assert cli.main(["--config-path"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [str(file), str(file), str(tmp_path / "own" / "sa-chat" / "config.toml")]


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_names_every_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--completion", shell]) == 0
    script = capsys.readouterr().out
    named = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", script))
    options = set(re.findall(r"(?<=--)[a-z][a-z-]+", build_parser().format_help()))
    assert len(options) > 25
    assert options <= named
    assert "fake-engine" not in options | named
    assert {"dark", "light", "high-contrast", "cuda", "dense", "int8", "fish"} <= named


def test_completion_in_bash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    subprocess.run(["bash", "-n", script], check=True, timeout=20)
    (tmp_path / "moby.txt").touch()
    ask = """
        source ./completion.bash
        complete -p sa-chat
        for words in "--the" "--theme " "--device c" "a.txt mo" "--json --attention " \\
            "--quality "; do
            IFS=' ' read -ra COMP_WORDS <<< "sa-chat $words"
            [[ $words == *' ' ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _shtab_sa_chat 2>/dev/null
            echo "${COMPREPLY[*]}"
        done
    """
    done = subprocess.run(
        ["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, timeout=20
    )
    assert done.stdout.splitlines() == [
        "complete -o bashdefault -F _shtab_sa_chat sa-chat",
        "--theme",
        "dark light high-contrast",
        "cpu cuda",
        "moby.txt",
        "sparse dense",
        "exact careful fast",
    ]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(["--version"])
    assert capsys.readouterr().out.startswith("sa-chat ")
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(["--help"])
    out = capsys.readouterr().out
    given = {"config_path", "help", "no_history", "theme", "version"}  # and those with a default:
    given |= vars(build_parser().parse_args([])).keys() - {"paths", "fake_engine"}
    given |= {option.field for option in CONFIG_OPTIONS}
    assert {f"--{name.replace('_', '-')}" for name in given} <= set(out.split())
    assert "--fake-engine" not in out
    headings = [line for line in out.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings == [
        "documents:", "answering without a screen:", "the screen:", "engine:", "the program:"
    ]  # fmt: skip
    assert f"(default: {DEFAULT_ALPHA})" in " ".join(out.split())
    assert "--fake-engine" not in out


def test_command_line_starts_without_heavy_imports() -> None:
    code = (
        "import sys; from sa_chat.app import cli; cli.main(['--alpha=7', 'x'])\n"
        "heavy = {'torch', 'transformers', 'textual', 'asyncio', 'numpy', 'shtab'}\n"
        "print(heavy & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout == "set()\n"


def test_demo_opens_handbook_and_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = demo_paths()
    assert [Path(path).name for path in paths[:2]] == ["handbook.pdf", "attention"]
    seen: list[Launch] = []

    def run_json(launch: Launch) -> int:
        seen.append(launch)
        return 0

    monkeypatch.setattr("sa_chat.app.headless.oneshot.run_json", run_json)
    assert cli.main(["--demo", "--json"]) == 0
    assert seen[0].demo
    assert seen[0].documents.paths == paths
    assert seen[0].documents.include == SOURCE_FILES
    monkeypatch.setattr("sa_chat.app.document.demo.files", lambda package: tmp_path / package)
    with pytest.raises(DocumentError, match=r"lacks handbook\.pdf"):
        demo_paths()


def test_the_demonstration_is_read_quickly_and_whole() -> None:
    documents = open_documents(OpenOptions(demo_paths(), include=SOURCE_FILES))
    assert all("__pycache__" in item.path for item in documents.left_out)
    with ExitStack() as stack:
        tokenizer = load_tokenizer(reader_folder(stack))
    assert 32_768 < len(tokenize_documents(documents, tokenizer).ids) < 65_536


def test_engine_needs_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert engine_cli.main([]) == 2
    assert "COMMAND" in capsys.readouterr().err


def test_engine_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert engine_cli.main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "transformers"} < info["versions"].keys()
    cpu = info["devices"][0]
    assert cpu["dtype"] in ("bfloat16", "float32")
    assert cpu["total_bytes"] > 2**30
    assert engine_cli.main(["info"]) == 0
    text = capsys.readouterr().out
    assert info["versions"]["torch"] in text
    assert "embedded reader: " in text
