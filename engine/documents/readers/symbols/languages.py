"""One pattern for each language that matches a declaration at the beginning of a line.

A pattern has the groups `kind` (a keyword) and `name`, or a group named like the keyword, or one
whose name starts with `whole` and which is the title.  All match in linear time: no repetition is
next to another that accepts the same characters, unless it is possessive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"(?P<name>[^\W\d][\w$]*+)"
_DOTTED = r"(?P<name>[^\W\d][\w.:]*+)"


@dataclass(frozen=True)
class Language:
    """A family of languages with similar declarations."""

    pattern: re.Pattern[str]
    block: tuple[str, str] | None = None  # delimiters of comments that may span several lines
    indented: bool = False  # whether types may be indented in a namespace


def _words(words: str) -> str:
    return "|".join(map(re.escape, sorted(words.split(), key=len, reverse=True)))


def _language(
    pattern: str,
    block: tuple[str, str] | None = ("/*", "*/"),
    indented: bool = False,
    flags: re.RegexFlag = re.NOFLAG,
) -> Language:
    return Language(re.compile(pattern, flags), block, indented)


_SCRIPT = _language(
    r"(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:const\s+(?=enum))?(?:async\s+)?"
    r"(?:(?P<kind>function|class|interface|enum|namespace|module)\b\s*(?:\*\s*)?"
    + _NAME
    + r"|type\s+(?P<type>[\w$]+)[^=]{0,200}+="
    r"|(?:const|let|var)\s+(?P<const>[\w$]+)\s*(?::[^=]{1,200}+)?=\s*"
    r"(?:async\s*)?(?:function\b|\([^()]{0,200}+\)[^=]{0,80}+=>|[\w$]+\s*=>|\($))"
)
_GO = _language(
    r"(?P<kind>func|type)\s+(?P<name>(?:\([^()]{0,100}\)\s*)?[^\W\d]\w*)(?:\s*[\[(]|\s+[\w*\[{=])"
)
_RUST = _language(
    r"(?:pub(?:\([^()]{0,80}\))?\s+)?(?:(?:default|const|async|unsafe|extern(?:\s+\"[^\"]{0,20}\")?)"
    r"\s+)*(?:(?P<kind>fn|struct|enum|trait|union|mod|type|static)\s+(?:mut\s+)?"
    + _NAME
    + r"|(?P<whole_macro>macro_rules!\s*\w+)|(?P<whole>impl\b[^{]{1,200}+))"
)
_TYPES = (
    "class interface enum record struct object protocol extension trait actor namespace annotation"
)
_MODIFIERS = (
    "public private protected internal static final abstract sealed partial open data case "
    "override unsafe readonly strictfp non-sealed implicit inline suspend tailrec operator infix "
    "external fileprivate mutating indirect expect actual value inner lazy async const unowned"
)
_JVM = _language(
    rf"(?:(?:{_words(_MODIFIERS)})\s+)*"
    rf"(?:(?:enum\s+)?(?P<kind>{_words(_TYPES)}|@interface|fun|func|def|typealias|given)\s+"
    r"(?:<[^<>]{0,100}>\s*)?" + _DOTTED + ")"
)
_SHARP = _language(
    rf" {{0,4}}(?:(?:{_words(_MODIFIERS)})\s+)*"
    r"(?P<kind>class|interface|enum|record|struct|namespace)\s+" + _DOTTED,
    indented=True,
)
_RUBY = _language(r"(?P<kind>class|module|def)\s+" + r"(?P<name>[\w.:]+[?!=]?)", ("=begin", "=end"))
_PHP = _language(
    r"(?:(?:abstract|final|readonly)\s+)*(?P<kind>class|interface|trait|enum|function|namespace)"
    r"\s+&?(?P<name>[\w\\]+)"
)
_SHELL = _language(
    r"(?:function\s+(?P<name>[\w:.-]+)(?:\s*\(\s*\))?\s*(?:[{(]|$)"
    r"|(?P<function>[\w:.-]+)\s*\(\s*\)\s*(?:[{(]|$))",
    None,
)
_LUA = _language(r"(?:local\s+)?(?P<kind>function)\s+" + _DOTTED, ("--[[", "]]"))
_PERL = _language(r"(?P<kind>sub|package)\s+(?P<name>[\w:']+)", ("=", "=cut"))
_R = _language(r"(?P<function>[\w.]+)\s*(?:<-|=)\s*function\s*\(", None)
_JULIA = _language(
    r"(?:@\w+\s+)?(?:mutable\s+|abstract\s+|primitive\s+|bare)?"
    r"(?P<kind>function|struct|module|macro|type)\s+(?P<name>[\w.!]+)",
    ("#=", "=#"),
)
_HASKELL = _language(
    r"(?:(?P<kind>data|newtype|class|type|module)\s+(?:family\s+|instance\s+)?(?P<name>[\w.']+)"
    r"|(?P<whole>instance\s(?:(?!\swhere\b)[^=]){1,100}+)|(?P<function>[a-z_][\w']*)\s*::)",
    ("{-", "-}"),
)
_SQL = _language(
    r"create\s+(?:or\s+replace\s+)?(?:global\s+|local\s+)?(?:temp(?:orary)?\s+|unique\s+|"
    r"materialized\s+|virtual\s+)?"
    r"(?P<kind>table|view|function|procedure|trigger|index|type|schema|sequence|database)\s+"
    r"(?:if\s+not\s+exists\s+)?(?P<name>[\w.\"`\[\]]+)",
    flags=re.IGNORECASE,
)
_MAKE = _language(r"(?P<target>[\w./%-]+)\s*:(?![:=])", None)
_TABLES = _language(r"(?P<whole>\[{1,2}[^\]\[]{1,80}\]{1,2})", None)
_TERRAFORM = _language(
    r"(?P<kind>resource|data|module|variable|output|provider)\s+(?P<name>\"[^\"]{1,80}\"(?:\s+\"[^\"]{1,80}\")?)"
)
_ELIXIR = _language(r"(?P<kind>defmodule|defprotocol|defimpl)\s+" + _DOTTED, None)
_LISP = _language(
    r"\((?P<kind>def[\w*!-]*|ns|define(?:-[\w-]+)?)\s+\(?(?P<name>[^\s()\[\]{}]+)", None
)
_ML = _language(
    r"(?P<kind>let|type|module|exception|class|namespace|val)\s+(?:rec\s+|inline\s+|type\s+)?"
    r"(?P<name>[^\W\d][\w.']*)",
    ("(*", "*)"),
)
_PROTO = _language(
    r"(?:extend\s+)?(?P<kind>message|service|enum|type|interface|input|union|scalar|"
    r"directive|package)\s+@?(?P<name>[\w.]+)"
)
_ZIG = _language(
    r"(?:pub\s+)?(?:export\s+|extern\s+|inline\s+)?(?:(?P<kind>fn)\s+(?P<name>\w+)"
    r"|const\s+(?P<const>\w+)\s*=\s*(?:packed\s+|extern\s+)?(?:struct|enum|union|opaque)\b)",
    None,
)
_NIM = _language(
    r"(?P<kind>proc|func|template|macro|iterator|method)\s+`?(?P<name>\w+)", ("#[", "]#")
)
_FORTRAN = _language(
    r"\s{0,8}(?:(?:pure|elemental|recursive|integer|real|logical)(?:\([^()]{0,40}\))?\s+)*"
    r"(?P<kind>subroutine|function|module|program)\s+(?!procedure\b)(?P<name>\w+)",
    None,
    flags=re.IGNORECASE,
)
_ERLANG = _language(r"-(?P<kind>module|record|behaviou?r)\((?P<name>\w+)", None)

LANGUAGES: dict[str, Language] = {
    suffix: language
    for suffixes, language in (
        (".js .mjs .cjs .jsx .ts .mts .cts .tsx", _SCRIPT),
        (".go", _GO),
        (".rs", _RUST),
        (".java .kt .kts .scala .swift .groovy .gradle .dart", _JVM),
        (".cs .vb", _SHARP),
        (".rb .rake", _RUBY),
        (".php", _PHP),
        (".sh .bash .zsh .ksh", _SHELL),
        (".lua", _LUA),
        (".pl .pm", _PERL),
        (".r", _R),
        (".jl", _JULIA),
        (".hs", _HASKELL),
        (".sql", _SQL),
        (".mk .mak", _MAKE),
        (".toml .ini .cfg", _TABLES),
        (".tf", _TERRAFORM),
        (".ex .exs", _ELIXIR),
        (".clj .cljs .cljc .lisp .el .scm .rkt", _LISP),
        (".ml .mli .fs .fsi", _ML),
        (".proto .graphql .gql .thrift", _PROTO),
        (".zig", _ZIG),
        (".nim", _NIM),
        (".f90 .f95 .f03 .f08", _FORTRAN),
        (".erl .hrl", _ERLANG),
    )
    for suffix in suffixes.split()
}
