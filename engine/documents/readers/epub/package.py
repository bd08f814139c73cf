"""The package document of an EPUB: its title, reading order and navigation files."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sa_chat.protocol.errors import DocumentError

from ..archive import Archive, BadMember, normal_name
from ..html.markup import NotXml, name_of, parse_xml

_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_TEXT_TYPES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")


@dataclass(frozen=True)
class Target:
    """A titled reference to a position in the text."""

    title: str
    level: int  # from 1
    member: str
    fragment: str  # empty for the beginning


@dataclass(frozen=True)
class Package:
    """What a package document says of its book."""

    title: str
    spine: tuple[str, ...]  # members in reading order, non-linear ones last
    navigation: str  # member; empty if there is none
    ncx: str


def read_package(archive: Archive, shown: str) -> Package:
    """Read the package document.  Raises `DocumentError` if it is missing, damaged or protected."""
    _refuse_protected(archive, shown)
    try:
        container = parse_xml(archive.read("META-INF/container.xml"))
        roots = [e.get("full-path") for e in container.iter() if name_of(e) == "rootfile"]
        name = normal_name(next((root for root in roots if root), ""))
        package = parse_xml(archive.read(name))
    except (BadMember, NotXml) as error:
        raise DocumentError(
            f"{shown} is not a readable EPUB: its list of chapters is missing or damaged.",
            "Download it once more, or convert it with Calibre or pandoc.",
        ) from error
    items = {e.get("id"): e for e in package.iter() if name_of(e) == "item" and e.get("href")}
    linear: list[str] = []
    others: list[str] = []
    ncx = navigation = ""
    for element in package.iter():
        kind = name_of(element)
        if kind == "spine" and element.get("toc") in items:
            ncx = resolve(name, items[element.get("toc")].get("href"))[0]
        elif kind == "itemref" and element.get("idref") in items:
            item = items[element.get("idref")]
            if item.get("media-type", _TEXT_TYPES[0]) not in _TEXT_TYPES:
                continue  # a picture as a page
            order = others if element.get("linear") == "no" else linear
            order.append(resolve(name, item.get("href"))[0])
    for item in items.values():
        if "nav" in (item.get("properties") or "").split():
            navigation = resolve(name, item.get("href"))[0]
        elif not ncx and item.get("media-type") == "application/x-dtbncx+xml":
            ncx = resolve(name, item.get("href"))[0]
    return Package(_title(package), tuple(dict.fromkeys(linear + others)), navigation, ncx)


def resolve(base: str, href: str) -> tuple[str, str]:
    """The member and fragment that `href`, found in the member `base`, refers to."""
    path, _, fragment = href.partition("#")
    member = normal_name(posixpath.join(posixpath.dirname(base), unquote(path))) if path else base
    return member, unquote(fragment)


def _title(package: Any) -> str:
    """`Title` or `Title, by Author`."""
    found: dict[str, list[str]] = {"title": [], "creator": []}
    for element in package.iter():
        text = " ".join("".join(element.itertext()).split()) if name_of(element) in found else ""
        if text and name_of(element.getparent()) in ("metadata", "dc-metadata"):
            found[name_of(element)].append(text)
    if not found["title"]:
        return ""
    authors = ", ".join(dict.fromkeys(found["creator"]))
    return f"{found['title'][0]}, by {authors}" if authors else found["title"][0]


def _refuse_protected(archive: Archive, shown: str) -> None:
    protected = DocumentError(
        f"{shown} is protected: its text is encrypted for the programs of its shop.",
        "Name a copy without protection (DRM).",
    )
    if "META-INF/encryption.xml" not in archive:
        return
    try:
        encryption = parse_xml(archive.read("META-INF/encryption.xml"))
    except (BadMember, NotXml) as error:
        raise protected from error
    for element in encryption.iter():
        if name_of(element) == "encrypteddata":
            methods = [e.get("Algorithm") for e in element.iter()]
            if not any(method in _FONTS for method in methods if method):
                raise protected
