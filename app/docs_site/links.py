"""Links: turns links between files of the repository into links between pages of the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from app.docs_site.sources import Listing

IMAGES: Final = "docs/images/"
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|/|#", re.IGNORECASE)
_INLINE: Final = re.compile(r"(\]\()([^)\s]+)(\))")
_CODE: Final = re.compile(
    r"(^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\2[`~]*\s*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """How the links of pages are rewritten."""

    listing: Listing
    prefix: str
    """The path below which a proxy serves the site."""

    def to_page(self, slug: str) -> str:
        """Return the path of a page as a browser sees it."""
        return f"{self.prefix}/docs/{slug}" if slug else f"{self.prefix}/docs"

    def resolve(self, file: str, link: str, *, suffix: str = "") -> str | None:
        """Return where a link of this file leads; None if its target is not on the site.

        `suffix` is added to the paths of pages, as `.md` for their Markdown.
        """
        if link.startswith("#"):
            return self._within(file, link, suffix)
        if link.startswith("/"):
            return self.prefix + link
        if _ELSEWHERE.match(link):
            return link
        path, mark, anchor = unquote(link).partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        if target.startswith(IMAGES):
            return f"{self.prefix}/docs/images/{target.removeprefix(IMAGES)}"
        page = self.listing.page_of(target, anchor)
        if page is None:
            return None
        fragment = "" if anchor == page.top else f"{mark}{anchor}"
        return f"{self.to_page(page.slug)}{suffix}{fragment}"

    def _within(self, file: str, link: str, suffix: str) -> str:
        """Return a link to an anchor of the same file, which another page may show."""
        page = self.listing.page_of(file, link[1:])
        if page is None:
            return link
        return f"{self.to_page(page.slug)}{suffix}{'' if link[1:] == page.top else link}"

    def in_markdown(self, file: str, text: str) -> str:
        """Return Markdown whose links lead to the Markdown of the site's pages."""
        pieces = _CODE.split(text)
        # The pattern has two groups, so the text outside of code is each third piece.
        pieces[::3] = [_INLINE.sub(self._rewriter(file), each) for each in pieces[::3]]
        del pieces[2::3]
        return "".join(pieces)

    def _rewriter(self, file: str) -> Callable[[re.Match[str]], str]:
        def rewrite(found: re.Match[str]) -> str:
            target = self.resolve(file, found[2], suffix=".md")
            return f"{found[1]}{found[2] if target is None else target}{found[3]}"

        return rewrite
