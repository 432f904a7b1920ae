"""Pages: the views of the site."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import orjson
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.http import quote_etag

from app.api import caching
from app.api.parameters import takes
from app.api.scopes import needs_no_key
from app.console import rendering
from app.docs_site import llms, responses, site
from app.docs_site.links import INDEX
from app.docs_site.search import MAX_QUERY, Found
from app.docs_site.sources import ROOT, Source
from app.errors import NotFound

_SEARCHING: Final = threading.Lock()
"""Held by the thread that searches. A search takes some milliseconds; one that waited for the turn
of bulks (app/api/computing.py) would wait for a hundred times as long."""

docs: Final = Blueprint("docs_site", __name__, template_folder="templates")
_SUFFIX: Final = ".md"
_IMAGES: Final = ROOT / "docs" / "images"
_IMAGE_TYPES: Final = {".svg": "image/svg+xml", ".png": "image/png"}
_SVG_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Charts have styles within them. Without scripts and requests, these change only the image."""


@docs.get("/docs")
@needs_no_key
@takes(ignoring=True)
def home() -> Response:
    """Show the first page."""
    return _page("")


@docs.get("/docs/")
@needs_no_key
@takes(ignoring=True)
def slash() -> ResponseReturnValue:
    """Lead to the first page."""
    return redirect("/docs", 308)


@docs.get("/docs/<path:slug>")
@needs_no_key
@takes(ignoring=True)
def page(slug: str) -> Response:
    """Show a page, or its Markdown if the path ends in `.md`."""
    return _page(slug)


@docs.get("/docs/search")
@needs_no_key
@takes("q", ignoring=True)
def search() -> Response:
    """Show the sections that match a query, as a page or in JSON."""
    query = request.args.get("q", "").strip()[:MAX_QUERY]
    is_json = not rendering.wants_page() and "json" in request.headers.get("Accept", "")
    body = _results(query, None if is_json else responses.theme_of(request.environ))
    if is_json:
        return Response(body, content_type="application/json")
    response = Response(body, content_type=responses.HTML)
    for name, value in rendering.HEADERS.items():
        response.headers[name] = value
    return response


def find(query: str) -> list[Found]:
    """Return the sections that match a query, when no other thread searches."""
    index = site.current().index()
    with _SEARCHING:
        return index.find(query)


def _results(query: str, theme: str | None) -> bytes:
    """Return what a query finds, in JSON or, with a theme, as a page.

    Searches are made one at a time. Beside several, each request of others would wait for all of
    them whenever it has waited for the network.
    """
    shown = site.current()
    kept = shown.searches.get((query, theme))
    if kept is not None:
        return kept
    index = shown.index()
    with _SEARCHING:
        found = index.find(query)
        if theme is None:
            body = orjson.dumps([_result(each) for each in found]) + b"\n"
        else:
            html = render_template(
                "docs_site/search.html",
                **_common(),
                **shown.navigation_of_search,
                place=None,
                query=query,
                found=found,
                theme=theme,
            )
            body = html.encode()
    if index is not shown.headings:
        shown.searches.put((query, theme), body)
    return body


@docs.get("/docs/images/<name>")
@needs_no_key
@takes(ignoring=True)
def image(name: str) -> Response:
    """Show an image of a page."""
    kind = _IMAGE_TYPES.get(Path(name).suffix)
    known = {each.name: each for each in _IMAGES.iterdir()} if _IMAGES.is_dir() else {}
    if kind is None or name not in known:
        raise NotFound("There is no such image.")
    response = Response(known[name].read_bytes(), content_type=kind)
    response.headers["Content-Security-Policy"] = _SVG_POLICY
    response.set_etag(quote_etag(f"{known[name].stat().st_mtime_ns:x}").strip('"'), weak=True)
    response.make_conditional(request)
    return caching.public(response)


@docs.get("/llms.txt")
@needs_no_key
@takes(ignoring=True)
def llms_index() -> Response:
    """List the pages as llms.txt does (https://llmstxt.org)."""
    return responses.respond(lambda: llms.index(site.current()), responses.TEXT)


@docs.get("/llms-full.txt")
@needs_no_key
@takes(ignoring=True)
def llms_full() -> Response:
    """Show the Markdown of all pages, one after the other."""
    return responses.respond(lambda: llms.full(site.current()), responses.TEXT)


def _page(slug: str) -> Response:
    known = site.current().listing.pages
    is_markdown = slug.endswith(_SUFFIX) or responses.wants_markdown(request.environ)
    bare = slug.removesuffix(_SUFFIX)
    source = known.get("" if bare == INDEX else bare)
    if source is None:
        raise NotFound(
            "There is no such page.",
            remedy="GET /docs/search?q=… finds pages.",
        )
    if is_markdown:
        return responses.respond(lambda: site.current().markdown(source), responses.MARKDOWN)
    return responses.respond(lambda: _html(source), responses.HTML)


def _html(source: Source) -> str:
    found = site.current()
    before, after = found.neighbours(source.slug)
    return render_template(
        "docs_site/home.html" if not source.slug else "docs_site/page.html",
        **frame(source.slug),
        source=source,
        rendered=found.rendered(source),
        markdown_url=found.links.to_twin(source.slug),
        before=before,
        after=after,
    )


def frame(slug: str) -> dict[str, Any]:
    """Return what the frame of a page shows."""
    found = site.current()
    return {
        **_common(),
        "navigation": found.navigation(slug),
        "menu": "",
        "side": "",
        "place": found.place_of(slug),
        "query": "",
    }


def _common() -> dict[str, Any]:
    """Return what the frame of every page shows."""
    found = site.current()
    return {
        "parts": found.listing.parts,
        "pages": found.listing.pages,
        "to_page": found.links.to_page,
        "docs_url": found.links.to_page(""),
        "llms_url": f"{found.links.prefix}/llms.txt",
    }


def _result(found: Found) -> dict[str, str]:
    links = site.current().links
    anchor = f"#{found.unit.anchor}" if found.unit.anchor else ""
    return {
        "page": found.unit.page,
        "heading": found.unit.heading,
        "url": links.to_page(found.unit.slug) + anchor,
        "markdown": links.to_twin(found.unit.slug),
        "excerpt": "".join(each.text for each in found.excerpt).strip(),
    }
