"""Settings: a file, the environment and the command line, and what each can have wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sa_chat.app import cli
from sa_chat.app.settings.launch import Launch
from sa_chat.app.settings.options import build_parser
from sa_chat.app.settings.settings import THEME_NAMES, Settings, config_path, load_settings
from sa_chat.protocol.arguments import CONFIG_OPTIONS
from sa_chat.protocol.config import DEFAULT_ALPHA, QUALITIES, EngineConfig
from sa_chat.protocol.errors import UsageError

WriteSettings = Callable[[str | bytes], dict[str, str]]


@pytest.fixture
def write_settings(tmp_path: Path) -> WriteSettings:
    """Writes a settings file; gives an environment that names it."""

    def write(text: str | bytes) -> dict[str, str]:
        path = tmp_path / "config.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return {"SA_CHAT_CONFIG": str(path)}

    return write


def given(*argv: str) -> dict[str, Any]:
    return vars(build_parser().parse_intermixed_args(argv))


def refused(environ: dict[str, str], *argv: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load_settings(given(*argv), environ)
    assert caught.value.hint
    return caught.value


def test_without_any_settings_everything_is_default(tmp_path: Path) -> None:
    nothing = {"SA_CHAT_CONFIG": str(tmp_path / "none.toml")}
    assert load_settings(given("a.txt"), nothing) == (EngineConfig(), Settings())
    below_a_file = {"SA_CHAT_CONFIG": f"{os.devnull}/config.toml"}
    assert load_settings(given(), below_a_file) == (EngineConfig(), Settings())


ALL = """
model = "org/model"
device = "cpu"
attention = "dense"
alpha = 0.5
max-context = 4096
kv-cache-dtype = "int8"
rope-scaling = "yarn:4"
temperature = 1
top-p = 0.5
repetition-penalty = 1.5
seed = 7
theme = "light"
history = false

[keys]
theme = "f6"
stop = "escape,ctrl+g"
"""
ALL_CONFIG = EngineConfig(
    model="org/model",
    device="cpu",
    attention="dense",
    alpha=0.5,
    max_context=4_096,
    kv_cache_dtype="int8",
    rope_scaling="yarn:4",
    temperature=1.0,
    top_p=0.5,
    repetition_penalty=1.5,
    seed=7,
)


@pytest.mark.parametrize("text", [ALL, ALL.replace("-", "_"), "\ufeff" + ALL.replace("\n", "\r\n")])
def test_a_file_can_set_everything(write_settings: WriteSettings, text: str) -> None:
    config, settings = load_settings(given(), write_settings(text))
    assert config == ALL_CONFIG
    assert type(config.temperature) is float
    assert settings == Settings("light", False, {"theme": "f6", "stop": "escape,ctrl+g"})


def test_the_environment_can_set_everything_but_keys() -> None:
    environ = {
        f"SA_CHAT_{option.field.upper()}": str(getattr(ALL_CONFIG, option.field))
        for option in CONFIG_OPTIONS
        if option.field != "quality"
    }
    assert len(environ) == 11
    environ |= {
        "SA_CHAT_CONFIG": "/nowhere/config.toml",
        "SA_CHAT_THEME": "high-contrast",
        "SA_CHAT_HISTORY": "false",
        "SA_CHAT_PASSWORD": "secret",
    }
    assert load_settings(given(), environ) == (ALL_CONFIG, Settings("high-contrast", False))


@pytest.mark.parametrize(
    ("word", "history"),
    [
        *((word, True) for word in ("true", "Yes", "on", "1")),
        *((word, False) for word in ("false", "no", " off ", "0")),
    ],
)
def test_words_for_true_and_false(word: str, history: bool) -> None:
    environ = {"SA_CHAT_CONFIG": "/nowhere", "SA_CHAT_HISTORY": word}
    assert load_settings(given(), environ)[1].history is history


@pytest.mark.parametrize(
    ("name", "in_file", "in_environment", "on_command_line"),
    [
        ("alpha", 0.5, 0.6, 0.7),
        ("max_context", 1_000, 2_000, 3_000),
        ("attention", "dense", "sparse", "dense"),
        ("seed", 1, 2, 3),
        ("model", "of/file", "of/environment", "of/command"),
        ("theme", "light", "high-contrast", "dark"),
    ],
)
def test_the_command_line_is_stronger_than_the_environment_and_that_than_the_file(
    write_settings: WriteSettings,
    name: str,
    in_file: object,
    in_environment: object,
    on_command_line: object,
) -> None:
    def value(*argv: str) -> object:
        config, settings = load_settings(given(*argv), environ)
        return getattr(settings if name == "theme" else config, name)

    environ = write_settings(f"{name} = {in_file!r}")
    assert value() == in_file
    option = f"--{name.replace('_', '-')}={on_command_line}"
    assert value(option) == on_command_line
    environ[f"SA_CHAT_{name.upper()}"] = str(in_environment)
    assert value() == in_environment
    assert value(option) == on_command_line
    environ[f"SA_CHAT_{name.upper()}"] = ""
    assert value() == in_file


def test_the_history_is_switched_off_by_any_and_on_by_the_environment(
    write_settings: WriteSettings,
) -> None:
    environ = write_settings("history = false")
    assert load_settings(given(), environ)[1].history is False
    environ["SA_CHAT_HISTORY"] = "true"
    assert load_settings(given(), environ)[1].history is True
    assert load_settings(given("--no-history"), environ)[1].history is False


def test_a_default_on_the_command_line_overrules_too(write_settings: WriteSettings) -> None:
    environ = write_settings('alpha = 0.5\ndevice = "cuda"\n')
    config, _ = load_settings(given("--alpha", f"{DEFAULT_ALPHA}", "--device", "auto"), environ)
    assert config == EngineConfig()


@pytest.mark.parametrize(("quality", "alpha"), QUALITIES.items())
def test_a_quality_names_an_alpha_in_every_place(
    write_settings: WriteSettings, quality: str, alpha: float
) -> None:
    nowhere = {"SA_CHAT_CONFIG": "/nowhere"}
    expected = EngineConfig(alpha=alpha)
    assert load_settings(given(), write_settings(f"quality = '{quality}'"))[0] == expected
    assert load_settings(given(), nowhere | {"SA_CHAT_QUALITY": quality})[0] == expected
    assert load_settings(given("--quality", quality), nowhere)[0] == expected


def test_an_alpha_overrules_a_quality_of_a_weaker_place_and_the_reverse(
    write_settings: WriteSettings,
) -> None:
    def alpha(*argv: str) -> float:
        return load_settings(given(*argv), environ)[0].alpha

    environ = write_settings("quality = 'best'")  # overruled, so not checked
    assert alpha("--alpha=0.5") == 0.5
    assert alpha("--quality=exact") == 1.0
    environ["SA_CHAT_ALPHA"] = "0.7"
    assert alpha() == 0.7
    assert alpha("--quality=fast") == 0.6


def test_an_alpha_and_a_quality_in_one_place_contradict_each_other(
    write_settings: WriteSettings,
) -> None:
    sentence = "--alpha and --quality set the same thing."
    nowhere = {"SA_CHAT_CONFIG": "/nowhere"}
    error = refused(nowhere, "--alpha=0.8", "--quality=careful")
    assert (error.message, error.hint) == (sentence, "Give one of them.")
    assert error.exit_code == 2
    environ = write_settings("quality = 'fast'\nalpha = 0.8")
    assert refused(environ).message == f"quality in {environ['SA_CHAT_CONFIG']}: {sentence}"
    environ = nowhere | {"SA_CHAT_QUALITY": "fast", "SA_CHAT_ALPHA": "0.8"}
    assert refused(environ).message == f"SA_CHAT_QUALITY: {sentence}"
    assert load_settings(given("--quality=exact"), environ)[0].alpha == 1.0


def test_a_home_folder_is_found(write_settings: WriteSettings, tmp_path: Path) -> None:
    config, _ = load_settings(given(), write_settings('model = "~/models/qwen"'))
    assert config.model == os.path.expanduser("~/models/qwen")
    assert config_path({"SA_CHAT_CONFIG": "~/x.toml"}) == Path.home() / "x.toml"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('\ntheme "light"', "line 2: expected '=' after a key"),
        ("theme = light", "line 1: invalid value"),
        ("theme = 'a'\ntheme = 'b'", "line 2: cannot overwrite a value"),
        ("theme = [", "at its end: invalid value"),
        (b"theme = 'a'\n# \xff", "line 2: not UTF-8"),
        ("seed = " + "9" * 5_000, "a number is too long"),
        ("theme = " + "[" * 5_000, "nested too deeply"),
        ("colour = 'red'", "there is no setting 'colour'"),
        ("max-answer-tokens = 9", "there is no setting 'max-answer-tokens'"),
        ("[engine]\nalpha = 0.5", "there is no setting 'engine'"),
        ("max-context = 512\nmax_context = 512", "'max_context' is set twice"),
        ("theme = 1", "theme must be text, not 1"),
        ("alpha = '0.5'", "alpha must be a number, not '0.5'"),
        ("alpha = true", "alpha must be a number, not True"),
        ("alpha = 1" + "0" * 400, "alpha is too large"),
        ("max-context = true", "max-context must be a whole number, not True"),
        ("max-context = 4096.0", "max-context must be a whole number, not 4096.0"),
        ("history = 1", "history must be true or false, not 1"),
        ("history = 'no'", "history must be true or false, not 'no'"),
        ("keys = 'f5'", "keys must be a table, not 'f5'"),
        ("[keys]\ntheme = 5", "'theme' under [keys] must be a key in quotation marks, not 5"),
        ("[keys]\ntheme = ''", "'theme' under [keys] must be"),
        ("[keys]\ntheme = 'f5, '", "'theme' under [keys] must be"),
        ("[keys.theme]\nkey = 'f5'", "'theme' under [keys] must be"),
    ],
)
def test_a_file_that_is_wrong_is_named(
    write_settings: WriteSettings, text: str | bytes, words: str
) -> None:
    environ = write_settings(text)
    error = refused(environ)
    assert error.message.startswith(f"In {environ['SA_CHAT_CONFIG']}")
    assert words in error.message
    assert error.message.endswith(".")
    assert len(error.message) < len(environ["SA_CHAT_CONFIG"]) + 120


def test_a_file_that_cannot_be_read_is_named(write_settings: WriteSettings, tmp_path: Path) -> None:
    error = refused({"SA_CHAT_CONFIG": str(tmp_path)})
    assert error.message == f"{tmp_path} cannot be read: Is a directory."
    assert "SA_CHAT_CONFIG" in error.hint
    environ = write_settings("#" * (2**20 + 1))
    assert "has more than 1,024 KiB" in refused(environ).message


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("alpha = 3", "alpha must be above 0 and at most 1, not 3."),
        ("alpha = nan", "alpha must be above 0 and at most 1, not nan."),
        ("quality = 'best'", "Unknown quality 'best'."),
        ("device = 'tpu'", "Unknown device 'tpu'."),
        ("attention = 'lazy'", "Unknown attention mode 'lazy'."),
        ("max-context = 5", "The context must hold at least 256 tokens, not 5."),
        ("kv-cache-dtype = 'int4'", "Unknown number format 'int4' of the KV cache."),
        ("rope-scaling = 'yarn'", "Unknown scaling 'yarn' of rotary embeddings."),
        ("seed = -1", "There is no seed -1."),
        ("theme = 'blue'", "Unknown theme 'blue'."),
        ("temperature = 0.7", "The embedded reader quotes, and draws nothing."),
    ],
)
def test_values_are_checked_as_on_the_command_line_and_their_place_is_told(
    write_settings: WriteSettings, setting: str, message: str
) -> None:
    name, _, value = setting.partition(" = ")
    environ = write_settings(setting)
    in_file = refused(environ)
    assert in_file.message == f"{name} in {environ['SA_CHAT_CONFIG']}: {message}"
    assert in_file.hint.endswith(f" Or overrule it: --{name}.")

    variable = f"SA_CHAT_{name.replace('-', '_').upper()}"
    in_environment = refused({"SA_CHAT_CONFIG": "/nowhere", variable: value.strip("'")})
    assert in_environment.message == f"{variable}: {message}"

    on_command_line = refused({"SA_CHAT_CONFIG": "/nowhere"}, f"--{name}", value.strip("'"))
    assert on_command_line.message == message


def test_what_is_overruled_is_not_checked_for_its_range(write_settings: WriteSettings) -> None:
    environ = write_settings("alpha = 3\ntemperature = 0.7\nmodel = 'org/model'")
    assert load_settings(given("--alpha=1"), environ)[0].temperature == 0.7
    error = refused(environ, "--alpha=1", "--model=embedded")
    assert error.message.startswith("temperature in ")
    assert load_settings(given("--alpha=1", "--model=embedded", "--temperature=0"), environ)


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("SA_CHAT_ALPHA", "much", "must be a number, not 'much'"),
        ("SA_CHAT_MAX_CONTEXT", "4k", "must be a whole number, not '4k'"),
        ("SA_CHAT_SEED", "1.5", "must be a whole number, not '1.5'"),
        ("SA_CHAT_HISTORY", "never", "must be true or false, not 'never'"),
    ],
)
def test_a_variable_that_is_wrong_is_named(variable: str, text: str, words: str) -> None:
    error = refused({"SA_CHAT_CONFIG": "/nowhere", variable: text})
    assert error.message == f"{variable} {words}."
    assert error.hint == f"Or unset {variable}."


def test_the_names_of_the_themes() -> None:
    from sa_chat.app.tui.theme import THEMES

    assert tuple(THEMES) == THEME_NAMES


def test_settings_reach_the_program(
    write_settings: WriteSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[Launch] = []

    def run_json(launch: Launch) -> int:
        seen.append(launch)
        return 0

    monkeypatch.setattr("sa_chat.app.headless.oneshot.run_json", run_json)
    environ = write_settings("alpha = 0.5\nseed = 1\nhistory = false\n[keys]\nquit = 'f10'\n")
    monkeypatch.setenv("SA_CHAT_CONFIG", environ["SA_CHAT_CONFIG"])
    monkeypatch.setenv("SA_CHAT_SEED", "2")
    assert cli.main(["a.txt", "--json", "--alpha", "0.9"]) == 0
    assert (seen[0].config.alpha, seen[0].config.seed) == (0.9, 2)
    assert seen[0].settings == Settings(None, False, {"quit": "f10"})
    write_settings("alpha = 'much'")
    assert cli.main(["a.txt", "--json"]) == 2
    sentence, hint = capsys.readouterr().err.splitlines()
    assert sentence == (
        f"sa-chat: In {environ['SA_CHAT_CONFIG']}: alpha must be a number, not 'much'."
    )
    assert hint
