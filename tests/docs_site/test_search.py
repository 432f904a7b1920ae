"""The search of the documentation: it finds, ranks, and stays within its bounds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.computing import Turn
from app.docs_site import markdown, pages
from app.docs_site.kept_searches import MAX_BYTES, KeptSearches
from app.docs_site.links import Links
from app.docs_site.markdown import Rendered
from app.docs_site.search import MAX_RESULTS, Found, Index, Unit
from app.docs_site.site import Site, current
from app.docs_site.sources import Source
from tests.console.rules import check_page
from tests.worst import is_fast


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("retries", "reference/jobs"),
        ("onGap", "reference/schedules"),
        ("onOverlap", "reference/schedules"),
        ("idempotency key", "reference/idempotency"),
        ("Retry-After", "how-to/from-dapr"),
        ("rotate secret", "how-to/rotate-secrets"),
        ("how do I rotate a secret?", "how-to/rotate-secrets"),
        ("too many requests", "problems/rate-limited"),
        ("book many jobs", "how-to/many-jobs"),
        ("proxy nginx", "reference/operations"),
        ("first call", "start/first-call"),
        ("misf", "reference/jobs"),
    ],
)
def test_a_page_is_among_the_first_results(site: Site, query: str, slug: str) -> None:
    assert slug in [each.unit.slug for each in site.find(query)[:4]]


def test_a_heading_counts_more_than_text_and_rare_pages_less() -> None:
    units = [
        Unit(slug="a", page="A", anchor="", heading="", text="the limit of a thing, a limit"),
        Unit(slug="b", page="B", anchor="limit", heading="Limits", text="of a thing"),
        Unit(slug="c", page="C", anchor="limit", heading="Limit", text="of a thing", weight=0.1),
    ]
    assert [each.unit.slug for each in Index(units).find("limits")] == ["b", "a", "c"]
    assert Index(units).find("limit thing nowhere")[0].unit.slug == "b"


def test_an_excerpt_shows_the_words() -> None:
    text = f"{'before ' * 50}the needle, and Needles {'after ' * 80}"
    (found,) = Index([Unit(slug="a", page="A", anchor="", heading="", text=text)]).find("needle")
    assert [each.text for each in found.excerpt if each.hit] == ["needle", "Needles"]
    assert len("".join(each.text for each in found.excerpt)) < 300


@pytest.mark.parametrize("query", ["", "   ", "?!", "xyzzyqux", "\0", "a" * 5000, "🦄", "[(*"])
def test_a_query_that_finds_nothing_is_answered(client: FlaskClient, query: str) -> None:
    answer = client.get("/docs/search", query_string={"q": query})
    assert answer.status_code == 200
    check_page(answer.data)


def test_words_of_a_query_are_text(client: FlaskClient) -> None:
    answer = client.get("/docs/search", query_string={"q": '"><script>alert(1)</script> retry'})
    document = check_page(answer.data)
    assert document.xpath("//script") == []
    assert document.get_element_by_id("query").get("value").startswith('"><script>')


@pytest.fixture
def fresh(app: Flask) -> Site:
    """A site of which nothing has been rendered."""
    with app.app_context():
        made = Site("", current()._describe)
        assert made.listing
    return made


def test_while_the_index_is_made_others_search_the_headings(
    fresh: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = markdown.render
    rendering, go_on = threading.Event(), threading.Event()

    def slowly(source: Source, links: Links) -> Rendered:
        rendering.set()
        assert go_on.wait(60)
        return render(source, links)

    monkeypatch.setattr(markdown, "render", slowly)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(fresh.find, "misfireWindow")
        try:
            assert rendering.wait(60)
            meanwhile = {query: fresh.find(query) for query in ("rotate secret", "misfireWindow")}
            assert not first.done()
        finally:
            go_on.set()
        found = first.result(60)

    assert meanwhile["rotate secret"][0].unit.slug == "how-to/rotate-secrets"
    assert meanwhile["misfireWindow"] == []
    assert found
    assert fresh.find("misfireWindow") == found


def test_an_index_that_could_not_be_made_is_made_again(
    fresh: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(markdown, "render", unreadable)
        with pytest.raises(OSError, match="no disk"):
            fresh.find("misfireWindow")

    assert fresh.find("misfireWindow")


def unreadable(*_: object) -> Rendered:
    raise OSError("no disk")


def test_a_page_is_indexed_in_turn_with_requests_that_compute(fresh: Site) -> None:
    entered = threading.Event()

    def compute() -> None:
        with Turn(is_long=True):
            entered.set()

    units = fresh._units()
    slug = next(units).slug
    waiting = threading.Thread(target=compute)
    waiting.start()
    while next(units).slug == slug:
        assert not entered.is_set()
    units.close()
    waiting.join(60)

    assert entered.is_set()


def test_an_equal_search_is_answered_without_another(
    client: FlaskClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.find("retry")
    asked: list[tuple[str, bool]] = []
    find = Index.find

    def note(index: Index, query: str, limit: int = MAX_RESULTS) -> list[Found]:
        asked.append((query, pages._SEARCHING.locked()))
        return find(index, query, limit)

    monkeypatch.setattr(Index, "find", note)
    monkeypatch.setattr(site, "searches", KeptSearches())
    answers = {
        accepted: [
            client.get("/docs/search?q=retry%20delay", headers={"Accept": accepted})
            for _ in range(2)
        ]
        for accepted in ("text/html", "application/json")
    }
    client.get("/docs/search?q=retry%20delays")
    assert client.get("/docs/no-such-page").status_code == 404

    # Each while no other thread searches.
    assert asked == [
        *[("retry delay", True)] * 2,
        *[(each, True) for each in ("retry delays", "no such page")],
    ]
    for first, second in answers.values():
        assert (first.data, first.content_type) == (second.data, second.content_type)
    assert answers["application/json"][0].get_json()[0]["url"].startswith("/docs/")
    assert answers["text/html"][0].data.startswith(b"<!doctype html>")


def test_a_page_of_results_has_the_lists_of_every_page(client: FlaskClient) -> None:
    results = check_page(client.get("/docs/search?q=retry").data)
    page = check_page(client.get("/docs").data)

    links = [
        [(each.get("href"), each.text) for each in document.xpath("//details//a")]
        for document in (results, page)
    ]
    assert len(links[0]) > 20
    assert links[0] == links[1]


def test_what_is_kept_of_searches_is_bounded_in_bytes_and_the_newest(site: Site) -> None:
    kept = KeptSearches(10_000)
    for n in range(100):
        kept.put(n, b"x" * 1000)
        kept.get(95)

    assert kept.size <= 10_000
    assert [n for n in range(100) if kept.get(n)] == [94, 95, 96, 97, 98, 99]
    kept.put(99, b"y" * 20_000)
    assert kept.get(99) is None
    assert kept.size == 0
    assert site.searches.size <= MAX_BYTES


def test_what_headings_answered_is_not_kept(
    app: Flask, client: FlaskClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    del app
    monkeypatch.setattr(site, "searches", KeptSearches())
    with monkeypatch.context() as patched:
        patched.setattr(site, "_index", None)
        patched.setattr(site, "_make_index", lambda: site.headings)
        client.get("/docs/search?q=misfireWindow")
        assert site.searches.size == 0
    client.get("/docs/search?q=misfireWindow")
    assert site.searches.size > 0


def test_headings_lead_to_anchors_of_their_pages(site: Site) -> None:
    anchors = {(each.slug, each.anchor) for each in site.headings._units if each.anchor}

    assert anchors <= {(each.slug, each.anchor) for each in site._units()}
    assert len(anchors) > len(site.listing.pages)


def test_the_costliest_queries_are_cheap(site: Site) -> None:
    for query in ("the of a is to", "s", "a b c d e f g h", "re", "e" * 100, "the " * 25):
        assert len(site.find(query)) <= MAX_RESULTS
        assert is_fast(site.find, query)


def test_programs_get_json(client: FlaskClient) -> None:
    answer = client.get("/docs/search?q=redelivery", headers={"Accept": "application/json"})
    first = answer.get_json()[0]
    assert set(first) == {"page", "heading", "url", "markdown", "excerpt"}
    assert client.get(first["url"]).status_code == 200
    assert client.get(first["markdown"]).content_type.startswith("text/markdown")
