"""The list of jobs: rows, filters, orders and pages."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from lxml.html import HtmlElement

from app.console.pages import jobs as jobs_page
from app.domain.role import Role
from app.domain.run import RunState
from tests.console.job_scene import HOSTILE, add_run, book, book_by_dapr, text
from tests.console.people import SignedIn
from tests.console.rules import check_page


def listed(page: str) -> list[UUID]:
    """The ids of the jobs of a page, in order."""
    links = check_page(page).xpath("//table[@id='jobs']//td[contains(@class, 'first')]/a/@href")
    return [UUID(each.rpartition("/")[2]) for each in links]


def row(page: str, job_id: UUID) -> HtmlElement:
    found: HtmlElement = check_page(page).get_element_by_id(f"j{job_id.hex[-12:]}")
    return found


def test_without_jobs_the_page_says_how_to_begin(signed_in: SignedIn) -> None:
    document = check_page(signed_in.get("/console/jobs"))
    assert "No jobs yet" in text(document)
    assert "curl -X POST http://localhost/1/jobs" in text(document)
    assert document.xpath("//main//a[@href='/console/jobs/new']")


def test_a_row_shows_what_a_job_does_and_did(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    job_id = book(signed_in, name="invoices", tags=["billing"], timezone="Europe/Berlin")
    for hours, state in ((3, RunState.SUCCEEDED), (2, RunState.SUCCEEDED), (1, RunState.DEAD)):
        add_run(connection, signed_in, job_id, state, hours_ago=hours)
    page = signed_in.get("/console/jobs")
    shown = row(page, job_id)
    for part in (
        "invoices billing",
        "POST example.com",
        "at 10:15 from Monday to Friday, Europe/Berlin",
        "0 15 10 ? * MON-FRI",
        "in ",
        "dead 1 h ago",
    ):
        assert part in text(shown)
    assert shown.xpath(".//svg[@class='strip']/@aria-label") == ["2 succeeded, 1 dead"]
    assert [each.get("class") for each in shown.xpath(".//svg[@class='strip']/path")] == [
        "good",
        "bad",
    ]
    assert 'data-live="5"' in page


def test_jobs_of_each_dialect_and_state_are_listed(signed_in: SignedIn) -> None:
    once = book(signed_in, when="2099-01-01T00:00:00Z")
    paused = book(signed_in, enabled=False)
    dapr = book_by_dapr(signed_in, "poll", repeats=3)
    page = signed_in.get("/console/jobs")
    assert listed(page) == [dapr, paused, once]
    assert "once Thu 1 Jan 2099 00:00:00 UTC" in text(row(page, once))
    assert "paused" in text(row(page, paused))
    assert "Dapr app app every hour, 3 more times @every 1h" in text(row(page, dapr))


def test_filters_and_orders_are_those_of_the_api(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    often = book(signed_in, name="b", tags=["x"], url="https://b.example.com/")
    once = book(signed_in, name="a", when="2099-01-01T00:00:00Z")
    paused = book(signed_in, enabled=False, tags=["x", "y"])
    add_run(connection, signed_in, often, RunState.FAILED)
    for query, wanted in (
        ("", [paused, once, often]),
        ("?sort=next", [often, once]),
        ("?sort=name", [once, often]),
        ("?enabled=false", [paused]),
        ("?failing=true", [often]),
        ("?kind=once", [once]),
        ("?tag=x&tag=y", [paused]),
        ("?namePrefix=b&host=&tag=&dialect=", [often]),
        ("?host=b.example.com", [often]),
        ("?dialect=dapr", []),
    ):
        assert listed(signed_in.get(f"/console/jobs{query}")) == wanted, query
    none = text(check_page(signed_in.get("/console/jobs?host=none.example.com")))
    assert "No job matches these filters." in none
    assert "Clear filters" in none


@pytest.mark.parametrize("place", ["jobs", "upcoming"])
def test_the_form_of_the_filters_has_all_tags(signed_in: SignedIn, place: str) -> None:
    book(signed_in, tags=["x", "y"])
    for tags, query in ((["x", "y"], "?tag=x&tag=y"), (["x"], "?tag=x&tag="), ([""], "")):
        page = check_page(signed_in.get(f"/console/{place}{query}"))
        assert page.xpath("//form[@id='filters']//input[@name='tag']/@value") == tags


@pytest.mark.parametrize(
    "query",
    [
        "state=paused",
        "kind=daily",
        "sort=oldest",
        "enabled=1",
        "cursor=x",
        "sort=next&enabled=false",
    ],
)
def test_what_cannot_be_filtered_by_is_refused(signed_in: SignedIn, query: str) -> None:
    answer = signed_in.client.get(f"/console/jobs?{query}")
    assert answer.status_code == 400
    check_page(answer.data)


def test_pages_lead_to_every_job_once(
    signed_in: SignedIn, other_user: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_page, "PER_PAGE", 2)
    made = [book(signed_in, name=f"n{number}", tags=["x"]) for number in range(5)]
    for query in ("?sort=name&tag=x", "?sort=name&tag=x&host=example.com"):
        place, found = query, list[UUID]()
        while place:
            page = signed_in.get(f"/console/jobs{place}")
            found += listed(page)
            links = check_page(page).xpath("//a[@rel='next']/@href")
            assert ("data-live" in page) == (place == query)
            assert other_user.client.get(f"/console/jobs{place}").status_code in {200, 400}
            place = links[0] if links else ""
        assert found == made


def test_a_reader_sees_and_is_offered_nothing_to_change(signed_in: SignedIn) -> None:
    job_id = book(signed_in)
    page = signed_in.with_role(Role.READER).get("/console/jobs")
    assert listed(page) == [job_id]
    document = check_page(page)
    assert not document.xpath("//input[@type='checkbox']")
    assert not document.xpath("//a[contains(@href, '/new')]")


def test_another_accounts_jobs_are_not_listed(signed_in: SignedIn, other_user: SignedIn) -> None:
    book(signed_in)
    assert "No jobs yet" in other_user.get("/console/jobs")


def test_text_of_clients_is_never_markup(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    named = book(signed_in, name=HOSTILE, tags=[HOSTILE], data=HOSTILE)
    bare = book(signed_in, url=f"https://example.com/?{HOSTILE}".replace(" ", ""))
    page = signed_in.get("/console/jobs")
    assert listed(page) == [bare, named]
    assert "<script>alert" not in page
    assert HOSTILE in text(row(page, named))


def test_a_full_page_is_small(signed_in: SignedIn, connection: psycopg.Connection) -> None:
    """The rule of 40 KB is in check_page."""
    for number in range(jobs_page.PER_PAGE):
        job_id = book(
            signed_in,
            name=f"send-the-invoices-of-region-{number}",
            tags=["billing", "nightly"],
            cron="0 0/15 9-17 ? * MON-FRI",
            timezone="America/New_York",
        )
        for hours in range(30):
            state = RunState.FAILED if hours % 3 == 0 else RunState.SUCCEEDED
            add_run(connection, signed_in, job_id, state, hours_ago=hours + 1)
    assert len(listed(signed_in.get("/console/jobs"))) == jobs_page.PER_PAGE
