"""Top-level symbols of source files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.engine.documents.readers.symbols import SYMBOL_SUFFIXES, symbols

PYTHON = '''"""A module.
def inside_a_string(): ...
"""
x = "a # \\"\\"\\" b"
async def fetch(url):
    def inner(): ...
class Reader(Base):
    """Doc.
class NotOne:
    """
@decorated
def load_model(): return """
def neither(): ...
"""  # '\'''
def last(): ...
'''


def titles(text: str, suffix: str) -> list[str]:
    return [heading.title for heading in symbols(text.split("\n"), suffix)]


def test_python_has_functions_and_classes_outside_of_strings() -> None:
    found = symbols(PYTHON.split("\n"), ".py")
    assert [(heading.title, heading.line, heading.level) for heading in found] == [
        ("def fetch", 5, 1),
        ("class Reader", 7, 1),
        ("def load_model", 12, 1),
        ("def last", 15, 1),
    ]


@pytest.mark.parametrize(
    ("suffix", "text", "expected"),
    [
        (
            ".ts",
            "export default async function load<T>(x) {\nexport abstract class A extends B {\n"
            "const f = async (x: number): Promise<void> => {\ntype Id = string;\nconst n = 3;\n"
            "/*\nclass No {\n*/\nmodule.exports = f;\nfunction* walk() {\n  class Inner {}\n",
            ["function load", "class A", "const f", "type Id", "function walk"],
        ),
        (
            ".go",
            "func Load(p string) error {\nfunc (r *Reader) Next() bool {\ntype Reader struct {\n",
            ["func Load", "func (r *Reader) Next", "type Reader"],
        ),
        (
            ".rs",
            "pub(crate) async fn load() {\npub struct A<T> {\nimpl<T> Iterator for A<T> {\n"
            "macro_rules! say {\nconst N: u8 = 1;\nmod tests {\n",
            ["fn load", "struct A", "impl<T> Iterator for A<T>", "macro_rules! say", "mod tests"],
        ),
        (
            ".java",
            "package x;\npublic final class A<T> extends B {\n    int f() {}\n@interface C {}\n",
            ["class A", "@interface C"],
        ),
        (".kt", "data class P(val x: Int)\nfun <T> String.go() {\n", ["class P", "fun String.go"]),
        (
            ".cs",
            "namespace N {\n    public class A {\n        int x;\n",
            ["namespace N", "class A"],
        ),
        (
            ".c",
            "int main(int argc)\n{\n}\nint declared(void);\nstatic int\nhelper(int a,\n"
            "    int b)\n{\nstruct point {\nstruct point origin;\nint table[] = {f(1)};\n"
            "/* int no()\n{ */\n",
            ["function main", "function helper", "struct point"],
        ),
        (
            ".cpp",
            "namespace a::b {\nclass Reader : public Base {\nvoid Reader::read(int x) {\n"
            "Reader::~Reader() {\nbool operator==(const A& a) {\nenum class Kind { a };\n"
            "class F;\n",
            [
                "namespace a::b",
                "class Reader",
                "function Reader::read",
                "function Reader::~Reader",
                "function operator==",
            ],
        ),
        (".rb", "module A\nclass B < C\ndef ready?\n", ["module A", "class B", "def ready?"]),
        (".php", "final class A {\nfunction go() {\n", ["class A", "function go"]),
        (".sh", "go() {\nfunction stop {\necho x\n", ["function go", "function stop"]),
        (".lua", "local function f(x)\nfunction M.a:b()\n", ["function f", "function M.a:b"]),
        (".pl", "package A::B;\nsub go {\n=pod\nsub no\n=cut\n", ["package A::B", "sub go"]),
        (".r", "go <- function(x) {\n", ["function go"]),
        (
            ".jl",
            "module A\nfunction go!(x)\nmutable struct B\n",
            ["module A", "function go!", "struct B"],
        ),
        (
            ".hs",
            "data A = B\ngo :: Int\ninstance Show A where\n",
            ["data A", "function go", "instance Show A"],
        ),
        (".sql", "CREATE TABLE IF NOT EXISTS a.b (\nSELECT 1;\n", ["table a.b"]),
        (".mk", "all: a b\nX := 1\n", ["target all"]),
        (".toml", "[project]\n[[tool.x]]\na = [1]\n", ["[project]", "[[tool.x]]"]),
        (".csv", "class A\n", []),
    ],
)
def test_languages(suffix: str, text: str, expected: list[str]) -> None:
    assert titles(text, suffix) == expected


@given(st.lists(st.text(max_size=60), max_size=12), st.sampled_from(sorted(SYMBOL_SUFFIXES)))
def test_any_text_gives_sorted_lines_that_are_there(lines: list[str], suffix: str) -> None:
    found = symbols(lines, suffix)
    numbers = [heading.line for heading in found]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= len(lines) for number in numbers)
    assert all(heading.title.strip() for heading in found)
