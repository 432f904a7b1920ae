"""Lists of the pages for programs that read text: llms.txt and llms-full.txt."""

from __future__ import annotations

from typing import Final

from app.docs_site.site import Site

_SUMMARY: Final = (
    "Wakecall calls an application back at a booked instant: an HTTP request with a signed "
    "payload, once or by a schedule, retried if it fails. Each page below is Markdown."
)
_MAX_DESCRIPTION: Final = 160
_LEFT_OUT: Final = ("explain/decisions/", "explain/contributing", "reference/changelog")
"""The beginnings of the slugs of pages that llms-full.txt leaves out; llms.txt lists them."""


def index(site: Site) -> str:
    """Return the list of all pages with their descriptions (https://llmstxt.org)."""
    lines = ["# Wakecall", "", f"> {_SUMMARY}", ""]
    for part in site.listing.parts:
        lines += [f"## {part.title}", ""]
        for group in part.groups:
            for entry in group.entries:
                source = site.listing.pages[entry.slug]
                text = shorten(site.rendered(source).description)
                url = site.links.to_twin(source.slug)
                lines.append(f"- [{source.title}]({url})" + (f": {text}" if text else ""))
        lines.append("")
    return "\n".join(lines)


def full(site: Site) -> str:
    """Return the Markdown of all pages but those about the making of Wakecall."""
    texts = [
        site.markdown(source)
        for slug, source in site.listing.pages.items()
        if not slug.startswith(_LEFT_OUT)
    ]
    return "\n\n".join(texts)


def shorten(text: str) -> str:
    """Return the beginning of a text, up to a whole word."""
    bare = " ".join(text.split())
    if len(bare) <= _MAX_DESCRIPTION:
        return bare
    return f"{bare[:_MAX_DESCRIPTION].rpartition(' ')[0].rstrip(',;:')} …"
