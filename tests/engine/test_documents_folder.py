"""Folders: what is read, in which order, and why the rest is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pdfs import write_pdf

from sa_chat.engine.config import OpenOptions
from sa_chat.engine.documents import DocumentSet, open_documents
from sa_chat.engine.documents.globs import matches
from sa_chat.engine.errors import DocumentError, UsageError


def put(root: Path, files: dict[str, bytes | str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(*paths: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> DocumentSet:
    return open_documents(OpenOptions(tuple(map(str, paths)), None, include, exclude))


def shown(documents: DocumentSet) -> list[str]:
    return [part.path for part in documents.parts]


def test_a_folder_is_read_sorted_and_each_omission_has_a_reason(tmp_path: Path) -> None:
    root = tmp_path / "project"
    put(
        root,
        {
            "z.py": "z = 1\n",
            "README.md": "# Project\n",
            "src/b.py": "b = 1\n",
            "src/a.py": "a = 1\n",
            "src/build/step.py": "kept = 1\n",
            "doc.pdf": write_pdf([["page text"]]),
            ".git/config": "x",
            ".env": "SECRET=1",
            "src/__pycache__/a.pyc": b"\x00",
            "node_modules/x/index.js": "x",
            "env/pyvenv.cfg": "home = /",
            "build/lib/a.py": "a = 1",
            "logo.png": b"\x89PNG\x00",
            "empty.py": "",
            "blank.py": "\n\n",
            "big.txt": "x" * (1 << 20) + "y",
            "poetry.lock": "x",
            "package-lock.json": "{}",
            "app.min.js": "x",
            "bundle.js": "var a=1;" * 200,
            "broken.pdf": b"%PDF-1.4 rubbish",
            "prose.txt": "long line " * 200,
        },
    )
    documents = read(root)
    assert documents.title == "project"
    assert shown(documents) == [
        "project/" + name
        for name in (
            "README.md",
            "doc.pdf",
            "prose.txt",
            "z.py",
            "src/a.py",
            "src/b.py",
            "src/build/step.py",
        )
    ]
    reasons = {item.path.removeprefix("project/"): item.reason for item in documents.left_out}
    broken = reasons.pop("broken.pdf")
    assert broken.startswith("project/broken.pdf is not a readable PDF")
    assert reasons == {
        ".git/": "hidden folder",
        ".env": "hidden file",
        "src/__pycache__/": "cache or installed packages",
        "node_modules/": "cache or installed packages",
        "env/": "cache or installed packages",
        "build/": "build output",
        "logo.png": "binary",
        "empty.py": "empty",
        "blank.py": "empty",
        "big.txt": "larger than 1 MiB",
        "poetry.lock": "lock file",
        "package-lock.json": "lock file",
        "app.min.js": "minified",
        "bundle.js": "minified",
    }
    levels = {entry.title: entry.level for entry in documents.outline}
    assert levels["project/src/a.py"] == 0
    assert levels["Project"] == 1


def test_links_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, {"outside/secret.txt": "secret", "root/a.txt": "a"})
    (tmp_path / "root/file.txt").symlink_to(tmp_path / "outside/secret.txt")
    (tmp_path / "root/folder").symlink_to(tmp_path / "outside")
    (tmp_path / "root/loop").symlink_to(tmp_path / "root")
    documents = read(tmp_path / "root")
    assert shown(documents) == ["root/a.txt"]
    left_out = {"root/file.txt", "root/folder/", "root/loop/"}
    assert {item.path for item in documents.left_out} == left_out
    assert {item.reason for item in documents.left_out} == {"a link"}


def test_include_and_exclude(tmp_path: Path) -> None:
    root = tmp_path / "r"
    put(root, {"a.py": "1", "a.md": "1", "src/b.py": "1", "tests/c.py": "1"})
    assert shown(read(root, include=("*.py",))) == ["r/a.py", "r/src/b.py", "r/tests/c.py"]
    documents = read(root, exclude=("tests", "*.md"))
    assert shown(documents) == ["r/a.py", "r/src/b.py"]
    assert {(item.path, item.reason) for item in documents.left_out} == {
        ("r/tests/", "excluded"),
        ("r/a.md", "excluded"),
    }
    assert shown(read(root, include=("src/",))) == ["r/src/b.py"]
    assert shown(read(root, include=("r/src/",))) == ["r/src/b.py"]


def test_several_folders_are_shown_under_their_names(tmp_path: Path) -> None:
    put(tmp_path, {"app/x.py": "1", "engine/x.py": "1", "engine/y.py": "1", "note.txt": "1"})
    paths = (tmp_path / "app", tmp_path / "engine", tmp_path / "note.txt")
    documents = read(*paths, exclude=("engine/y.py",))
    assert documents.title == "app, engine, note.txt"
    assert shown(documents) == ["app/x.py", "engine/x.py", "note.txt"]
    assert shown(read(*paths, exclude=("/note.txt", "y.py"))) == ["app/x.py", "engine/x.py"]


def test_the_current_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"home/a.py": "1"})
    monkeypatch.chdir(tmp_path / "home")
    assert read(Path(".")).title == "home"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds no files"),
        ({"a.png": b"\x00", "b.png": b"\x00", "c.py": ""}, "2 x binary; 1 x empty"),
        ({".hidden": "x"}, "1 x hidden file"),
    ],
)
def test_nothing_readable(tmp_path: Path, files: dict[str, bytes | str], said: str) -> None:
    put(tmp_path, files)
    with pytest.raises(DocumentError, match=said) as raised:
        read(tmp_path)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        ("*.py", "a/b/c.py", True),
        ("a/*.py", "a/c.py", True),
        ("a/*.py", "a/b/c.py", False),
        ("a/**/*.py", "a/b/c.py", True),
        ("a/**/*.py", "a/c.py", True),
        ("**/c.py", "c.py", True),
        ("tests/", "x/tests/t.py", True),
        ("/tests", "x/tests/t.py", False),
        ("./a.py", "a.py", True),
        ("[ab].py", "b.py", True),
        ("[!ab].py", "b.py", False),
        ("[[]id].tsx", "[id].tsx", True),
        ("[a&&b|~^].py", "&.py", True),
        ("a?.py", "ab.py", True),
        ("a.py", "axpy", False),
        ("[", "[", True),
    ],
)
def test_globs(pattern: str, path: str, taken: bool) -> None:
    assert matches(pattern, path) is taken


@pytest.mark.parametrize("where", ["include", "exclude"])
def test_a_glob_that_means_nothing_is_a_usage_error(tmp_path: Path, where: str) -> None:
    put(tmp_path, {"a.py": "1"})
    options = {where: ("*.py", "[z-a]")}
    for path in (tmp_path, tmp_path / "a.py"):
        with pytest.raises(UsageError, match=r"'\[z-a\]' cannot be used") as raised:
            read(path, **options)
        assert raised.value.exit_code == 2
        assert "[a-z]" in raised.value.hint
