"""Folders: what is read, in which order, and why the rest is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pdfs import write_pdf

from sa_chat.engine.documents import DocumentSet, limits, open_documents
from sa_chat.engine.documents.folders import contents, shown_path, walk, walk_folder
from sa_chat.engine.documents.globs import FolderFilter, matches, split_pattern
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import DocumentError, UsageError


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


def reasons_in(root: Path, *include: str) -> dict[str, str]:
    _, left_out = walk_folder(root, FolderFilter(include))
    return {item.path: item.reason for item in left_out}


def found_in(root: Path, *include: str) -> list[str]:
    found, _ = walk_folder(root, FolderFilter(include))
    return [path.relative_to(root).as_posix() for path in found]


CODE = "value = 1  # a line of code that is long enough to be compared with others\n"
SOFT: dict[str, tuple[str, str | bytes, str]] = {
    ".hidden.py": (".hidden.py", CODE, "hidden file"),
    ".hidden/a.py": (".hidden/", CODE, "hidden folder"),
    "yarn.lock": ("yarn.lock", CODE, "lock file"),
    "api_pb2.py": ("api_pb2.py", CODE, "generated"),
    "gen.go": ("gen.go", "// Code generated by stringer. DO NOT EDIT.\npackage x\n", "generated"),
    "made.py": ("made.py", "# This file is automatically generated by x.\nx = 1\n", "generated"),
    "vendor/a/b.go": ("vendor/", CODE, "vendored"),
    "src/third_party/b.c": ("src/third_party/", CODE, "vendored"),
    "node_modules/x/i.js": ("node_modules/", CODE, "cache or installed packages"),
    "env/a.py": ("env/", CODE, "cache or installed packages"),
    "build/a.py": ("build/", CODE, "build output"),
    "x.min.js": ("x.min.js", CODE, "minified"),
    "big.txt": ("big.txt", "x" * (1 << 20) + "y", "larger than 1 MiB"),
    "table.csv": ("table.csv", "1,2\n" * (1 << 17), "data larger than 256 KiB"),
    "logo.svg": ("logo.svg", "<svg/>", "picture"),
    "x.log": ("x.log", CODE, "ignored by .gitignore"),
    "z/copy.py": ("z/copy.py", "the same\n" * 9, "the same as first.py"),
    "marked.py": ("marked.py", "m = 1\n", "vendored"),
}


@pytest.mark.parametrize("name", SOFT)
def test_a_literal_include_brings_in_what_was_left_out(tmp_path: Path, name: str) -> None:
    listed, content, reason = SOFT[name]
    others: dict[str, bytes | str] = {
        "first.py": "the same\n" * 9,
        ".gitignore": "*.log\n",
        ".gitattributes": "marked.py linguist-vendored\n",
    }
    put(tmp_path, {**others, name: content})
    if name.startswith("env/"):
        put(tmp_path, {"env/pyvenv.cfg": "home = /"})
    assert reasons_in(tmp_path)[listed] == reason
    assert name not in found_in(tmp_path, "*")
    assert name in found_in(tmp_path, "*", name)
    assert name in found_in(tmp_path, "*", listed)
    assert found_in(tmp_path, name) == [name]


def test_no_include_brings_in_what_cannot_be_read_safely(tmp_path: Path) -> None:
    put(
        tmp_path, {"root/a.py": CODE, "root/b.png": b"\x89PNG", "root/c": b"\x00", "out/s.py": CODE}
    )
    root = tmp_path / "root"
    (root / "link.py").symlink_to(tmp_path / "out/s.py")
    (root / "folder").symlink_to(tmp_path / "out")
    (root / "circle").symlink_to(root / "circle")
    os.mkfifo(root / "pipe.txt")
    names = ("b.png", "c", "link.py", "folder/", "folder/s.py", "circle", "pipe.txt", "../out/s.py")
    assert found_in(root, "a.py", *names) == ["a.py"]
    assert reasons_in(root, "a.py", *names) == {
        "b.png": "binary",
        "c": "binary",
        "circle": "a link",
        "folder/": "a link",
        "link.py": "a link",
        "pipe.txt": "not a regular file",
    }


def test_the_given_folder_may_be_a_link_or_have_any_name(tmp_path: Path) -> None:
    put(tmp_path, {"node_modules/a.py": CODE})
    (tmp_path / "link").symlink_to(tmp_path / "node_modules")
    assert found_in(tmp_path / "link") == found_in(tmp_path / "node_modules") == ["a.py"]


def test_ignore_files_nest_and_negate(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            ".gitignore": "*.log\n!keep.log\n/top.py\ntmp/\n# note\n",
            "sub/.gitignore": "!again.log\n",
            "sub/.ignore": "*.bak\r\n",
            **dict.fromkeys(("x.log", "keep.log", "top.py", "tmp/a.py"), "1"),
            **dict.fromkeys(("sub/again.log", "sub/x.log", "sub/top.py", "sub/a.bak"), "1"),
        },
    )
    assert found_in(tmp_path) == ["keep.log", "sub/again.log", "sub/top.py"]
    said = reasons_in(tmp_path)
    assert said["sub/a.bak"] == "ignored by .ignore"
    assert said["tmp/"] == said["x.log"] == said["sub/x.log"] == "ignored by .gitignore"


def test_an_ignore_file_that_is_made_to_match_slowly_is_not_applied(tmp_path: Path) -> None:
    put(tmp_path, {".gitignore": "*a" * 30 + "b\n*.log\n", "a" * 250: CODE, "x.log": "1"})
    assert found_in(tmp_path) == ["a" * 250]


def test_attributes_overrule_what_looks_generated(tmp_path: Path) -> None:
    put(tmp_path, {".gitattributes": "*_pb2.py -linguist-generated\n", "a_pb2.py": CODE})
    assert found_in(tmp_path) == ["a_pb2.py"]


def test_documents_of_pages_are_not_binary(tmp_path: Path) -> None:
    put(tmp_path, dict.fromkeys(("a.epub", "b.DOCX"), b"PK\x03\x04\x00"))
    put(tmp_path, {"c.ipynb": "{}" * (1 << 20), "d.xlsx": b"PK\x03\x04\x00"})
    assert found_in(tmp_path) == ["a.epub", "b.DOCX", "c.ipynb"]


def test_small_equal_files_and_files_with_equal_beginnings_stay(tmp_path: Path) -> None:
    long = b"x\n" * contents.SNIFF_BYTES
    files: dict[str, bytes | str] = {"a/__init__.py": "#\n", "b/__init__.py": "#\n"}
    put(tmp_path, files | {"c.txt": long + b"c", "d.txt": long + b"d", "e.txt": long + b"c"})
    assert found_in(tmp_path) == ["c.txt", "d.txt", "a/__init__.py", "b/__init__.py"]
    assert reasons_in(tmp_path) == {"e.txt": "the same as c.txt"}


@pytest.mark.parametrize(
    ("head", "generated"),
    [
        ("// @generated by x\n", True),
        ("/* DO NOT EDIT */\n", True),
        ("# Do not edit: regenerate with make\n", True),
        ("; autogenerated file\n", True),
        ("# contact me; do not modify the constants\n", False),
        ("TEXT = 'DO NOT EDIT'\n", False),
        ("# writes the generated tables\n", False),
        ("package x\n\n// Code generated by y.\n", True),
        ('import a\nimport b\nimport c\nHEAD = """\n# DO NOT EDIT\n"""\n', False),
    ],
)
def test_comments_say_what_is_generated(head: str, generated: bool) -> None:
    assert contents.says_generated(head.encode()) is generated


def test_deep_and_large_folders_have_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FOLDER_DEPTH", 3)
    put(tmp_path, {"a/b/c/ok.py": "1", "a/b/c/d/e.py": "1"})
    assert found_in(tmp_path) == ["a/b/c/ok.py"]
    assert list(reasons_in(tmp_path)) == ["a/b/c/d/"]
    monkeypatch.setattr(limits, "FOLDER_FILES", 4)
    with pytest.raises(DocumentError, match="holds more than 4 files and folders") as raised:
        found_in(tmp_path)
    assert "--exclude" in raised.value.hint
    monkeypatch.setattr(walk, "LONGEST_S", -1.0)
    with pytest.raises(DocumentError, match="to look through"):
        found_in(tmp_path)


def test_a_path_is_shown_as_one_line_that_can_be_encoded() -> None:
    assert shown_path("a\n=== b ===\udcff.py") == "a\ufffd=== b ===\ufffd.py"


@pytest.mark.parametrize(
    ("pattern", "path", "title"),
    [
        ("book.epub#Index", "book.epub", "Index"),
        ("#Appendix*", "", "Appendix*"),
        ("a#b#c", "a#b", "c"),
        ("C#/x.cs", "C#/x.cs", None),
        ("a[#]b.txt", "a[#]b.txt", None),
        ("C#", "C#", None),
        ("a.md#see [#]1", "a.md", "see [#]1"),
        ("*.py", "*.py", None),
    ],
)
def test_a_pattern_may_name_chapters(pattern: str, path: str, title: str | None) -> None:
    assert split_pattern(pattern) == (path, title)


def test_patterns_for_chapters_choose_files_only_to_include_them() -> None:
    wanted = FolderFilter(("a.md#One",), ("b.md#Two",))
    assert wanted.included("a.md")
    assert not wanted.included("b.md")
    assert not FolderFilter((), ("b.md#Two",)).excluded("b.md")
    assert FolderFilter(("#One",)).included("any/file.md")
