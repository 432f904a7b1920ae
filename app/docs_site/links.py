"""Links: turns links between files of the repository into links between pages of the site."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from app.docs_site.sources import Listing, Source

IMAGES: Final = "docs/images/"
INDEX: Final = "index"
"""What the path of the first page's Markdown has in place of its empty slug."""
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|/|#", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """How the links of pages are rewritten."""

    listing: Listing
    prefix: str
    """The path below which a proxy serves the site."""

    def to_page(self, slug: str) -> str:
        """Return the path of a page as a browser sees it."""
        return f"{self.prefix}/docs/{slug}" if slug else f"{self.prefix}/docs"

    def to_twin(self, slug: str) -> str:
        """Return the path of the Markdown of a page."""
        return f"{self.to_page(slug or INDEX)}.md"

    def resolve(self, file: str, link: str, *, to_twins: bool = False) -> str | None:
        """Return where a link of this file leads; None if its target is not on the site.

        With `to_twins`, links to pages lead to their Markdown.
        """
        if link.startswith("#"):
            return self._within(file, link, to_twins=to_twins)
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
        return f"{self._to(page, to_twins=to_twins)}{fragment}"

    def _to(self, page: Source, *, to_twins: bool) -> str:
        return self.to_twin(page.slug) if to_twins else self.to_page(page.slug)

    def _within(self, file: str, link: str, *, to_twins: bool) -> str:
        """Return a link to an anchor of the same file, which another page may show."""
        page = self.listing.page_of(file, link[1:])
        if page is None:
            return link
        return f"{self._to(page, to_twins=to_twins)}{'' if link[1:] == page.top else link}"
