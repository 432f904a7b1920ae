"""The pages of the documentation: each is whole, linked, safe, and cheap to ask for."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml.html import HtmlElement

from app.api.asgi import AsgiApp
from app.docs_site import responses
from app.docs_site.manifest import PARTS
from app.docs_site.site import Site
from app.docs_site.sources import ROOT
from tests.api.exchange import Exchange, scope_of
from tests.console import specimen
from tests.console.rules import check_page

MOST_BYTES = 160 * 1024
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"


def url_of(slug: str) -> str:
    return f"/docs/{slug}" if slug else "/docs"


@pytest.fixture(scope="module")
def documents(app: Flask, site: Site) -> dict[str, HtmlElement]:
    """All pages, each checked against the rules that hold for the console's."""
    client = app.test_client()
    return {
        slug: check_page(
            client.get(url_of(slug), headers={"Accept": "text/html"}).data, most_bytes=MOST_BYTES
        )
        for slug in site.listing.pages
    }


def test_no_link_of_a_page_is_dead(documents: dict[str, HtmlElement], client: FlaskClient) -> None:
    ids = {url_of(slug): set(found.xpath("//@id")) for slug, found in documents.items()}
    dead, known = [], set[str]()
    for slug, document in documents.items():
        for link in document.xpath("//a/@href | //img/@src | //link/@href"):
            path, anchor = urldefrag(link)
            if re.match(r"[a-z]+:|/console/$", link) or path in known or not path:
                continue
            if path in ids:
                if anchor and anchor not in ids[path]:
                    dead.append(f"{slug}: {link}")
            elif client.get(path).status_code >= 400:
                dead.append(f"{slug}: {link}")
            else:
                known.add(path)
    assert dead == []


def test_each_file_of_the_documentation_is_on_the_site(site: Site) -> None:
    files = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert files - set(site.listing.by_file) == set()


def test_each_section_of_a_file_is_on_one_page(site: Site) -> None:
    for file, pages in site.listing.by_file.items():
        if not (ROOT / file).is_file():
            continue
        anchors = [anchor for each in pages for anchor in each.anchors]
        headings = re.findall(r"^## ", (ROOT / file).read_text(), re.MULTILINE)
        assert len(anchors) == len(set(anchors)), file
        assert len(anchors) >= len(headings), file


def test_each_section_that_a_page_is_to_have_is_in_its_file() -> None:
    entries = [entry for part in PARTS for group in part.groups for entry in group.entries]
    missing = [
        f"{entry.slug}: {section}"
        for entry in entries
        for section in entry.sections
        if f"## {section}" not in (ROOT / entry.file).read_text().splitlines()
    ]
    assert missing == []
    assert sum(len(entry.sections) for entry in entries) > len(PARTS)


def test_each_page_leads_to_its_neighbours_and_shows_where_it_is(
    documents: dict[str, HtmlElement],
) -> None:
    first, second = documents["start/first-call"], documents["start/receive"]
    assert first.xpath("//a[@rel='next']/@href") == ["/docs/start/receive"]
    assert first.xpath("//a[@rel='prev']") == []
    assert second.xpath("//a[@rel='prev']/@href") == ["/docs/start/first-call"]
    crumbs = second.xpath("//nav[@aria-label='Breadcrumbs']//li")
    assert [each.text_content() for each in crumbs] == ["Docs", "Start"]
    current = second.xpath("//aside//a[@aria-current='page']/@href")
    assert current == ["/docs/start/receive"]


def test_the_table_of_contents_leads_to_the_headings(documents: dict[str, HtmlElement]) -> None:
    document = documents["reference/schedules"]
    listed = document.xpath("//nav[@aria-label='On this page']//a/@href")
    headings = document.xpath("//article//*[self::h2 or self::h3]/@id")
    assert listed == [f"#{each}" for each in headings]
    assert len(listed) > 3


def test_the_list_for_programs_names_each_page(client: FlaskClient, site: Site) -> None:
    listed = re.findall(
        r"^- \[.+?\]\((/docs/\S+)\.md\)", client.get("/llms.txt").text, re.MULTILINE
    )
    assert sorted(listed) == sorted(url_of(slug) for slug in site.listing.pages if slug)
    assert len(client.get("/llms-full.txt").data) > 100_000


def test_pages_have_the_headers_of_the_console(client: FlaskClient) -> None:
    for path in ("/docs", "/docs/reference/runs", "/docs/search?q=x", "/docs/nothing"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"].startswith(POLICY), path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "Set-Cookie" not in headers, path


def test_the_console_leads_here(client: FlaskClient) -> None:
    for path in ("/", "/console/login"):
        document = check_page(client.get(path).data)
        assert "/docs" in document.xpath("//a/@href"), path


def test_a_page_that_is_known_is_not_sent_again(client: FlaskClient) -> None:
    page = client.get("/docs/reference/runs")
    assert page.headers["Cache-Control"] == "public, max-age=300"
    for tag in (page.headers["ETag"], f'"x", {page.headers["ETag"]}'):
        again = client.get("/docs/reference/runs", headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
    head = client.head("/docs/reference/runs")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(page.data))


def test_a_theme_that_was_chosen_on_the_console_holds_here(client: FlaskClient) -> None:
    client.set_cookie("wakecall_theme", "dark")
    assert '<html lang="en" data-theme="dark">' in client.get("/docs").text
    assert '<html lang="en" data-theme="dark">' in client.get("/docs/search").text
    client.set_cookie("wakecall_theme", '"><script>')
    assert '<html lang="en">' in client.get("/docs").text


def test_a_missing_page_offers_the_search_and_pages_that_may_be_meant(client: FlaskClient) -> None:
    answer = client.get("/docs/explain/idempotency-at-the-ends")
    document = check_page(answer.data, most_bytes=MOST_BYTES)
    assert answer.status_code == 404
    assert document.xpath("//form[@role='search']/@action")
    assert "/docs/explain/idempotency" in document.xpath("//ol[@class='results']//a/@href")[0]
    program = client.get("/docs/nothing", headers={"Accept": "application/json"})
    assert program.get_json()["type"] == "/problems/not-found"
    assert client.post("/docs").status_code == 405


@pytest.mark.parametrize("name", ["..%2f..%2fREADME.md", "performance.txt", "nothing.svg"])
def test_only_images_are_served_as_images(client: FlaskClient, name: str) -> None:
    assert client.get("/docs/images/performance.svg").content_type == "image/svg+xml"
    assert client.get(f"/docs/images/{name}").status_code == 404


def test_a_prefix_is_part_of_every_link(tmp_path: Path) -> None:
    client = specimen.make(tmp_path, WAKECALL_PATH_PREFIX="/calls").test_client()
    page = client.get("/docs/start/first-call", headers={"Accept": "text/html"})
    links = check_page(page.data, most_bytes=MOST_BYTES).xpath("//a/@href | //link/@href")
    own = [each for each in links if each.startswith("/")]
    assert len(own) > 30
    assert [each for each in own if not each.startswith("/calls/")] == []
    assert "](/calls/docs/start/receive.md)" in client.get("/docs/start/first-call.md").text


def test_the_event_loop_answers_for_a_page_that_was_made(app: Flask) -> None:
    def application(_environ: Any, _start: Any) -> Any:
        raise AssertionError

    page = app.test_client().get("/docs/reference/runs", headers={"Accept": "text/html"})
    kept: responses.Responses = app.extensions["wakecall.docs_responses"]
    asgi = AsgiApp(application, quick=lambda environ: responses.answer(kept, environ))

    def ask(method: str = "GET", **headers: str) -> Exchange:
        exchange = Exchange()
        scope = scope_of(method, Accept="text/html", **headers)
        scope |= {"raw_path": b"/docs/reference/runs", "query_string": b""}
        asyncio.run(asgi(scope, exchange.receive, exchange.send))
        return exchange

    assert ask().body == page.data
    assert gzip.decompress(ask(Accept_Encoding="gzip, br").body) == page.data
    known = ask(If_None_Match=page.headers["ETag"])
    assert (known.sent[0]["status"], known.body) == (304, b"")
    assert ask("HEAD").body == b""


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("POST", "/docs/reference/runs", ""),
        ("GET", "/docs/reference/runs", "x=1"),
        ("GET", "/docs/other", ""),
        ("GET", "/docsx", ""),
    ],
)
def test_all_else_is_left_to_the_application(
    app: Flask, method: str, path: str, query: str
) -> None:
    kept: responses.Responses = app.extensions["wakecall.docs_responses"]
    asked = {"PATH_INFO": path, "REQUEST_METHOD": method, "QUERY_STRING": query}
    assert responses.answer(kept, {**asked, "HTTP_ACCEPT": "text/html"}) is None


def test_what_is_kept_is_bounded_by_the_pages(app: Flask, client: FlaskClient, site: Site) -> None:
    kept: responses.Responses = app.extensions["wakecall.docs_responses"]
    for number in range(50):
        client.get(f"/docs/none/{number}")
        client.get(f"/docs?n={number}")
        client.get(f"/docs/search?q={number}")
    assert len(kept) <= (len(site.listing.pages) + 2) * 6


def test_links_to_files_that_are_not_on_the_site_are_text(site: Site) -> None:
    page = site.rendered(site.listing.pages["reference/operations"])
    assert '<span class="file" title="Procfile in the repository">Procfile</span>' in page.html
