"""Reasons to leave out files and folders that follow from names and their surroundings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from os.path import splitext

from . import reasons
from .reasons import Reason

_INSTALLED = {
    "__pycache__",
    "node_modules",
    "bower_components",
    "jspm_packages",
    "site-packages",
    "dist-packages",
    "__pypackages__",
}
_VENDORED = {
    "third_party",
    "third-party",
    "thirdparty",
    "3rdparty",
    "_vendor",
    "_vendored",
    "Godeps",
    "Pods",
    "Carthage",
}
# Also a business term: a folder `vendor` counts only where package managers put it.
_VENDOR = {"vendor", "vendors", "vendored"}
_ASSETS = {"assets", "static", "public", "js", "css", "lib", "javascripts", "stylesheets"}
_MANIFESTS = {
    "Cargo.toml",
    "CMakeLists.txt",
    "Gemfile",
    "build.gradle",
    "build.gradle.kts",
    "composer.json",
    "go.mod",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "setup.py",
}
_OUTPUT = {"build", "dist", "target", "_build"}  # at the top, or beside a manifest
_OUTPUT_ANYWHERE = {"htmlcov", "lcov-report"}
_OUTPUT_EVEN_IF_TRACKED = {"dist", "htmlcov", "lcov-report"}
_INSIDE_INSTALLED = {"pyvenv.cfg", "CACHEDIR.TAG"}

_LOCK_FILES = {
    "package-lock.json",
    "npm-shrinkwrap.json",
    "packages.lock.json",
    "pnpm-lock.yaml",
    "go.sum",
    "go.work.sum",
    "gradle.lockfile",
    "Package.resolved",
    ".terraform.lock.hcl",
}
_LOCK_SUFFIXES = {".lock", ".lockb"}
_GENERATED = re.compile(
    r".*(?:_pb2(?:_grpc)?\.pyi?|\.pb\.(?:go|cc|h|swift)|_grpc\.pb\.go|\.pb\.gw\.go"
    r"|\.(?:g|freezed|mocks)\.dart|\.designer\.(?:cs|vb)|\.g\.(?:i\.)?cs|_generated\.(?:go|rs|ts)"
    r"|\.snap|\.ambr|\.(?:js|mjs|cjs|css|ts)\.map)",
    re.IGNORECASE,
)
_MINIFIED = re.compile(r".*[.-]min\.(?:js|mjs|cjs|css|json)")
_NOT_TEXT = """
.png .jpg .jpeg .gif .webp .avif .bmp .ico .icns .tif .tiff .heic .psd .xcf
.woff .woff2 .ttf .otf .eot
.zip .gz .tgz .bz2 .xz .zst .7z .rar .jar .war .whl .deb .rpm .dmg .iso
.mp3 .mp4 .m4a .ogg .oga .ogv .opus .wav .flac .avi .mov .mkv .webm
.exe .dll .so .dylib .pyc .pyo .class .wasm .parquet .npy .npz .safetensors .sqlite .sqlite3
"""
_BINARY = frozenset(_NOT_TEXT.split())
_PICTURES = {".svg"}


def folder_reasons(
    name: str, siblings: Set[str], parent: str, top: bool, tracked: bool
) -> Iterator[Reason]:
    """Reasons to leave out a folder that lies in `parent` beside `siblings`.

    Args:
        top: it lies directly in the given folder or in the root of a repository.
        tracked: git tracks files in it.
    """
    if name.startswith(".") and not tracked:
        yield reasons.HIDDEN_FOLDER
    if name in _INSTALLED or name.endswith((".egg-info", ".dist-info")):
        yield reasons.INSTALLED
    managed = top or not siblings.isdisjoint(_MANIFESTS)
    if name in _VENDORED or (name in _VENDOR and (managed or parent in _ASSETS)):
        yield reasons.VENDORED
    output = (name in _OUTPUT and managed) or name in _OUTPUT_ANYWHERE
    if output and (not tracked or name in _OUTPUT_EVEN_IF_TRACKED):
        yield reasons.BUILD_OUTPUT
    if name == "__snapshots__":
        yield reasons.GENERATED


def holds_installed(names: Set[str]) -> bool:
    """Whether a folder that contains these names is a virtual environment or a cache."""
    return not names.isdisjoint(_INSIDE_INSTALLED)


def file_reasons(name: str, tracked: bool) -> Iterator[Reason]:
    """Reasons to leave out a file; `tracked` if git tracks it."""
    suffix = splitext(name)[1].lower()
    if suffix in _BINARY:
        yield reasons.BINARY
    if name in _LOCK_FILES or suffix in _LOCK_SUFFIXES:
        yield reasons.LOCK_FILE
    if name.startswith(".") and not tracked:
        yield reasons.HIDDEN_FILE
    if suffix in _PICTURES:
        yield reasons.PICTURE
    if _GENERATED.fullmatch(name):
        yield reasons.GENERATED
    if _MINIFIED.fullmatch(name):
        yield reasons.MINIFIED
