"""Chapters and printed pages of an EPUB, from its navigation document or NCX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..archive import Archive, BadMember
from ..html.markup import NotXml, name_of, parse_xml
from .package import Package, Target, resolve

_TYPE = "{http://www.idpf.org/2007/ops}type"


def read_navigation(archive: Archive, package: Package) -> tuple[list[Target], list[Target]]:
    """Chapters and printed pages; empty where missing or damaged."""
    chapters: list[Target] = []
    pages: list[Target] = []
    for member, find in ((package.navigation, _from_lists), (package.ncx, _from_ncx)):
        if not member or (chapters and pages):
            continue
        try:
            root = parse_xml(archive.read(member))
        except (BadMember, NotXml):
            continue  # headings are used instead
        more_chapters, more_pages = find(root, member)
        chapters, pages = chapters or more_chapters, pages or more_pages
    return chapters, pages


def _from_lists(root: Any, member: str) -> tuple[list[Target], list[Target]]:
    found: dict[str, list[Target]] = {"toc": [], "page-list": []}
    for element in root.iter():
        kinds = (element.get(_TYPE) or "").split() if name_of(element) == "nav" else []
        for kind in found:
            if kind in kinds and not found[kind]:
                found[kind] = list(_links(element, member))
    return found["toc"], found["page-list"]


def _links(nav: Any, member: str) -> Iterator[Target]:
    for link in nav.iter():
        if name_of(link) == "a" and link.get("href"):
            lists = sum(name_of(above) in ("ol", "ul") for above in link.iterancestors())
            yield Target(_words(link), max(1, lists), *resolve(member, link.get("href")))


def _from_ncx(root: Any, member: str) -> tuple[list[Target], list[Target]]:
    chapters: list[Target] = []
    pages: list[Target] = []
    for element in root.iter():
        kind = name_of(element)
        if kind not in ("navpoint", "pagetarget"):
            continue
        label = next((child for child in element if name_of(child) == "navlabel"), None)
        content = next((child for child in element if name_of(child) == "content"), None)
        if label is None or content is None or not content.get("src"):
            continue
        level = 1 + sum(name_of(above) == "navpoint" for above in element.iterancestors())
        target = Target(_words(label), level, *resolve(member, content.get("src")))
        (chapters if kind == "navpoint" else pages).append(target)
    return chapters, pages


def _words(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())
