"""Site: the pages of one application, each rendered once per process, and the search over them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from flask import Flask, current_app, get_template_attribute
from markupsafe import Markup

from app.api.computing import Turn
from app.api.openapi.assemble import document
from app.api.openapi.native import description as native
from app.docs_site import api_reference, markdown, search, sources, twins
from app.docs_site.kept_searches import KeptSearches
from app.docs_site.links import Links
from app.docs_site.manifest import Group, Part
from app.docs_site.markdown import Rendered
from app.docs_site.sources import Listing, Source

_EXTENSION: Final = "wakecall.docs_site"
_RARELY_SOUGHT: Final = ("explain/decisions/", "explain/contributing", "reference/changelog")
_RARE_WEIGHT: Final = 0.35


@dataclass(frozen=True, kw_only=True, slots=True)
class NavLink:
    """A page in the navigation of another."""

    name: str
    url: str
    current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class NavGroup:
    """Links that stand together; `title` is empty for the first group of a part."""

    title: str
    links: tuple[NavLink, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NavPart:
    """One of the four parts, as the navigation shows it."""

    title: str
    groups: tuple[NavGroup, ...]
    current: bool
    """Whether it contains the page that is shown."""


class Site:
    """What is known of the pages, and what of it has been rendered."""

    def __init__(self, prefix: str, describe: Callable[[], api_reference.Document]) -> None:
        self._prefix = prefix
        self._describe = describe
        self._rendered: dict[str, Rendered] = {}
        self._index: search.Index | None = None
        self.searches = KeptSearches()
        self._making = threading.Lock()

    @cached_property
    def listing(self) -> Listing:
        """All pages. Raises OSError if a file cannot be read."""
        described = self._describe()
        return sources.read(
            made=api_reference.pages(described), groups=(api_reference.group(described),)
        )

    @cached_property
    def links(self) -> Links:
        """How links of the pages are rewritten."""
        return Links(listing=self.listing, prefix=self._prefix)

    @cached_property
    def headings(self) -> search.Index:
        """The index of titles and headings alone, which takes a moment to make."""
        return search.Index(
            search.Unit(slug=each.slug, page=each.title, anchor=anchor, heading=heading, text="")
            for each in self.listing.pages.values()
            for anchor, heading in [("", ""), *sources.anchors(each)]
        )

    def find(self, query: str) -> list[search.Found]:
        """Return the sections that match a query."""
        return self.index().find(query)

    def index(self) -> search.Index:
        """Return the index of all words, or that of headings while the other one is made.

        To index all words takes seconds of computing. The thread that asks first does it, in turn
        with other requests that compute; what others ask for meanwhile is found by titles and
        headings, so that none of them waits.
        """
        return self._index or self._make_index()

    @cached_property
    def navigation_of_search(self) -> dict[str, Markup]:
        """The two lists of pages that a page of results shows, which are the same on each."""
        write = get_template_attribute("docs_site/navigation.html", "navigation_list")
        parts = self.navigation("")
        return {"menu": Markup(write("menu", parts)), "side": Markup(write("nav", parts))}  # noqa: S704 - the template escaped it

    def _make_index(self) -> search.Index:
        if not self._making.acquire(blocking=False):
            return self.headings
        try:
            if self._index is None:
                self._index = search.Index(self._units())
            return self._index
        finally:
            self._making.release()

    def rendered(self, source: Source) -> Rendered:
        """Return the page as HTML."""
        known = self._rendered.get(source.slug)
        if known is None:
            known = self._rendered[source.slug] = markdown.render(source, self.links)
        return known

    def markdown(self, source: Source) -> str:
        """Return the Markdown of a page, as the site serves it."""
        return twins.twin(source, self.links)

    def navigation(self, slug: str) -> list[NavPart]:
        """Return the navigation of a page."""
        return [
            NavPart(
                title=part.title,
                groups=tuple(self._groups(part, slug)),
                current=any(e.slug == slug for group in part.groups for e in group.entries),
            )
            for part in self.listing.parts
        ]

    def _groups(self, part: Part, slug: str) -> Iterator[NavGroup]:
        for group in part.groups:
            is_open = not group.folded or any(each.slug == slug for each in group.entries)
            entries = group.entries if is_open else group.entries[:1]
            yield NavGroup(
                title=group.title,
                links=tuple(
                    NavLink(
                        name=self.listing.pages[each.slug].name,
                        url=self.links.to_page(each.slug),
                        current=each.slug == slug,
                    )
                    for each in entries
                ),
            )

    def place_of(self, slug: str) -> tuple[Part, Group] | None:
        """Return the part and the group of a page; None for the first page."""
        for part in self.listing.parts:
            for group in part.groups:
                if any(each.slug == slug for each in group.entries):
                    return part, group
        return None

    def neighbours(self, slug: str) -> tuple[Source | None, Source | None]:
        """Return the pages before and after a page, within its part."""
        found = self.place_of(slug)
        if found is None:
            return None, None
        slugs = [each.slug for group in found[0].groups for each in group.entries]
        at = slugs.index(slug)
        before = self.listing.pages[slugs[at - 1]] if at else None
        after = self.listing.pages[slugs[at + 1]] if at + 1 < len(slugs) else None
        return before, after

    def _units(self) -> Generator[search.Unit, None, None]:
        """Render the pages, each in a turn that lasts until its last section is indexed."""
        for source in self.listing.pages.values():
            is_rare = source.slug.startswith(_RARELY_SOUGHT)
            with Turn(is_long=True):
                for each in self.rendered(source).sections:
                    yield search.Unit(
                        slug=source.slug,
                        page=source.title,
                        anchor=each.anchor,
                        heading=each.title,
                        text=" ".join(each.text.split()),
                        weight=_RARE_WEIGHT if is_rare else 1.0,
                    )


def install(app: Flask, prefix: str) -> None:
    """Keep the site of this application, which a proxy may serve below `prefix`."""
    app.extensions[_EXTENSION] = Site(prefix, lambda: document(native.describe(prefix)))


def current() -> Site:
    """Return the site of the application that answers this request."""
    found: Site = current_app.extensions[_EXTENSION]
    return found
