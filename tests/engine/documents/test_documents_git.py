"""Git repositories: files as git lists them, and nothing of theirs is executed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sa_chat.engine.documents.folders import git as listing
from sa_chat.engine.documents.folders import walk_folder
from sa_chat.engine.documents.globs import FolderFilter


def put(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(("git", "-C", folder, *identity, *arguments), check=True, capture_output=True)


def repository(folder: Path, files: dict[str, str]) -> None:
    put(folder, files)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")


def walk(root: Path, *include: str) -> tuple[list[str], dict[str, str]]:
    found, left_out = walk_folder(root, FolderFilter(include))
    reasons = {item.path: item.reason for item in left_out if item.path != ".git/"}
    return [path.relative_to(root).as_posix() for path in found], reasons


def test_files_are_those_that_git_lists(tmp_path: Path) -> None:
    files = {".gitignore": "*.log\n/out/\n", ".github/ci.yml": "on: push\n", "a.py": "a = 1\n"}
    repository(tmp_path, files)
    put(tmp_path, {"new.py": "b = 1\n", "x.log": "x", "out/y.py": "y", ".env": "SECRET=1"})
    (tmp_path / "hollow").mkdir()
    found, left_out = walk(tmp_path)
    assert found == [".gitignore", "a.py", "new.py", ".github/ci.yml"]
    assert left_out == {
        "x.log": "ignored by git",
        "out/": "ignored by git",
        ".env": "hidden file",
    }


def test_a_folder_inside_a_repository_follows_its_rules(tmp_path: Path) -> None:
    repository(tmp_path, {".gitignore": "*.log\n/src/gen/\n", "src/a.py": "a = 1\n"})
    put(tmp_path, {"src/x.log": "x", "src/gen/b.py": "b = 1\n"})
    assert walk(tmp_path / "src") == (
        ["a.py"],
        {"x.log": "ignored by git", "gen/": "ignored by git"},
    )
    assert walk(tmp_path / "src/gen") == (["b.py"], {})  # asked for, though it is ignored


def test_repositories_inside_have_rules_of_their_own(tmp_path: Path) -> None:
    repository(tmp_path / "library", {"lib.py": "lib = 1\n", ".gitignore": "local.py\n"})
    outer = tmp_path / "outer"
    repository(outer, {"a.py": "a = 1\n"})
    add = ("submodule", "add", "-q", str(tmp_path / "library"), "module")
    git(outer, "-c", "protocol.file.allow=always", *add)
    repository(outer / "nested", {".gitignore": "*.tmp\n", "n.py": "n = 1\n"})
    put(outer, {"module/local.py": "x", "nested/n.tmp": "x", "n.tmp": "outer\n"})
    found, left_out = walk(outer)
    assert [name for name in found if not Path(name).name.startswith(".")] == [
        "a.py",
        "n.tmp",
        "module/lib.py",
        "nested/n.py",
    ]
    assert left_out["module/local.py"] == left_out["nested/n.tmp"] == "ignored by git"


def test_tracked_build_folders_are_sources(tmp_path: Path) -> None:
    repository(tmp_path, {"build/make.py": "a = 1\n", "dist/out.js": "b = 1\n"})
    assert walk(tmp_path) == (["build/make.py"], {"dist/": "build output"})


def test_what_git_ignores_can_be_brought_in(tmp_path: Path) -> None:
    repository(tmp_path, {".gitignore": "out/\n*.log\n", "a.py": "a = 1\n"})
    put(tmp_path, {"out/deep/y.py": "y", "out/z.py": "z", "x.log": "x"})
    assert walk(tmp_path, "out/", "x.log")[0] == ["x.log", "out/z.py", "out/deep/y.py"]
    found, left_out = walk(tmp_path, "*", "out/deep/y.py")
    assert found == [".gitignore", "a.py", "out/deep/y.py"]
    assert left_out["out/"] == "ignored by git, but for what --include names"


CONFIGURATIONS = {
    "monitor": '[core]\n\tfsmonitor = "touch {mark}; false"\n',
    "hooks": "[core]\n\thooksPath = {evil}\n\tfsmonitor = true\n",
    "transport": '[core]\n\tsshCommand = touch {mark}\n[remote "o"]\n\turl = ext::touch {mark}\n'
    "\tpromisor = true\n[extensions]\n\tpartialClone = o\n",
    "pager": "[core]\n\tpager = touch {mark}\n[pager]\n\tls-files = touch {mark}\n",
    "alias": '[alias]\n\tls-files = "!touch {mark}"\n',
    "filter": '[filter "x"]\n\tclean = touch {mark}\n\tsmudge = touch {mark}\n',
    "include": "[include]\n\tpath = {evil}/config\n",
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_hostile_configuration_executes_nothing(tmp_path: Path, kind: str) -> None:
    root, evil, mark = tmp_path / "root", tmp_path / "evil", tmp_path / "mark"
    repository(root, {"a.py": "a = 1\n", ".gitattributes": "* filter=x\n"})
    put(evil, {"config": f'[core]\n\tfsmonitor = "touch {mark}; false"\n'})
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        put(evil, {hook: f"#!/bin/sh\ntouch {mark}\n"})
        (evil / hook).chmod(0o755)
    with (root / ".git/config").open("a") as file:
        file.write(CONFIGURATIONS[kind].format(mark=mark, evil=evil))
    os.utime(root / "a.py")  # the index is stale
    assert "a.py" in walk(root)[0]
    assert not mark.exists()


def test_the_hostile_monitor_would_run_without_our_options(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    repository(tmp_path / "root", {"a.py": "a = 1\n"})
    with (tmp_path / "root/.git/config").open("a") as file:
        file.write(CONFIGURATIONS["monitor"].format(mark=mark))
    git(tmp_path / "root", "ls-files", "--cached", "--others")
    assert mark.exists()


def test_variables_from_outside_do_not_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "other", {"secret.py": "s = 1\n"})
    put(tmp_path / "plain", {"a.py": "a = 1\n"})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    assert walk(tmp_path / "plain") == (["a.py"], {})


def fake_git(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, {"git": f"#!/bin/sh\n{script}\n"})
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize("script", ["exit 128", "exec sleep 60", "exec yes", "exec kill -9 $$"])
def test_ignore_files_hold_where_git_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    put(tmp_path / "root", {".gitignore": "*.log\n", "a.py": "a = 1\n", "x.log": "x"})
    fake_git(tmp_path / "bin", script, monkeypatch)
    monkeypatch.setattr(listing, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(listing, "OUTPUT_BYTES", 1 << 20)
    found, left_out = walk(tmp_path / "root")
    assert found == ["a.py"]
    assert left_out["x.log"] == "ignored by .gitignore"


def test_a_git_that_lies_in_the_folder_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, {"git": f"#!/bin/sh\ntouch {tmp_path}/mark\n", "a.py": "a = 1\n"})
    (tmp_path / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert walk(tmp_path)[0] == ["a.py", "git"]
    assert not (tmp_path / "mark").exists()
