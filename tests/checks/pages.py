"""What an HTML report promises: it carries all it needs, and every part of it has a name."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
# What SVG closes by itself.
_SHAPES = frozenset(("path", "line", "rect", "circle"))


class Page(HTMLParser):
    """A page as its elements (tag, attributes) in order; fails where tags are not closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[int, str] = {}
        self._open: list[tuple[str, int]] = []
        self.feed(text)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID and tag not in _SHAPES:
            self._open.append((tag, len(self.elements) - 1))

    def handle_endtag(self, tag: str) -> None:
        """Close the last one."""
        if tag in _SHAPES:
            return
        last, _ = self._open.pop()
        assert last == tag, f"{last} is closed by {tag}"

    def handle_data(self, data: str) -> None:
        """Words belong to all elements around them."""
        for _, place in self._open:
            self.words[place] = self.words.get(place, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def words_of(self, tag: str) -> list[str]:
        """Text of all elements of a kind."""
        return [self.words.get(k, "").strip() for k, (name, _) in enumerate(self.elements) if name == tag]


def check_self_contained(text: str) -> None:
    """Nothing is fetched, and the one script is the one that the page allows itself."""
    page = Page(text)
    for tag, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            link = attributes.get(name)
            assert link is None or link.startswith(("data:image/", "#")), f"{tag} {name}={link}"
        handlers = [name for name in attributes if name.startswith("on")]
        assert not handlers, f"{tag} runs {handlers}"
    assert "@import" not in text
    assert not re.search(r"url\((?!data:)", text)
    assert not re.search(r"https?://", text)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    assert len(scripts) == len(page.all("script")) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    expected = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert policies == [expected]


def check_accessible(text: str) -> None:
    """Headings in order, pictures with words, fields with labels, tables with heads, landmarks, no id twice."""
    page = Page(text)
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4", "h5")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), f"headings jump: {levels}"
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id is there twice"
    assert all("alt" in attributes for attributes in page.all("img"))
    assert all(a.get("aria-label") for a in page.all("svg") if a.get("role") == "img")
    labelled = {attributes["for"] for attributes in page.all("label")}
    assert all(attributes["id"] in labelled for attributes in page.all("input"))
    for name in ("aria-labelledby", "for"):
        assert {a[name] for _, a in page.elements if name in a} <= set(ids), f"{name} leads nowhere"
    assert all(a["href"][1:] in ids for a in page.all("a") if a["href"])
    assert all(th.get("scope") in ("row", "col") for th in page.all("th"))
    tags = [tag for tag, _ in page.elements]
    for landmark in ("header", "main", "footer", "title"):
        assert tags.count(landmark) >= 1, f"there is no {landmark}"
    assert page.all("html")[0].get("lang") == "en"
