"""What a browser would make of a page, as far as the tests need to know."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """The text, images, addresses and elements of a page; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], "elements left open"

    @property
    def images(self) -> list[str]:
        return [about["src"] or "" for tag, about in self.elements if tag == "img"]

    @property
    def addresses(self) -> list[str]:
        """Everything that a browser might fetch or follow."""
        return [
            value or ""
            for _, about in self.elements
            for key, value in about.items()
            if key in {"src", "href", "xlink:href", "action", "poster", "srcset"}
        ]

    @property
    def handlers(self) -> list[str]:
        return [key for _, about in self.elements for key in about if key.startswith("on")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> without a start"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data
