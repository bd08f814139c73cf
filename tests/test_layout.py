"""The tree, the package list and the built wheel say the same."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOPS = ("app", "engine", "protocol", "assets")


def packages_in_the_tree():
    for top in TOPS:
        for init in (ROOT / top).rglob("__init__.py"):
            yield "sa_chat." + ".".join(init.parent.relative_to(ROOT).parts)


def test_the_package_list_is_the_tree():
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(packages_in_the_tree())
    assert listed == sorted(listed)


def test_every_folder_with_code_is_a_package():
    for top in ("app", "engine", "protocol"):
        for file in (ROOT / top).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), file


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        (
            "app",
            {"markdown_it", "platformdirs", "pyperclip", "rich", "sa_chat", "shtab", "textual"},
        ),
        ("engine/kernels", {"torch", "triton"}),
        ("protocol", set()),
    ],
)
def test_these_import_nothing_from_outside_but_what_is_named(folder, allowed):
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            outside = {name.split(".")[0] for name in names} - sys.stdlib_module_names
            assert outside <= allowed, f"{file}:{node.lineno}"


def test_only_the_platform_and_the_kernels_name_a_kind_of_gpu():
    """Beside them the name stands once, as a value of the option `device`."""
    homes = [ROOT / "engine" / "platform", ROOT / "engine" / "kernels"]
    named = {
        file.relative_to(ROOT).as_posix(): file.read_text("utf-8").lower().count('"cuda"')
        for top in ("app", "engine", "protocol")
        for file in (ROOT / top).rglob("*.py")
        if "cuda" in file.read_text("utf-8") and not any(home in file.parents for home in homes)
    }
    assert named == {"protocol/config.py": 1}


def test_a_forward_pass_cannot_measure_the_machine_or_keep_what_was_measured():
    """What a layer's attention imports knows nothing of calibration."""
    for file in (ROOT / "engine" / "attention").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = {node.module or "", *(alias.name for alias in node.names)}
                named = {part for name in names for part in name.split(".")}
                assert not named & {"autotune", "calibration", "resolve"}, file


def test_the_roots_hold_few_loose_modules():
    for top in ("app", "engine"):
        loose = {path.stem for path in (ROOT / top).glob("*.py")}
        assert len(loose - {"__init__", "__main__", "cli"}) <= 3, top


def test_no_module_is_long():
    for top in ("app", "engine", "protocol"):
        for file in (ROOT / top).rglob("*.py"):
            assert len(file.read_text("utf-8").splitlines()) <= 300, file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"  # a copy: an old build/ beside the sources would end up in the wheel
    left_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, tree, ignore=left_out)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, tree]
    subprocess.run(command, check=True, timeout=280)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield {item.filename: item.file_size for item in archive.infolist()}


def test_the_wheel_holds_every_module_and_nothing_under_a_generic_name(wheel):
    modules = {
        "sa_chat/" + path.relative_to(ROOT).as_posix()
        for top in ("app", "engine", "protocol")
        for path in (ROOT / top).rglob("*.py")
    }
    assert modules <= wheel.keys()
    tops = {name.split("/")[0] for name in wheel}
    assert tops == {"sa_chat", f"sa_chat-{PROJECT['project']['version']}.dist-info"}


def test_the_wheel_holds_what_the_program_needs_and_no_recipe(wheel):
    needed = [
        "app/tui/sa_chat.tcss",
        "assets/handbook.pdf",
        "assets/reader/config.json",
        "assets/reader/generation_config.json",
        "assets/reader/model.safetensors",
        "assets/reader/reader.tiktoken",
        "assets/reader/tiktoken.json",
        "assets/reader/tokenizer.json",
        "assets/reader/tokenizer_config.json",
        "assets/reader/README.md",
    ]
    assert {f"sa_chat/{name}" for name in needed} <= wheel.keys()
    assert not [name for name in wheel if "recipe" in name or "tests" in name]
    reader = sum(size for name, size in wheel.items() if "/reader/" in name)
    assert reader <= 36 * 2**20


def test_tracked_files_stay_light():
    if not (ROOT / ".git").exists():
        files = [p for top in (*TOPS, "docs", "tests") for p in (ROOT / top).rglob("*")]
    else:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert sum(path.stat().st_size for path in files if path.is_file()) < 50 * 2**20


@pytest.mark.parametrize("top", ["app", "engine", "protocol", "tests", "benchmarks", "docs"])
def test_nobody_imports_the_folders_by_their_bare_names(top):
    """The same class under two names (`engine.x` and `sa_chat.engine.x`) breaks isinstance."""
    for file in (ROOT / top).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert not [n for n in names if n.split(".")[0] in TOPS], f"{file}:{node.lineno}"


@pytest.mark.parametrize("top", ["app", "engine", "protocol"])
def test_within_a_package_imports_are_relative(top):
    for file in (ROOT / top).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                module = node.module or ""
                assert not module.startswith(f"sa_chat.{top}"), f"{file}:{node.lineno}"
